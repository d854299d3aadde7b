/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "fixture_decide.h"

static void a_good_boot_is_ok(void **state)
{
        (void)state;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        assert_null(d.code);
        assert_ptr_equal(d.boot, &fx.boot);
        assert_ptr_equal(d.profile, &fx.profile);
        assert_int_equal(d.n_diffs, 0);
        assert_true(d.genuine);
}

/* ---- who it is --------------------------------------------------------- */

static void an_ek_of_another_template_is_refused(void **state)
{
        (void)state;
        fx.knobs.broken_ek = true;
        decide_refused("M-EK");
        assert_false(d.genuine);
}

static void a_node_id_that_is_not_the_eks_is_refused(void **state)
{
        (void)state;
        fx.knobs.other_node = true;
        decide_refused("M-EK");
}

static void a_removed_node_is_refused(void **state)
{
        (void)state;
        fx.node.rec = NODE_REC_REMOVED;
        decide_refused("M-UNKNOWN");
}

static void a_revoked_node_is_refused(void **state)
{
        (void)state;
        fx.node.rec = NODE_REC_REVOKED;
        decide_refused("M-REVOKED");
        fixture_build(&fx);
        decide_identity(fx.evidence, &fx.node, NULL, &d);
        refused("M-REVOKED");
}

static void a_quarantined_node_is_refused(void **state)
{
        (void)state;
        fx.node.rec = NODE_REC_QUARANTINED;
        decide_refused("M-QUARANTINED");
}

static void a_node_without_an_ek_chain_is_refused_unless_enrolled_so(void **state)
{
        (void)state;
        decide_chain(EK_CHAIN_UNMATCHED, NULL);
        refused("M-EKCERT");
        decide_chain(EK_CHAIN_NONE, NULL);
        refused("M-EKCERT");
        fx.node.without_ek_cert = true;
        decide_chain(EK_CHAIN_NONE, NULL);
        assert_int_equal(d.verdict, DECIDE_OK);
}

static void an_ak_with_other_attributes_is_refused(void **state)
{
        static const uint32_t bad[] = {
                0x00040472, /* not restricted */
                0x00010472, /* does not sign */
                0x00070472, /* decrypts too */
                0x00050470, /* not fixedTPM */
                0x00050462, /* not fixedParent */
                0x00050452, /* made outside */
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                fx.knobs.ak_attributes = bad[i];
                decide_refused("M-AK");
        }
}

static void an_ak_without_noda_is_another_ak_but_allowed(void **state)
{
        (void)state;
        fx.knobs.ak_attributes = 0x00050072;
        decide();
        assert_int_equal(d.verdict, DECIDE_CHALLENGE);
}

/* ---- the quote --------------------------------------------------------- */

static void a_quote_that_no_tpm_made_is_refused(void **state)
{
        (void)state;
        fx.knobs.magic = 0xff544348;
        decide_refused("M-QUOTE");
}

static void an_attestation_that_is_no_quote_is_refused(void **state)
{
        (void)state;
        fx.knobs.type = 0x8017;
        decide_refused("M-QUOTE");
}

static void bytes_after_the_quote_are_refused(void **state)
{
        (void)state;
        fx.knobs.trailing_quote = true;
        decide_refused("M-QUOTE");
}

static void another_keys_signature_is_refused(void **state)
{
        (void)state;
        fx.knobs.other_key = true;
        decide_refused("M-SIGNATURE");
        assert_false(d.genuine);
}

static void a_request_of_another_connection_is_refused(void **state)
{
        (void)state;
        fx.exporter[31] ^= 1;
        decide_chain(EK_CHAIN_OK, NULL);
        refused("M-BINDING");
        assert_false(d.genuine);
}

static void a_changed_request_under_the_same_quote_is_refused(void **state)
{
        (void)state;
        fx.req.digest[0] ^= 1;
        decide_chain(EK_CHAIN_OK, NULL);
        refused("M-BINDING");
}

static void any_other_selection_is_refused(void **state)
{
        static const uint8_t bad[][3] = {{0, 0, 0}, {0xff, 0x7b, 0}, {0xff, 0xff, 0}, {0xff, 0xfb, 1}, {0xfe, 0xfb, 0}};

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                fx.knobs.select = bad[i];
                decide_refused("M-SELECTION");
        }
}

static void another_bank_is_refused(void **state)
{
        (void)state;
        fx.knobs.bank = TPM_SHA1;
        decide_refused("M-SELECTION");
}

static void values_that_were_not_quoted_are_refused(void **state)
{
        (void)state;
        fx.knobs.lie_about_pcrs = true;
        decide_refused("M-PCRDIGEST");
        assert_true(d.genuine);
}

static void a_restart_count_that_went_back_in_one_reset_is_refused(void **state)
{
        (void)state;
        fx.node.restart_count = 3;
        fx.restart_count = 2;
        decide_refused("M-RESETCOUNT");
        assert_int_equal(d.diffs[0].what, DIFF_RESTART);
        assert_int_equal(d.diffs[0].count, 2);
        assert_int_equal(d.diffs[0].want_count, 3);
        fx.restart_count = 3;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        fx.restart_count = 4;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        fx.restart_count = 0; /* a reset starts it over */
        fx.reset_count = 8;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
}

/* Two machines with one TPM state, or a state put back. */
static void a_clock_that_does_not_go_on_within_one_boot_is_refused(void **state)
{
        (void)state;
        fx.node.restart_count = fx.restart_count = 3;
        fx.node.clock = 5000000000;
        for (uint64_t clock = 4999999998; clock <= 5000000000; clock++) {
                fx.clock = clock;
                decide_refused("M-RESETCOUNT");
                assert_int_equal(d.diffs[0].what, DIFF_CLOCK);
                assert_true(d.diffs[0].count == clock && d.diffs[0].want_count == 5000000000);
        }
        fx.clock = 5000000001;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        fx.clock = 1; /* another boot: the clock may start again from what was saved */
        fx.restart_count = 4;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        fx.restart_count = 0;
        fx.reset_count = 8;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
}

/* There the counters are obfuscated, and anyone may make keys. */
static void an_ak_of_another_hierarchy_is_refused(void **state)
{
        static const uint32_t others[] = {0x40000001, 0x40000007, 0x4000000c, 0x81010001};

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                fx.knobs.hierarchy = others[i];
                decide_refused("M-AK");
        }
        fx.knobs.hierarchy = 0x4000000b;
        for (size_t n = 2; n < 34; n += 31) {
                fx.knobs.signer_len = n;
                decide_refused("M-AK");
        }
        fx.knobs.signer_len = 34;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
}

static void a_reset_count_that_went_back_is_refused(void **state)
{
        (void)state;
        fx.reset_count = 6;
        decide_refused("M-RESETCOUNT");
        assert_int_equal(d.diffs[0].count, 6);
        assert_int_equal(d.diffs[0].want_count, 7);
        fx.reset_count = 7; /* a retry within one boot */
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
        fx.reset_count = 8;
        decide();
        assert_int_equal(d.verdict, DECIDE_OK);
}

static void a_running_system_is_refused(void **state)
{
        (void)state;
        fixture_event(&fx, 15, EV_IPL, NULL, "manifest", 8);
        decide_refused("M-CAPPED");
}

/* A refusal before the AK is known to be this EK's says nothing about the
 * node: anyone could have sent it. */
static void evidence_of_an_unknown_ak_is_not_genuine(void **state)
{
        (void)state;
        fixture_event(&fx, 15, EV_IPL, NULL, "manifest", 8);
        decide_refused("M-CAPPED");
        assert_true(d.genuine);
        fx.node.ak_name[10] ^= 1;
        decide_refused("M-CAPPED");
        assert_false(d.genuine);
        fx.node.has_ak = false;
        decide_refused("M-CAPPED");
        assert_false(d.genuine);
}

/* ---- identity ---------------------------------------------------------- */

static void an_unknown_ak_is_challenged_then_known(void **state)
{
        uint8_t name[POLICY_NAME_LEN];

        (void)state;
        fx.node.has_ak = false;
        decide();
        assert_int_equal(d.verdict, DECIDE_CHALLENGE);
        assert_false(d.genuine);
        assert_false(d.ak_changed);
        memcpy(name, evidence_ak_name(fx.evidence), sizeof(name));
        decide_chain(EK_CHAIN_OK, name);
        assert_int_equal(d.verdict, DECIDE_OK);
        name[5] ^= 1;
        decide_chain(EK_CHAIN_OK, name);
        assert_int_equal(d.verdict, DECIDE_CHALLENGE);
}

static void a_changed_ak_is_challenged_and_starts_over(void **state)
{
        (void)state;
        fx.node.ak_name[10] ^= 1;
        fx.reset_count = 1;
        decide();
        assert_int_equal(d.verdict, DECIDE_CHALLENGE);
        assert_true(d.ak_changed);
        assert_false(d.genuine);
        decide_identity(fx.evidence, &fx.node, evidence_ak_name(fx.evidence), &d);
        assert_int_equal(d.verdict, DECIDE_GO_ON);
        assert_true(d.ak_changed);
        assert_true(d.genuine);
        assert_true(d.cleared); /* TPM2_Clear() makes both: a new AK, and counters that start over */
}

static void a_new_ak_whose_counters_go_on_is_of_a_tpm_that_was_not_cleared(void **state)
{
        (void)state;
        fx.node.ak_name[10] ^= 1;
        fx.node.clock = 20000;
        for (uint32_t reset = 6; reset < 9; reset++) {
                fx.reset_count = reset; /* on record: 7 */
                fx.clock = 20001;
                fixture_build(&fx);
                decide_identity(fx.evidence, &fx.node, evidence_ak_name(fx.evidence), &d);
                assert_int_equal(d.cleared, reset < 7);
        }
        fx.reset_count = 7;
        fx.clock = 20000;
        fixture_build(&fx);
        decide_identity(fx.evidence, &fx.node, evidence_ak_name(fx.evidence), &d);
        assert_true(d.cleared);
}

static void an_unapproved_node_is_pending_only_after_activation(void **state)
{
        (void)state;
        fx.node = (struct decide_node){.rec = NODE_REC_NONE};
        fixture_build(&fx);
        decide_chain(EK_CHAIN_NONE, NULL);
        assert_int_equal(d.verdict, DECIDE_CHALLENGE);
        decide_chain(EK_CHAIN_NONE, evidence_ak_name(fx.evidence));
        assert_int_equal(d.verdict, DECIDE_PENDING);
        fx.node.rec = NODE_REC_PENDING;
        decide_chain(EK_CHAIN_NONE, evidence_ak_name(fx.evidence));
        assert_int_equal(d.verdict, DECIDE_PENDING);
}

/* ---- what may be kept and learnt from ----------------------------------- */

static void only_evidence_that_held_in_full_is_sound(void **state)
{
        (void)state;
        decide();
        assert_true(d.sound);
        fx.profile.pcr[0][0] ^= 1; /* the firmware differs: the evidence holds all the same */
        decide_refused("M-FIRMWARE");
        assert_true(d.sound);
        fx.profile.pcr[0][0] ^= 1;
        fx.knobs.lie_about_pcrs = true;
        decide_refused("M-PCRDIGEST");
        assert_true(d.genuine);
        assert_false(d.sound);
        fx.knobs.lie_about_pcrs = false;
        fx.knobs.cut_log = true;
        decide_refused("M-EVENTLOG");
        assert_true(d.genuine);
        assert_false(d.sound);
}

static void certificates_are_judged_only_after_signature_and_binding_hold(void **state)
{
        static const uint8_t other[DIGEST_LEN] = {1};

        (void)state;
        fixture_build(&fx);
        decide_chain(EK_CHAIN_UNMATCHED, NULL);
        refused("M-EKCERT");
        assert_true(d.genuine); /* it is the node's own request, so its record may say so */
        assert_false(d.sound);
        decide_signed(fx.evidence, other, &fx.node, &d);
        refused("M-BINDING");
        decide_evidence(fx.evidence, &fx.node, EK_CHAIN_OK, &d); /* and a chain makes nothing good */
        refused("M-BINDING");
        fx.knobs.other_key = true;
        fixture_build(&fx);
        decide_chain(EK_CHAIN_UNMATCHED, NULL);
        refused("M-SIGNATURE");
        assert_false(d.genuine);
        fx.knobs.other_key = false;
        memset(fx.node.ak_name, 0, sizeof(fx.node.ak_name)); /* anyone can make an AK and name a node's EK */
        fixture_build(&fx);
        decide_chain(EK_CHAIN_UNMATCHED, NULL);
        refused("M-EKCERT");
        assert_false(d.genuine);
}

static void only_an_approved_node_needs_its_chain_before_it_is_activated(void **state)
{
        (void)state;
        assert_true(decide_wants_chain(&(struct decide_node){.rec = NODE_REC_APPROVED}));
        assert_false(decide_wants_chain(&(struct decide_node){.rec = NODE_REC_APPROVED, .without_ek_cert = true}));
        assert_false(decide_wants_chain(&(struct decide_node){.rec = NODE_REC_PENDING}));
        assert_false(decide_wants_chain(&(struct decide_node){.rec = NODE_REC_NONE}));
}

static void an_event_log_is_not_read_before_the_signature_holds(void **state)
{
        static const uint8_t other[DIGEST_LEN] = {1};
        _cleanup_(evidence_freep) struct evidence *ev = NULL;

        (void)state;
        fixture_build(&fx);
        assert_int_equal(evidence_parse(&fx.req, &ev), 0);
        decide_signed(ev, other, &fx.node, &d);
        decide_evidence(ev, &fx.node, EK_CHAIN_OK, &d);
        refused("M-BINDING");
        assert_false(ev->log_read);
        decide_signed(ev, fx.exporter, &fx.node, &d);
        assert_false(ev->log_read);
        decide_evidence(ev, &fx.node, EK_CHAIN_OK, &d);
        assert_int_equal(d.verdict, DECIDE_GO_ON);
        assert_true(ev->log_read && ev->has_log);
}

static void stored_refused(const char *code)
{
        fixture_build(&fx);
        decide_stored(fx.evidence, &d);
        refused(code);
}

static void stored_evidence_is_checked_before_it_is_learnt_from(void **state)
{
        static const uint8_t fewer[3] = {0xff, 0x7b, 0};

        (void)state;
        fixture_build(&fx);
        decide_stored(fx.evidence, &d);
        assert_int_equal(d.verdict, DECIDE_GO_ON);
        fx.knobs.lie_about_pcrs = true;
        stored_refused("M-PCRDIGEST");
        fx.knobs = (struct fx_knobs){.select = fewer};
        stored_refused("M-SELECTION");
        fx.knobs = (struct fx_knobs){.other_key = true};
        stored_refused("M-SIGNATURE");
        fx.knobs = (struct fx_knobs){.other_node = true};
        stored_refused("M-EK");
        fx.knobs = (struct fx_knobs){.drop_event = 1};
        stored_refused("M-EVENTLOG");
        fx.knobs = (struct fx_knobs){0};
        fixture_event(&fx, 15, EV_IPL, NULL, "manifest", 8);
        stored_refused("M-CAPPED");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(a_good_boot_is_ok),
                T(an_ek_of_another_template_is_refused),
                T(a_node_id_that_is_not_the_eks_is_refused),
                T(a_removed_node_is_refused),
                T(a_revoked_node_is_refused),
                T(a_quarantined_node_is_refused),
                T(a_node_without_an_ek_chain_is_refused_unless_enrolled_so),
                T(an_ak_with_other_attributes_is_refused),
                T(an_ak_without_noda_is_another_ak_but_allowed),
                T(a_quote_that_no_tpm_made_is_refused),
                T(an_attestation_that_is_no_quote_is_refused),
                T(bytes_after_the_quote_are_refused),
                T(another_keys_signature_is_refused),
                T(certificates_are_judged_only_after_signature_and_binding_hold),
                T(only_an_approved_node_needs_its_chain_before_it_is_activated),
                T(an_event_log_is_not_read_before_the_signature_holds),
                T(a_request_of_another_connection_is_refused),
                T(a_changed_request_under_the_same_quote_is_refused),
                T(any_other_selection_is_refused),
                T(another_bank_is_refused),
                T(values_that_were_not_quoted_are_refused),
                T(a_reset_count_that_went_back_is_refused),
                T(a_restart_count_that_went_back_in_one_reset_is_refused),
                T(a_clock_that_does_not_go_on_within_one_boot_is_refused),
                T(an_ak_of_another_hierarchy_is_refused),
                T(a_new_ak_whose_counters_go_on_is_of_a_tpm_that_was_not_cleared),
                T(a_running_system_is_refused),
                T(evidence_of_an_unknown_ak_is_not_genuine),
                T(an_unknown_ak_is_challenged_then_known),
                T(a_changed_ak_is_challenged_and_starts_over),
                T(an_unapproved_node_is_pending_only_after_activation),
                T(only_evidence_that_held_in_full_is_sound),
                T(stored_evidence_is_checked_before_it_is_learnt_from),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
