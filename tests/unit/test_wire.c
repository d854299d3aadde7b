/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "digest.h"
#include "wire_attest.h"
#include "wire_verdict.h"

static struct buf bytes(const char *s)
{
        struct buf b = {(uint8_t *)strdup(s), strlen(s)};

        assert_non_null(b.p);
        return b;
}

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
        (void)snprintf(r.facts.client, sizeof(r.facts.client), "muster-node 0.1.0");
        assert_int_equal(jstrs_add(&r.facts.macs, "52:54:00:12:34:56"), 0);
        return r;
}

static struct buf body_of(const char *request)
{
        struct buf text = {(uint8_t *)(uintptr_t)request, strlen(request)};
        struct buf quote = {(uint8_t *)(uintptr_t) "q", 1};
        struct buf body = {0};

        assert_int_equal(wire_attest_build(&text, &quote, &quote, &body), 0);
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
        assert_int_equal(got.quote.len, 5);
        assert_int_equal(got.signature.len, 3);
        attest_request_wipe(&got);
        attest_request_wipe(&r);
        buf_wipe(&text);
        buf_wipe(&quote);
        buf_wipe(&sig);
        buf_wipe(&body);
}

/* The digest is over the string's bytes as sent: another spelling of the
 * same JSON is another request. */
static void the_request_digest_is_over_the_exact_text(void **state)
{
        struct attest_request r = sample();
        struct attest_request got = {0};
        struct buf text = {0};
        struct buf spaced = {0};
        struct buf body;
        uint8_t digest[DIGEST_LEN];
        uint8_t want[DIGEST_LEN];
        char err[JTAB_ERR];

        (void)state;
        assert_int_equal(wire_request_build(&r, &text, digest), 0);
        spaced = (struct buf){malloc(text.len + 2), text.len + 1};
        assert_non_null(spaced.p);
        memcpy(spaced.p, "{ ", 2);
        memcpy(spaced.p + 2, text.p + 1, text.len);
        body = body_of((char *)spaced.p);
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
        struct buf body;
        uint8_t digest[DIGEST_LEN];
        char err[JTAB_ERR];
        char out[8192];
        char *at;
        int rc;

        assert_int_equal(wire_request_build(&r, &text, digest), 0);
        at = strstr((char *)text.p, from);
        assert_non_null(at);
        (void)snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - (char *)text.p), (char *)text.p, to, at + strlen(from));
        body = body_of(out);
        rc = wire_attest_parse(body.p, body.len, &got, err);
        if (rc != -EBADMSG || !strstr(err, words))
                fail_msg("%s -> %s: %d \"%s\"", from, to, rc, err);
        attest_request_wipe(&r);
        buf_wipe(&text);
        buf_wipe(&body);
}

static void a_request_that_is_not_of_the_protocol_is_refused(void **state)
{
        char many[128] = "\"macs\":[";

        (void)state;
        changed("\"version\":1", "\"version\":0", "version");
        changed("\"version\":1", "\"version\":2", "version");
        changed("\"version\":1,", "", "version");
        changed("\"version\":1", "\"version\":1,\"version\":1", "twice");
        changed("\"version\":1", "\"version\":1,\"more\":1", "more");
        changed("\"altered\"", "\"elsewhere\"", "nv");
        changed("\"facts\":{", "\"facts\":{\"rack\":\"1\",", "facts.rack");
        changed("\"pcrs\":[", "\"pcrs\":[\"00\",", "pcrs");
        changed("\"node\":\"ab", "\"node\":\"AB", "node");
        for (size_t i = 0; i < WIRE_MACS; i++)
                strcat(many, "\"m\",");
        changed("\"macs\":[", many, "facts.macs");
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
        uint8_t in[16 + 64] = "muster attest v1";
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
        buf_wipe(&body);
        buf_wipe(&secret);
}

/* ---- verdicts ---------------------------------------------------------- */

static struct verdict sample_ok(bool bundle)
{
        struct verdict v = {.kind = VERDICT_OK, .has_bundle = bundle};

        memset(v.node, 3, sizeof(v.node));
        memset(v.image_key, 9, sizeof(v.image_key));
        (void)snprintf(v.name, sizeof(v.name), "r1n001");
        (void)snprintf(v.boot, sizeof(v.boot), "0123456789abcdef");
        v.manifest = strdup("{\"name\":\"x\"}");
        v.ca = strdup("-----BEGIN CERTIFICATE-----\n");
        assert_int_equal(jstrs_add(&v.image_urls, "http://p/image/x"), 0);
        v.approval_nv = bytes("nv");
        v.cert_ssh = bytes("ssh");
        v.cert_tls = bytes("tls");
        if (bundle) {
                v.approval_bundle = bytes("ab");
                v.bundle.public_area = bytes("pu");
                v.bundle.duplicate = bytes("du");
                v.bundle.seed = bytes("se");
                v.bundle.data = bytes("da");
        }
        return v;
}

static void an_ok_verdict_reads_back(void **state)
{
        (void)state;
        for (int bundle = 0; bundle < 2; bundle++) {
                struct verdict v = sample_ok(bundle);
                struct verdict got = {0};
                struct buf body = {0};
                char err[JTAB_ERR];

                assert_int_equal(wire_verdict_build(&v, &body), 0);
                assert_int_equal(wire_verdict_parse(body.p, body.len, &got, err), 0);
                assert_int_equal(got.kind, VERDICT_OK);
                assert_string_equal(got.name, "r1n001");
                assert_string_equal(got.manifest, v.manifest);
                assert_memory_equal(got.image_key, v.image_key, 32);
                assert_string_equal(got.image_urls.v[0], "http://p/image/x");
                assert_int_equal(got.has_bundle, bundle);
                assert_int_equal(got.bundle.data.len, bundle ? 2 : 0);
                assert_int_equal(got.approval_bundle.len, bundle ? 2 : 0);
                verdict_wipe(&v);
                verdict_wipe(&got);
                buf_wipe(&body);
        }
}

static void the_other_verdicts_read_back(void **state)
{
        struct verdict c = {.kind = VERDICT_CHALLENGE, .credential_blob = bytes("blob"), .secret = bytes("secret")};
        struct verdict p = {.kind = VERDICT_PENDING, .node = {7}, .retry_after = 2};
        struct verdict r = {
                .kind = VERDICT_REFUSED, .code = "M-CHAIN", .incident = "00000000000000ff", .retry_after = 30};
        struct verdict *all[] = {&c, &p, &r};
        char err[JTAB_ERR];

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                struct verdict got = {0};
                struct buf body = {0};

                assert_int_equal(wire_verdict_build(all[i], &body), 0);
                assert_int_equal(wire_verdict_parse(body.p, body.len, &got, err), 0);
                assert_int_equal(got.kind, all[i]->kind);
                assert_int_equal(got.retry_after, all[i]->retry_after);
                assert_string_equal(got.code, all[i]->code);
                assert_string_equal(got.incident, all[i]->incident);
                assert_memory_equal(got.node, all[i]->node, DIGEST_LEN);
                assert_int_equal(got.secret.len, all[i]->secret.len);
                verdict_wipe(&got);
                buf_wipe(&body);
        }
        verdict_wipe(&c);
        assert_int_equal(wire_verdict_status(VERDICT_OK), 200);
        assert_int_equal(wire_verdict_status(VERDICT_REFUSED), 403);
        assert_int_equal(wire_verdict_status(VERDICT_MALFORMED), 400);
        assert_int_equal(wire_verdict_status(VERDICT_BUSY), 503);
        assert_int_equal(wire_verdict_status(VERDICT_NONE), 500);
}

static void a_verdict_with_a_part_missing_is_not_built(void **state)
{
        struct buf body = {0};
        struct verdict v = {0};

        (void)state;
        assert_int_equal(wire_verdict_build(&v, &body), -EINVAL);
        v = sample_ok(true);
        buf_wipe(&v.approval_bundle);
        assert_int_equal(wire_verdict_build(&v, &body), -EINVAL);
        verdict_wipe(&v);
        v = sample_ok(false);
        v.name[0] = '-';
        assert_int_equal(wire_verdict_build(&v, &body), -EINVAL);
        verdict_wipe(&v);
        v = (struct verdict){.kind = VERDICT_REFUSED, .code = "M-X", .incident = "short"};
        assert_int_equal(wire_verdict_build(&v, &body), -EINVAL);
        assert_null(body.p);
}

static void parent_says(const char *from, const char *to, bool bundle)
{
        struct verdict v = sample_ok(bundle);
        struct verdict got = {0};
        struct buf body = {0};
        char err[JTAB_ERR];
        char out[4096];
        char *at;

        assert_int_equal(wire_verdict_build(&v, &body), 0);
        at = strstr((char *)body.p, from);
        assert_non_null(at);
        (void)snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - (char *)body.p), (char *)body.p, to, at + strlen(from));
        if (wire_verdict_parse(out, strlen(out), &got, err) != -EBADMSG || !*err)
                fail_msg("%s -> %s was not refused", from, to);
        assert_int_equal(got.kind, VERDICT_NONE);
        verdict_wipe(&v);
        buf_wipe(&body);
}

static void the_client_refuses_what_the_protocol_does_not_allow(void **state)
{
        (void)state;
        parent_says("\"ok\"", "\"fine\"", false);
        parent_says("\"ok\"", "\"pending\"", false);
        parent_says("r1n001", "R1N001", false);
        parent_says("r1n001", "../../etc", false);
        parent_says("r1n001", "-r", false);
        parent_says("http://p/", "file:///", false);
        parent_says("http://p/", "http://p /", false);
        parent_says("CQkJCQkJ", "CQkJ", false); /* a shorter image key */
        parent_says("\"boot\":\"0123456789abcdef\"", "\"boot\":\"0123456789ABCDEF\"", false);
        parent_says("\"bundle\":null", "\"bundle\":{}", false);
        parent_says("\"nv\":\"bnY=\"", "\"nv\":\"bnY=\",\"bundle\":\"bnY=\"", false);
        parent_says(",\"bundle\":\"YWI=\"", "", true);
        parent_says("\"bundle\":\"YWI=\"", "\"bundle\":\"\"", true);
        parent_says("\"seed\":\"c2U=\"", "\"seed\":\"\"", true);
        parent_says("\"seed\":\"c2U=\",", "", true);
        parent_says("\"ca\":", "\"shell\":true,\"ca\":", false);
}

static void a_manifest_reads_back_and_bad_ones_are_refused(void **state)
{
        struct manifest m = {.name = "rocky-9.4", .format = IMAGE_EROFS, .size = 1064, .plain_size = 1000};
        struct manifest got = {0};
        char err[JTAB_ERR];
        char *text = NULL;

        (void)state;
        m.header[63] = 0x5a;
        assert_int_equal(wire_manifest_build(&m, &text), 0);
        assert_int_equal(wire_manifest_parse(text, &got, err), 0);
        assert_string_equal(got.name, m.name);
        assert_int_equal(got.format, IMAGE_EROFS);
        assert_int_equal(got.size, 1064);
        assert_int_equal(got.header[63], 0x5a);
        memcpy(strstr(text, "erofs"), "ext4s", 5);
        assert_int_equal(wire_manifest_parse(text, &got, err), -EBADMSG);
        free(text);
        m.size = 0;
        assert_int_equal(wire_manifest_build(&m, &text), -EINVAL);
        m.size = 1;
        (void)snprintf(m.name, sizeof(m.name), "../x");
        assert_int_equal(wire_manifest_build(&m, &text), -EINVAL);
}

static void node_names_follow_the_protocol(void **state)
{
        (void)state;
        assert_true(wire_name_ok("a"));
        assert_true(wire_name_ok("r1-n001"));
        assert_false(wire_name_ok(""));
        assert_false(wire_name_ok("-a"));
        assert_false(wire_name_ok("a-"));
        assert_false(wire_name_ok("A"));
        assert_false(wire_name_ok("a.b"));
        assert_false(wire_name_ok("0123456789012345678901234567890123456789012345678901234567890123"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_attest_request_reads_back_as_built),
                cmocka_unit_test(the_request_digest_is_over_the_exact_text),
                cmocka_unit_test(a_request_that_is_not_of_the_protocol_is_refused),
                cmocka_unit_test(an_oversized_body_is_refused_before_parsing),
                cmocka_unit_test(qualifying_data_binds_exporter_and_request),
                cmocka_unit_test(an_activation_reads_back),
                cmocka_unit_test(an_ok_verdict_reads_back),
                cmocka_unit_test(the_other_verdicts_read_back),
                cmocka_unit_test(a_verdict_with_a_part_missing_is_not_built),
                cmocka_unit_test(the_client_refuses_what_the_protocol_does_not_allow),
                cmocka_unit_test(a_manifest_reads_back_and_bad_ones_are_refused),
                cmocka_unit_test(node_names_follow_the_protocol),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
