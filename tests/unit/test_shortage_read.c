/* SPDX-License-Identifier: Apache-2.0 */
/* No memory, at every place: what is read from a node, a parent or a file. */
#include "shortage.h"

#include "corpus.h"
#include "decide.h"
#include "ekcert.h"
#include "eventlog.h"
#include "fixture_evidence.c"
#include "ini.h"
#include "wire_verdict.h"

static struct fixture fx;
static struct buf leaf, evlog_file, verdict_body;
static char ca_dir[] = "/tmp/muster-shortage.XXXXXX";
static const char *const ca_files[] = { "issuer.pem", "root.pem" };

static int read_log(void)
{
        struct evlog log = { 0 };
        struct evlog_pcrs pcrs;
        const char *why = NULL;
        char text[512];
        size_t at;
        int r = evlog_parse(evlog_file.p, evlog_file.len, &log, &why, &at);

        if (r == 0)
                r = evlog_replay(&log, TPM_SHA256, &pcrs);
        if (r == 0)
                assert_memory_equal(pcrs.value[4], fx.pcr[4], DIGEST_LEN);
        for (size_t i = 0; r == 0 && i < log.n_events; i++) {
                (void)evlog_describe(&log.events[i], text, sizeof(text));
                if (evlog_data_matches(&log, &log.events[i], TPM_SHA256) == -EIO)
                        r = -EIO;
        }
        evlog_free(&log);
        return r;
}

static int read_request(void)
{
        struct attest_request req = { 0 };
        struct evidence *ev = NULL;
        char err[JTAB_ERR];
        int r = wire_attest_parse(fx.body.p, fx.body.len, &req, err);

        if (r == 0)
                r = evidence_parse(&req, &ev);
        if (r == 0)
                r = evidence_read_log(ev);
        evidence_free(ev);
        attest_request_wipe(&req);
        return r;
}

/* The verdict of evidence that is good may be worse for want of memory; that of evidence that is not is never better. */
static int decide_good(void)
{
        _cleanup_(evidence_freep) struct evidence *ev = NULL; /* anew: one that was judged keeps its keys */
        struct decision d;
        int r = evidence_parse(&fx.req, &ev);

        if (r < 0)
                return r;
        decide_signed(ev, fx.exporter, &fx.node, &d);
        decide_evidence(ev, &fx.node, EK_CHAIN_OK, &d);
        if (d.verdict == DECIDE_GO_ON)
                decide_identity(ev, &fx.node, NULL, &d);
        if (d.verdict == DECIDE_GO_ON)
                decide_policy(ev, &fx.refs, &d);
        return d.verdict == DECIDE_OK ? 0 : -EIO;
}

static int decide_other_connection(void)
{
        static const uint8_t other[DIGEST_LEN] = { 1 };
        struct decision d;

        decide_signed(fx.evidence, other, &fx.node, &d);
        decide_evidence(fx.evidence, &fx.node, EK_CHAIN_OK, &d);
        assert_false(d.genuine);
        assert_int_not_equal(d.verdict, DECIDE_GO_ON);
        assert_int_not_equal(d.verdict, DECIDE_OK);
        return 0;
}

static int build_request(void)
{
        _cleanup_(buf_wipe) struct buf text = { 0 }, body = { 0 }, activate = { 0 };
        uint8_t digest[DIGEST_LEN];
        int r = wire_request_build(&fx.req, &text, digest);

        if (r == 0)
                r = wire_attest_build(&text, &fx.req.quote, &fx.req.signature, &body);
        if (r == 0)
                r = wire_activate_build("secret", 6, &activate);
        if (r == 0) {
                _cleanup_(buf_wipe) struct buf secret = { 0 };
                char err[JTAB_ERR];

                r = wire_activate_parse(activate.p, activate.len, &secret, err);
        }
        return r;
}

static int build_verdict(void)
{
        struct manifest m = { .name = "base", .size = 8192, .plain_size = 4096 };
        struct verdict v = { .kind = VERDICT_OK, .name = "n1", .boot = "0123456789abcdef" };
        struct buf one = { (uint8_t *)(uintptr_t)"x", 1 };
        _cleanup_(buf_wipe) struct buf body = { 0 };
        int r;

        r = wire_manifest_build(&m, &v.manifest);
        if (r == 0)
                r = jstrs_add(&v.image_urls, "http://10.0.0.1/v1/images/base");
        v.approval_nv = v.cert_ssh = v.cert_tls = one;
        v.ca = (char *)(uintptr_t)"PEM";
        if (r == 0)
                r = wire_verdict_build(&v, &body);
        if (r == 0 && !verdict_body.p) {
                verdict_body = body;
                body = (struct buf){ 0 };
        }
        free(v.manifest);
        jstrs_free(&v.image_urls);
        return r;
}

static int read_verdict(void)
{
        struct verdict v = { 0 };
        char err[JTAB_ERR];
        int r = wire_verdict_parse(verdict_body.p, verdict_body.len, &v, err);

        if (r == 0)
                assert_string_equal(v.image_urls.v[0], "http://10.0.0.1/v1/images/base");
        verdict_wipe(&v);
        return r;
}

static int read_certificate(void)
{
        struct ekcert c = { 0 };
        struct ekca *ca = NULL;
        const char *why;
        int r = ekca_new(&ca);

        if (r == 0)
                r = ekca_load_dir(ca, ca_dir, NULL, NULL);
        if (r > 0)
                r = ekcert_parse(leaf.p, leaf.len, &c, &why);
        if (r == 0 && ekcert_chain(&c, ca, NULL, &why) != EK_CHAIN_OK)
                r = -EIO;
        ekcert_free(&c);
        ekca_free(ca);
        return r;
}

static int read_uki(void)
{
        struct uki u;
        struct uki_pred pred;
        const char *why = NULL;
        int r = uki_parse(fx.uki.p, fx.uki.len, &u, &why);

        return r < 0 ? r : uki_predict(&u, FX_CMDLINE, true, &pred);
}

static int on_pair(void *ctx, const char *section, const char *key, const char *value, const char **why)
{
        (void)ctx;
        (void)section;
        (void)key;
        (void)value;
        (void)why;
        return 0;
}

static int read_ini(void)
{
        static const char text[] = "[musterd]\nstate-dir = /var/lib/muster\n";
        const char *why;
        unsigned line;

        return ini_parse(text, sizeof(text) - 1, on_pair, NULL, &line, &why);
}

#define OP(f, exact) \
        static void want_of_memory_in_##f(void **state) \
        { \
                (void)state; \
                every_shortage(#f, f, exact); \
        }
OP(read_log, true)
OP(read_request, true)
OP(decide_good, true)
OP(decide_other_connection, true)
OP(build_request, true)
OP(build_verdict, true)
OP(read_verdict, true)
OP(read_certificate, true)
OP(read_uki, true)
OP(read_ini, true)

static const char *path_of(const char *name)
{
        static char path[200];

        (void)snprintf(path, sizeof(path), "%s/%s", ca_dir, name);
        return path;
}

static int setup(void **state)
{
        (void)state;
        fixture_init(&fx);
        fixture_build(&fx);
        evlog_file = fixture_log(&fx);
        leaf = corpus_get(MADE, "ek-certs", "swtpm_ecc.der", "");
        assert_non_null(mkdtemp(ca_dir));
        for (size_t i = 0; i < ELEMENTSOF(ca_files); i++) {
                struct buf b = corpus_get(MADE, "ek-certs/ca", ca_files[i], "");
                FILE *f = fopen(path_of(ca_files[i]), "we");

                assert_non_null(f);
                assert_int_equal(fwrite(b.p, 1, b.len, f), b.len);
                assert_int_equal(fclose(f), 0);
                buf_wipe(&b);
        }
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        buf_wipe(&evlog_file);
        buf_wipe(&leaf);
        buf_wipe(&verdict_body);
        for (size_t i = 0; i < ELEMENTSOF(ca_files); i++)
                (void)unlink(path_of(ca_files[i]));
        (void)rmdir(ca_dir);
        fixture_free(&fx);
        return 0;
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(want_of_memory_in_read_log),
                cmocka_unit_test(want_of_memory_in_read_request),
                cmocka_unit_test(want_of_memory_in_decide_good),
                cmocka_unit_test(want_of_memory_in_decide_other_connection),
                cmocka_unit_test(want_of_memory_in_build_request),
                cmocka_unit_test(want_of_memory_in_build_verdict),
                cmocka_unit_test(want_of_memory_in_read_verdict),
                cmocka_unit_test(want_of_memory_in_read_certificate),
                cmocka_unit_test(want_of_memory_in_read_uki),
                cmocka_unit_test(want_of_memory_in_read_ini),
        };

        shortage_init();
        return cmocka_run_group_tests(tests, setup, teardown);
}
