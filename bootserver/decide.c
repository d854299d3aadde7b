/* SPDX-License-Identifier: Apache-2.0 */
#include "decide.h"

#include "decide_impl.h"
#include "digest.h"
#include "evidence_impl.h"

void decision_refuse(struct decision *d, const char *code)
{
        d->verdict = DECIDE_REFUSED;
        d->code = code;
}

void decision_diff(struct decision *d, struct decide_diff diff)
{
        if (d->n_diffs < DECIDE_DIFFS)
                d->diffs[d->n_diffs++] = diff;
}

static void refuse_text(struct decision *d, const char *code, const char *text)
{
        decision_refuse(d, code);
        decision_diff(d, (struct decide_diff){.what = DIFF_TEXT, .event = SIZE_MAX, .text = text});
}

static bool same_ak(const struct evidence *ev, const uint8_t *name)
{
        return name && ev->has_ak && same_bytes(ev->ak_name, POLICY_NAME_LEN, name, POLICY_NAME_LEN);
}

static bool known_ak(const struct evidence *ev, const struct decide_node *node)
{
        return node->has_ak && same_ak(ev, node->ak_name);
}

/* The node id that the EK makes: worked out once, a function of its bytes. */
static bool has_id(struct evidence *ev)
{
        if (!ev->has_ek_id)
                ev->has_ek_id = tpmpub_id(&ev->ek, ev->ek_id) == 0;
        return ev->has_ek_id;
}

static bool check_ek(struct evidence *ev, struct decision *d)
{
        const char *why = "its public area does not parse";

        if (!ev->has_ek || tpmpub_is_ek(&ev->ek, &why) < 0) {
                refuse_text(d, "M-EK", why);
                return false;
        }
        if (!has_id(ev) || !same_bytes(ev->ek_id, DIGEST_LEN, ev->req->node, DIGEST_LEN)) {
                refuse_text(d, "M-EK", "the node id in the request is not that of this EK");
                return false;
        }
        return true;
}

static bool check_record(const struct decide_node *node, struct decision *d)
{
        switch (node->rec) {
        case NODE_REC_NONE:
        case NODE_REC_PENDING:
        case NODE_REC_APPROVED:
                return true;
        case NODE_REC_REVOKED:
                decision_refuse(d, "M-REVOKED");
                return false;
        case NODE_REC_QUARANTINED:
                decision_refuse(d, "M-QUARANTINED");
                return false;
        case NODE_REC_REMOVED:
                break;
        }
        decision_refuse(d, "M-UNKNOWN");
        return false;
}

static bool check_ak(const struct evidence *ev, struct decision *d)
{
        const char *why = "its public area does not parse";

        if (ev->has_ak && tpmpub_is_ak(&ev->ak, &why) == 0)
                return true;
        refuse_text(d, "M-AK", why);
        return false;
}

/* The AK ready to verify with, likewise. */
static bool has_ak_ready(struct evidence *ev)
{
        static const struct quote_scheme pinned = {TPM_ALG_ECDSA, TPM_SHA256};
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;

        if (ev->ak_ready.ctx)
                return true;
        return tpmpub_pkey(&ev->ak, &key) == 0 && quote_verifier_make(key, pinned, &ev->ak_ready) == QUOTE_OK;
}

static bool check_signature(struct evidence *ev, struct decision *d)
{
        enum quote_err e;

        if (ev->quote_err != QUOTE_OK) {
                refuse_text(d, "M-QUOTE", quote_strerror(ev->quote_err));
                return false;
        }
        if (!has_ak_ready(ev)) {
                refuse_text(d, "M-AK", "its point is not on the curve");
                return false;
        }
        e = ev->sig_err;
        if (e == QUOTE_OK)
                e = quote_verify_with(&ev->quote, &ev->sig, &ev->ak_ready);
        if (e != QUOTE_OK) {
                refuse_text(d, "M-SIGNATURE", quote_strerror(e));
                return false;
        }
        e = quote_signer_is_endorsed(&ev->quote, ev->ak_name);
        if (e == QUOTE_OK)
                return true;
        refuse_text(d, "M-AK", quote_strerror(e));
        return false;
}

static bool check_binding(const struct evidence *ev, const uint8_t exporter[DIGEST_LEN], struct decision *d)
{
        uint8_t want[DIGEST_LEN];

        if (wire_qualifying_data(exporter, ev->req->digest, want) == 0 &&
            quote_extra_is(&ev->quote, want, sizeof(want)) == QUOTE_OK)
                return true;
        decision_refuse(d, "M-BINDING");
        return false;
}

static bool check_values(const struct evidence *ev, struct decision *d)
{
        uint32_t mask = 0;

        for (size_t i = 0; i < POLICY_PCRS; i++)
                mask |= UINT32_C(1) << policy_pcrs[i];
        if (quote_selects(&ev->quote, TPM_SHA256, mask) != QUOTE_OK) {
                decision_refuse(d, "M-SELECTION");
                return false;
        }
        if (quote_pcrs_are(&ev->quote, TPM_SHA256, ev->req->pcrs, sizeof(ev->req->pcrs)) != QUOTE_OK) {
                decision_refuse(d, "M-PCRDIGEST");
                return false;
        }
        return true;
}

/* From one boot to the next the pair goes up: resetCount, or with it equal
 * restartCount. Within one boot the clock does. */
static bool goes_on(const struct quote *q, const struct decide_node *node, struct decide_diff *ret)
{
        if (q->reset_count != node->reset_count)
                *ret = (struct decide_diff){.what = DIFF_RESET, .count = q->reset_count, .want_count = node->reset_count};
        else if (q->restart_count != node->restart_count)
                *ret = (struct decide_diff){.what = DIFF_RESTART, .count = q->restart_count, .want_count = node->restart_count};
        else
                *ret = (struct decide_diff){.what = DIFF_CLOCK, .count = q->clock, .want_count = node->clock};
        ret->event = SIZE_MAX;
        return ret->count > ret->want_count;
}

static bool check_boot(const struct evidence *ev, const struct decide_node *node, struct decision *d)
{
        struct decide_diff diff;

        if (known_ak(ev, node) && !goes_on(&ev->quote, node, &diff)) {
                decision_refuse(d, "M-RESETCOUNT");
                decision_diff(d, diff);
                return false;
        }
        if (!same_bytes(evidence_pcr(ev, 15), DIGEST_LEN, zero_digest, DIGEST_LEN)) {
                decision_refuse(d, "M-CAPPED");
                return false;
        }
        return true;
}

/* PCR 0 as the log has it, whole or but for its separator, which comes late. */
static bool begins_right(const struct evidence *ev)
{
        const uint8_t *quoted = evidence_pcr(ev, 0);
        uint8_t both[2 * DIGEST_LEN];
        uint8_t next[DIGEST_LEN];

        if (!(ev->replay.extended & 1))
                return false;
        memcpy(both, ev->replay.value[0], DIGEST_LEN);
        memcpy(both + DIGEST_LEN, separator_digests[0], DIGEST_LEN);
        return same_bytes(both, DIGEST_LEN, quoted, DIGEST_LEN) ||
               (digest_sha256(both, sizeof(both), next) == 0 && same_bytes(next, DIGEST_LEN, quoted, DIGEST_LEN));
}

/* Of what boots last, kernel and stub, nothing is in the log, though the TPM
 * has it; and the log's start is right. For words alone. */
static bool ends_early(const struct evidence *ev)
{
        static const unsigned last[] = {9, 11};

        if (!begins_right(ev))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(last); i++)
                if (ev->replay.extended & 1u << last[i] ||
                    same_bytes(evidence_pcr(ev, last[i]), DIGEST_LEN, zero_digest, DIGEST_LEN))
                        return false;
        return true;
}

/* Every quoted value is what the log gives; a PCR that the log does not
 * extend is zero in evlog_replay()'s result. */
static bool check_replay(const struct evidence *ev, struct decision *d)
{
        bool early = ends_early(ev);

        for (size_t i = 0; i < POLICY_PCRS; i++) {
                unsigned pcr = policy_pcrs[i];
                const uint8_t *got = ev->replay.value[pcr];

                if (same_bytes(got, DIGEST_LEN, ev->req->pcrs[i], DIGEST_LEN))
                        continue;
                if (early && !d->code)
                        decision_diff(d, (struct decide_diff){ .what = DIFF_LOG_END, .event = ev->log.n_events });
                decision_refuse(d, "M-EVENTLOG");
                decision_diff(
                        d,
                        (struct decide_diff){
                                .what = DIFF_PCR, .pcr = pcr, .event = SIZE_MAX, .got = got, .want = ev->req->pcrs[i]});
        }
        return !d->code;
}

/* The first separator ends the firmware's part of PCR 4, and of PCR 7 what
 * says of Secure Boot. How many a firmware measures else, and where, differs
 * by maker: PCRs 0, 2, 3, 6 and 7 the profile compares as a whole. */
static bool check_separators(const struct evidence *ev, struct decision *d)
{
        static const unsigned needed[] = {4, 7};
        bool has[8] = {false};

        for (size_t i = 0; i < ev->log.n_events; i++) {
                const struct evlog_event *e = &ev->log.events[i];
                const uint8_t *digest = evidence_digest(ev, e);

                if (e->pcr < ELEMENTSOF(has) && digest && separator_digest(digest))
                        has[e->pcr] = true;
        }
        for (size_t i = 0; i < ELEMENTSOF(needed); i++) {
                if (has[needed[i]])
                        continue;
                decision_refuse(d, "M-EVENTLOG");
                decision_diff(d, (struct decide_diff){ .what = DIFF_SEPARATOR, .pcr = needed[i], .event = SIZE_MAX });
        }
        return !d->code;
}

static bool check_log(struct evidence *ev, struct decision *d)
{
        (void)evidence_read_log(ev);
        if (!ev->has_log) {
                refuse_text(d, "M-EVENTLOG", ev->log_why);
                return false;
        }
        return check_replay(ev, d) && check_separators(ev, d);
}

void decide_signed(struct evidence *ev, const uint8_t exporter[DIGEST_LEN], const struct decide_node *node,
                   struct decision *ret)
{
        struct decision *d = ret;

        *d = (struct decision){.verdict = DECIDE_REFUSED};
        if (!check_ek(ev, d) || !check_record(node, d) || !check_ak(ev, d) || !check_signature(ev, d) ||
            !check_binding(ev, exporter, d))
                return;
        d->verdict = DECIDE_GO_ON;
        d->genuine = known_ak(ev, node);
}

bool decide_wants_chain(const struct decide_node *node)
{
        return node->rec == NODE_REC_APPROVED && !node->without_ek_cert;
}

void decide_evidence(struct evidence *ev, const struct decide_node *node, enum ek_chain chain, struct decision *ret)
{
        struct decision *d = ret;
        bool go_on = d->verdict == DECIDE_GO_ON && !d->code;

        d->verdict = DECIDE_REFUSED;
        if (!go_on)
                return;
        if (decide_wants_chain(node) && chain != EK_CHAIN_OK) {
                decision_refuse(d, "M-EKCERT");
                return;
        }
        if (check_values(ev, d) && check_boot(ev, node, d) && check_log(ev, d)) {
                d->verdict = DECIDE_GO_ON;
                d->sound = true;
        }
}

void decide_stored(struct evidence *ev, struct decision *ret)
{
        static const struct decide_node none;
        struct decision *d = ret;

        *d = (struct decision){.verdict = DECIDE_REFUSED};
        if (check_ek(ev, d) && check_ak(ev, d) && check_signature(ev, d) && check_values(ev, d) &&
            check_boot(ev, &none, d) && check_log(ev, d)) {
                d->verdict = DECIDE_GO_ON;
                d->sound = true;
        }
}

void decide_identity(const struct evidence *ev, const struct decide_node *node, const uint8_t *activated,
                     struct decision *ret)
{
        struct decision *d = ret;
        struct decide_diff diff;

        *d = (struct decision){.verdict = DECIDE_REFUSED};
        d->genuine = known_ak(ev, node) || same_ak(ev, activated);
        d->ak_changed = node->has_ak && !known_ak(ev, node);
        d->cleared = d->ak_changed && !goes_on(&ev->quote, node, &diff);
        if (!check_record(node, d))
                return;
        if (!d->genuine)
                d->verdict = DECIDE_CHALLENGE;
        else if (node->rec != NODE_REC_APPROVED)
                d->verdict = DECIDE_PENDING;
        else
                d->verdict = DECIDE_GO_ON;
}

void decide_other_machine(struct decision *d)
{
        refuse_text(d, "M-QUARANTINED", "its serial number, UUID or MAC addresses are not those that it had: facts-changed in its "
                                        "journal has both");
}
