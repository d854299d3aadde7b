/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "digest.h"
#include "wire_attest.h"
#include "wire_frame.h"

#include "fixture_wire.h"

static struct attest_request sample(void)
{
        struct attest_request r = {.nv_ssh = NV_STATE_ALTERED, .nv_tls = NV_STATE_NONE};

        memset(r.node, 0xab, sizeof(r.node));
        r.ek_public = bytes("ek");
        r.ak_public = bytes("ak");
        r.eventlog = bytes("log");
        r.ek_certs.v = calloc(1, sizeof(struct buf));
        assert_non_null(r.ek_certs.v);
        r.ek_certs.v[r.ek_certs.n++] = bytes("cert");
        for (size_t i = 0; i < POLICY_PCRS; i++)
                r.pcrs[i][0] = (uint8_t)(i + 1);
        (void)snprintf(r.facts.vendor, sizeof(r.facts.vendor), "V \"x\" \xc3\xa9");
        memset(r.policy, 0xcd, sizeof(r.policy));
        (void)snprintf(r.former, sizeof(r.former), "M-RESETCOUNT");
        (void)snprintf(r.facts.tpm, sizeof(r.facts.tpm), "IFX");
        (void)snprintf(r.facts.client, sizeof(r.facts.client), "muster-node 0.1.0");
        assert_int_equal(jstrs_add(&r.facts.macs, "52:54:00:12:34:56"), 0);
        return r;
}

static struct buf body_of(const struct buf *text)
{
        struct buf quote = {(uint8_t *)(uintptr_t) "q", 1};
        struct buf body = {0};

        assert_int_equal(wire_attest_build(text, &quote, &quote, &body), 0);
        return body;
}

static void an_attest_request_reads_back_as_built(void **state)
{
        struct attest_request r = sample();
        struct attest_request got = {0};
        struct buf text = {0};
        struct buf quote = bytes("quote");
        struct buf sig = bytes("sig");
        struct buf body = {0};
        uint8_t digest[DIGEST_LEN];
        uint8_t want[DIGEST_LEN];
        char err[JTAB_ERR];

        (void)state;
        assert_int_equal(wire_request_build(&r, &text, digest), 0);
        assert_int_equal(digest_sha256(text.p, text.len, want), 0);
        assert_memory_equal(digest, want, DIGEST_LEN);
        assert_int_equal(wire_attest_build(&text, &quote, &sig, &body), 0);
        assert_int_equal(wire_attest_parse(body.p, body.len, &got, err), 0);
        assert_memory_equal(got.node, r.node, DIGEST_LEN);
        assert_memory_equal(got.pcrs, r.pcrs, sizeof(r.pcrs));
        assert_memory_equal(got.digest, digest, DIGEST_LEN);
        assert_memory_equal(got.eventlog.p, "log", 3);
        assert_int_equal(got.ek_certs.n, 1);
        assert_memory_equal(got.ek_certs.v[0].p, "cert", 4);
        assert_int_equal(got.nv_ssh, NV_STATE_ALTERED);
        assert_int_equal(got.nv_tls, NV_STATE_NONE);
        assert_string_equal(got.facts.vendor, r.facts.vendor);
        assert_string_equal(got.facts.macs.v[0], "52:54:00:12:34:56");
        assert_string_equal(got.facts.tpm, "IFX");
        assert_string_equal(got.former, "M-RESETCOUNT");
        assert_memory_equal(got.policy, r.policy, DIGEST_LEN);
        assert_int_equal(got.quote.len, 5);
        assert_int_equal(got.signature.len, 3);
        attest_request_wipe(&got);
        attest_request_wipe(&r);
        buf_wipe(&text);
        buf_wipe(&quote);
        buf_wipe(&sig);
        buf_wipe(&body);
}

/* The digest is over the bytes as sent: another spelling of the same JSON is
 * another request. */
static void the_request_digest_is_over_the_exact_text(void **state)
{
        struct attest_request r = sample();
        struct attest_request got = {0};
        struct buf text = {0};
        struct buf spaced;
        struct buf body;
        uint8_t digest[DIGEST_LEN];
        uint8_t want[DIGEST_LEN];
        char err[JTAB_ERR];

        (void)state;
        assert_int_equal(wire_request_build(&r, &text, digest), 0);
        spaced = with(&text, "{", "{ ");
        body = body_of(&spaced);
        assert_int_equal(wire_attest_parse(body.p, body.len, &got, err), 0);
        assert_int_equal(digest_sha256(spaced.p, spaced.len, want), 0);
        assert_memory_equal(got.digest, want, DIGEST_LEN);
        assert_memory_not_equal(got.digest, digest, DIGEST_LEN);
        attest_request_wipe(&got);
        attest_request_wipe(&r);
        buf_wipe(&text);
        buf_wipe(&spaced);
        buf_wipe(&body);
}

/* Replaces `from` in a good request text and expects a refusal. */
static void changed(const char *from, const char *to, const char *words)
{
        struct attest_request r = sample();
        struct attest_request got = {0};
        struct buf text = {0};
        struct buf other;
        struct buf body;
        uint8_t digest[DIGEST_LEN];
        char err[JTAB_ERR];
        int rc;

        assert_int_equal(wire_request_build(&r, &text, digest), 0);
        other = with(&text, from, to);
        body = body_of(&other);
        rc = wire_attest_parse(body.p, body.len, &got, err);
        if (rc != -EBADMSG || !strstr(err, words))
                fail_msg("%s -> %s: %d \"%s\"", from, to, rc, err);
        attest_request_wipe(&r);
        buf_wipe(&other);
        buf_wipe(&text);
        buf_wipe(&body);
}

static void a_request_that_is_not_of_the_protocol_is_refused(void **state)
{
        char many[128] = "\"macs\":[";

        (void)state;
        changed("\"version\":2", "\"version\":1", "version");
        changed("\"version\":2", "\"version\":3", "version");
        changed("\"version\":2,", "", "version");
        changed("\"version\":2", "\"version\":2,\"version\":2", "twice");
        changed("\"version\":2", "\"version\":2,\"more\":1", "more");
        changed("\"altered\"", "\"elsewhere\"", "nv");
        changed("\"facts\":{", "\"facts\":{\"rack\":\"1\",", "facts.rack");
        changed("[\"pcrs\",480]", "[\"pcrs\",479]", "pcrs");
        changed("[\"ek_certificate\",4]", "[\"ek_certificate\",0]", "left out");
        changed("\"node\":\"ab", "\"node\":\"AB", "node");
        changed("\"former\":\"M-RESETCOUNT\",", "", "former");
        changed("M-RESETCOUNT", "M-RESET-COUNT", "former");
        changed("M-RESETCOUNT", "M-resetcount", "former");
        changed("M-RESETCOUNT", "X-RESETCOUNT", "former");
        changed("M-RESETCOUNT", "M-A", "former");
        changed("M-RESETCOUNT", "M-ABCDEFGHIJKLM", "former");
        changed("\"policy\":\"cd", "\"policy\":\"", "policy");
        changed("\"policy\":\"cd", "\"policy\":\"cdcd", "policy");
        changed("\"tpm\":\"IFX\"", "\"tpm\":\"I X\"", "facts.tpm");
        changed("\"tpm\":\"IFX\"", "\"tpm\":\"I\u00e9\"", "facts.tpm");
        changed("\"tpm\":\"IFX\"", "\"tpm\":\"123456789\"", "facts.tpm");
        for (size_t i = 0; i < WIRE_MACS; i++)
                strcat(many, "\"m\",");
        changed("\"macs\":[", many, "facts.macs");
}

static void codes_of_failures_follow_their_grammar(void **state)
{
        (void)state;
        assert_true(wire_code_ok("E-NV"));
        assert_true(wire_code_ok("M-ABCDEFGHIJKL"));
        assert_false(wire_code_ok(""));
        assert_false(wire_code_ok("E-N"));
        assert_false(wire_code_ok("M-ABCDEFGHIJKLM"));
        assert_false(wire_code_ok("F-TPM"));
        assert_false(wire_code_ok("E_TPM"));
        assert_false(wire_code_ok("E-TPM2"));
}

/* No attempt before this one is not the same as one that says nothing. */
static void a_first_attempt_names_no_former_code(void **state)
{
        struct attest_request r = sample();
        struct attest_request got = {0};
        struct buf text = {0};
        struct buf body;
        uint8_t digest[DIGEST_LEN];
        char err[JTAB_ERR];

        (void)state;
        r.former[0] = '\0';
        assert_int_equal(wire_request_build(&r, &text, digest), 0);
        body = body_of(&text);
        assert_int_equal(wire_attest_parse(body.p, body.len, &got, err), 0);
        assert_string_equal(got.former, "");
        attest_request_wipe(&got);
        attest_request_wipe(&r);
        buf_wipe(&text);
        buf_wipe(&body);
}

static void an_oversized_body_is_refused_before_parsing(void **state)
{
        struct attest_request got = {0};
        char *big = malloc(WIRE_ATTEST_MAX + 1);
        char err[JTAB_ERR];

        (void)state;
        assert_non_null(big);
        memset(big, ' ', WIRE_ATTEST_MAX + 1);
        assert_int_equal(wire_attest_parse(big, WIRE_ATTEST_MAX + 1, &got, err), -E2BIG);
        free(big);
}

static void qualifying_data_binds_exporter_and_request(void **state)
{
        uint8_t in[16 + 64] = "muster attest v2";
        uint8_t a[DIGEST_LEN];
        uint8_t b[DIGEST_LEN];
        uint8_t want[DIGEST_LEN];
        uint8_t got[DIGEST_LEN];

        (void)state;
        memset(a, 1, sizeof(a));
        memset(b, 2, sizeof(b));
        memcpy(in + 16, a, 32);
        memcpy(in + 48, b, 32);
        assert_int_equal(digest_sha256(in, sizeof(in), want), 0);
        assert_int_equal(wire_qualifying_data(a, b, got), 0);
        assert_memory_equal(got, want, DIGEST_LEN);
}

static void an_activation_reads_back(void **state)
{
        struct buf body = {0};
        struct buf secret = {0};
        char err[JTAB_ERR];

        (void)state;
        assert_int_equal(wire_activate_build("0123456789abcdef0123456789abcdef", 32, &body), 0);
        assert_int_equal(wire_activate_parse(body.p, body.len, &secret, err), 0);
        assert_int_equal(secret.len, 32);
        assert_memory_equal(secret.p, "0123456789abcdef", 16);
        assert_int_equal(wire_activate_parse("{}", 2, &secret, err), -EBADMSG);
        assert_int_equal(wire_activate_parse(body.p, body.len - 1, &secret, err), -EBADMSG);
        buf_wipe(&body);
        buf_wipe(&secret);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_attest_request_reads_back_as_built),
                cmocka_unit_test(the_request_digest_is_over_the_exact_text),
                cmocka_unit_test(a_request_that_is_not_of_the_protocol_is_refused),
                cmocka_unit_test(codes_of_failures_follow_their_grammar),
                cmocka_unit_test(a_first_attempt_names_no_former_code),
                cmocka_unit_test(an_oversized_body_is_refused_before_parsing),
                cmocka_unit_test(qualifying_data_binds_exporter_and_request),
                cmocka_unit_test(an_activation_reads_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
