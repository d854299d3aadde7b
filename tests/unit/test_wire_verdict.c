/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "wire_verdict.h"

#include "fixture_wire.h"

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
        struct buf other;
        char err[JTAB_ERR];

        assert_int_equal(wire_verdict_build(&v, &body), 0);
        assert_int_equal(wire_verdict_parse(body.p, body.len, &got, err), 0);
        verdict_wipe(&got);
        other = with(&body, from, to);
        if (wire_verdict_parse(other.p, other.len, &got, err) != -EBADMSG || !*err)
                fail_msg("%s -> %s was not refused", from, to);
        assert_int_equal(got.kind, VERDICT_NONE);
        verdict_wipe(&v);
        buf_wipe(&body);
        buf_wipe(&other);
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
        parent_says("[\"image_key\",32]", "[\"image_key\",31]", false);
        parent_says("\"boot\":\"0123456789abcdef\"", "\"boot\":\"0123456789ABCDEF\"", false);
        parent_says("[\"approval_nv\",2],", "[\"approval_nv\",1],[\"approval_bundle\",1],", false);
        parent_says("[\"approval_bundle\",2],", "", true);
        parent_says("[\"approval_bundle\",2],", "[\"approval_bundle\",0],", true);
        parent_says("[\"bundle_seed\",2],[\"bundle_data\",2]", "[\"bundle_data\",4]", true);
        parent_says("[\"bundle_seed\",2],[\"bundle_data\",2]", "[\"bundle_seed\",4]", true);
        parent_says("[\"bundle_seed\",2],[\"bundle_data\",2]", "[\"bundle_seed\",4],[\"bundle_data\",0]", true);
        parent_says("\"name\":", "\"shell\":true,\"name\":", false);
        parent_says("[\"ca\",", "[\"shell\",", false);
}

static void a_manifest_reads_back_and_bad_ones_are_refused(void **state)
{
        struct manifest m = {.name = "rocky-9.4", .size = 1064, .plain_size = 1000};
        struct manifest got = {0};
        char err[JTAB_ERR];
        char *text = NULL;

        (void)state;
        m.header[63] = 0x5a;
        m.list[31] = 0xa5;
        assert_int_equal(wire_manifest_build(&m, &text), 0);
        assert_int_equal(wire_manifest_parse(text, &got, err), 0);
        assert_string_equal(got.name, m.name);
        assert_int_equal(got.size, 1064);
        assert_int_equal(got.header[63], 0x5a);
        assert_int_equal(got.list[31], 0xa5);
        memcpy(strstr(text, "\"list\""), "\"tsil\"", 6);
        assert_int_equal(wire_manifest_parse(text, &got, err), -EBADMSG);
        memcpy(strstr(text, "\"tsil\""), "\"list\"", 6);
        memcpy(strstr(text, "squashfs"), "erofs-fs", 8);
        assert_int_equal(wire_manifest_parse(text, &got, err), -EBADMSG);
        assert_non_null(strstr(err, "not squashfs"));
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
        assert_true(wire_name_like_id("deadbeef") && wire_name_like_id("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
        assert_false(wire_name_like_id("deadbee") || wire_name_like_id("deadbeeg") || wire_name_like_id("n1"));
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
                cmocka_unit_test(an_ok_verdict_reads_back),
                cmocka_unit_test(the_other_verdicts_read_back),
                cmocka_unit_test(a_verdict_with_a_part_missing_is_not_built),
                cmocka_unit_test(the_client_refuses_what_the_protocol_does_not_allow),
                cmocka_unit_test(a_manifest_reads_back_and_bad_ones_are_refused),
                cmocka_unit_test(node_names_follow_the_protocol),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
