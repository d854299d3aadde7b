/* SPDX-License-Identifier: Apache-2.0 */
/* What the parsers of common/ refuse, one thing wrong at a time, and in what
 * words: rows that the corpora and the other tests of a module do not have. */
#include <setjmp.h>
#include <stdarg.h>

#include "cursor.h"
#include "ekcert.h"
#include "eventlog.h"
#include "log.h"
#include "pkikey.h"
#include "quote.h"
#include "sshtext.h"
#include "tpmpub.h"
#include "wire_verdict.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fixture_wire.h"

/* ---- event logs ----------------------------------------------------------- */
struct log_knobs {
        size_t spec_size;     /* of the Spec ID event, 0: what it needs */
        const char *locality; /* a StartupLocality event of these bytes */
        size_t locality_len;
        bool begun; /* and before it one that extends PCR 0 */
        bool twice; /* two digests of one algorithm */
};

static void le(struct wbuf *w, uint64_t v, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                wb_u8(w, (uint8_t)(v >> 8 * i));
}

static void event(struct wbuf *w, uint32_t pcr, uint32_t type, bool twice, const void *p, size_t n)
{
        static const uint8_t digest[20] = { 1 };

        le(w, pcr, 4);
        le(w, type, 4);
        le(w, twice ? 2 : 1, 4);
        for (int i = 0; i < (twice ? 2 : 1); i++) {
                le(w, TPM_SHA1, 2);
                wb_put(w, digest, sizeof(digest));
        }
        le(w, n, 4);
        wb_put(w, p, n);
}

static const char *log_why(struct log_knobs k)
{
        uint8_t bytes[512], zeros[20] = { 0 };
        struct wbuf w = wb_of(bytes, sizeof(bytes)), spec;
        uint8_t spec_bytes[64];
        struct evlog log;
        const char *why = NULL;
        size_t len = 0, at;
        int r;

        spec = wb_of(spec_bytes, sizeof(spec_bytes));
        wb_put(&spec, "Spec ID Event03", 16);
        le(&spec, 0, 4);
        le(&spec, 0x02000200, 4);
        le(&spec, 2, 4);
        le(&spec, TPM_SHA1, 2);
        le(&spec, 20, 2);
        le(&spec, TPM_SHA256, 2);
        le(&spec, 32, 2);
        le(&spec, 0, 1);
        le(&w, 0, 4);
        le(&w, EV_NO_ACTION, 4);
        wb_put(&w, zeros, 20);
        le(&w, k.spec_size ? k.spec_size : spec.len, 4);
        wb_put(&w, spec_bytes, k.spec_size ? k.spec_size : spec.len);
        if (k.begun)
                event(&w, 0, EV_S_CRTM_VERSION, false, "1", 1);
        if (k.locality)
                event(&w, 0, EV_NO_ACTION, false, k.locality, k.locality_len);
        event(&w, 7, EV_SEPARATOR, k.twice, "\0\0\0", 4);
        assert_int_equal(wb_end(&w, &len), 0);
        r = evlog_parse(bytes, len, &log, &why, &at);
        if (r < 0)
                return why;
        evlog_free(&log);
        return "";
}

static void an_event_log_with_one_thing_wrong_is_refused(void **state)
{
        static const struct {
                struct log_knobs k;
                const char *why;
        } rows[] = {
                { { 0 }, "" },
                { { .spec_size = 26 }, "the Spec ID event is cut short" },
                { { .spec_size = 34 }, "the Spec ID event is cut short" },
                { { .spec_size = 36 }, "the Spec ID event's vendor information does not fit it" },
                { { .twice = true }, "an event has two digests of one algorithm" },
                { { .locality = "StartupLocality\0\3", .locality_len = 17 }, "" },
                { { .begun = true }, "" },
                { { .locality = "StartupLocality\0\3", .locality_len = 17, .begun = true },
                  "a StartupLocality event after PCR 0 was extended: it says how PCR 0 began" },
                { { .locality = "StartupLocality\0\2", .locality_len = 17 }, "a StartupLocality other than 0, 3 or 4" },
                { { .locality = "StartupLocality\0\3x", .locality_len = 18 }, "a StartupLocality event of the wrong size" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (strcmp(log_why(rows[i].k), rows[i].why) != 0)
                        fail_msg("row %zu: `%s`", i, log_why(rows[i].k));
}

static void a_bank_of_no_known_algorithm_is_not_replayed(void **state)
{
        struct evlog log = { .agile = true, .banks = { { 0x4321, 20 } }, .n_banks = 1, .startup_locality = -1 };
        struct evlog_pcrs pcrs;
        char buf[11];

        (void)state;
        assert_int_equal(evlog_replay(&log, TPM_SHA256, &pcrs), -ENOENT);
        assert_int_equal(evlog_replay(&log, 0x4321, &pcrs), -ENOTSUP);
        assert_string_equal(evlog_alg_name(0x4321, buf), "0x4321");
        assert_int_equal(evlog_alg_from_name("md5"), 0);
        assert_int_equal(evlog_alg_from_name(evlog_alg_name(TPM_SHA384, buf)), TPM_SHA384);
        assert_int_equal(evlog_describe(&(struct evlog_event){ .data = (const uint8_t *)"" }, buf, 0), -ENOBUFS);
}

/* ---- a TPM's public areas ---------------------------------------------------- */
static struct tpmpub ak_of(void)
{
        return (struct tpmpub){ .type = TPM_ALG_ECC, .curve = TPM_ECC_P256, .name_alg = 0x000b, .scheme = TPM_ALG_ECDSA,
                                .scheme_hash = 0x000b, .sym_alg = TPM_ALG_NULL, .kdf = TPM_ALG_NULL,
                                .attributes = TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_ORIGIN | TPMA_USER_WITH_AUTH |
                                              TPMA_RESTRICTED | TPMA_SIGN };
}

static void an_ak_with_one_thing_wrong_is_none(void **state)
{
        struct tpmpub p = ak_of();
        const char *why = "";

        (void)state;
        assert_int_equal(tpmpub_is_ak(&p, NULL), 0);
        p.sym_alg = TPM_ALG_AES;
        assert_true(tpmpub_is_ak(&p, NULL) < 0);
        assert_true(tpmpub_is_ak(&p, &why) < 0);
        assert_string_equal(why, "a signing key with a symmetric algorithm");
        p = ak_of();
        p.kdf = 0x0020;
        why = "";
        assert_true(tpmpub_is_ak(&p, &why) < 0);
        assert_string_equal(why, "a signing key with a symmetric algorithm");
        p = ak_of();
        p.curve = TPM_ECC_P384;
        assert_true(tpmpub_is_ak(&p, &why) < 0);
        assert_string_equal(why, "the key is not ECC P-256");
}

static void an_ek_key_of_another_kind_has_no_template(void **state)
{
        const struct {
                EVP_PKEY *key;
                const char *kind;
        } rows[] = {
                { EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), "ecc-p384" },
                { EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"), "ecc-p521" },
                { EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-224"), "ecc-224" },
                { EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), "rsa-1024" },
                { EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "other" },
        };
        uint8_t bytes[TPMPUB_MAX];
        enum pki_type type;
        char buf[16];
        size_t n;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                assert_non_null(rows[i].key);
                assert_string_equal(pkey_kind(rows[i].key, buf), rows[i].kind);
                assert_int_equal(tpmpub_ek_from_pkey(rows[i].key, bytes, &n), -EPROTONOSUPPORT);
                assert_int_equal(pki_key_type(rows[i].key, &type), i == 4 ? 0 : -EPROTONOSUPPORT);
                EVP_PKEY_free(rows[i].key);
        }
}

static void an_rsa_public_area_with_a_bad_number_is_refused(void **state)
{
        EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        uint8_t bytes[TPMPUB_MAX], long_policy[TPMPUB_MAX + 1] = { 0 };
        struct tpmpub p;
        const char *why = "";
        size_t n, exponent;

        (void)state;
        assert_int_equal(tpmpub_ek_from_pkey(rsa, bytes, &n), 0);
        assert_int_equal(tpmpub_parse(bytes, n, &p), 0);
        assert_int_equal(tpmpub_is_ek(&p, NULL), 0);
        exponent = n - 256 - 2 - 4;
        bytes[exponent + 3] = 3;
        assert_int_equal(tpmpub_parse(bytes, n, &p), 0);
        assert_true(tpmpub_is_ek(&p, &why) < 0);
        assert_string_equal(why, "the EK's exponent is not 65537");
        bytes[exponent + 3] = 2; /* even, and too small */
        assert_int_equal(tpmpub_parse(bytes, n, &p), -EBADMSG);
        bytes[exponent + 3] = 0;
        bytes[n - 1] &= 0xfe; /* an even modulus */
        assert_int_equal(tpmpub_parse(bytes, n, &p), -EBADMSG);
        assert_int_equal(tpmpub_parse(long_policy, sizeof(long_policy), &p), -EBADMSG);
        EVP_PKEY_free(rsa);
}

static void a_scheme_that_does_not_fit_the_key_is_none(void **state)
{
        static const struct {
                uint16_t type, scheme;
                enum quote_err want;
        } rows[] = {
                { TPM_ALG_ECC, TPM_ALG_ECDSA, QUOTE_OK },         { TPM_ALG_RSA, TPM_ALG_ECDSA, QUOTE_E_SCHEME },
                { TPM_ALG_RSA, TPM_ALG_RSASSA, QUOTE_OK },        { TPM_ALG_ECC, TPM_ALG_RSASSA, QUOTE_E_SCHEME },
                { TPM_ALG_RSA, TPM_ALG_RSAPSS, QUOTE_OK },        { TPM_ALG_ECC, TPM_ALG_RSAPSS, QUOTE_E_SCHEME },
                { TPM_ALG_ECC, TPM_ALG_NULL, QUOTE_E_SCHEME },
        };
        struct quote_sig sig;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const struct tpmpub p = { .type = rows[i].type, .scheme = rows[i].scheme, .scheme_hash = TPM_SHA256 };
                struct quote_scheme s;

                assert_int_equal(quote_scheme_of(&p, &s), rows[i].want);
        }
        assert_int_equal(quote_sig_plain("x", 1, (struct quote_scheme){ TPM_ALG_NULL, TPM_SHA256 }, &sig), QUOTE_E_SCHEME);
}

static void each_way_a_quote_can_be_wrong_has_its_words(void **state)
{
        (void)state;
        for (int i = QUOTE_OK; i <= QUOTE_E_INTERNAL; i++)
                for (int k = QUOTE_OK; k < i; k++)
                        assert_string_not_equal(quote_strerror((enum quote_err)i), quote_strerror((enum quote_err)k));
}

/* ---- verdicts ---------------------------------------------------------------------- */
static void a_verdict_that_lacks_what_a_boot_needs_is_refused(void **state)
{
        static const struct {
                const char *from, *to, *why;
        } rows[] = {
                { "[\"manifest\",12],", "[\"manifest\",0],", "must not be empty" },
                { ",[\"ca\",3]", ",[\"ca\",0]", "must not be empty" },
                { "[\"certificate_ssh\",1]", "[\"certificate_ssh\",0]", "must not be empty" },
                { "[\"certificate_tls\",1]", "[\"certificate_tls\",0]", "must not be empty" },
                { "[\"approval_nv\",1]", "[\"approval_nv\",0]", "must not be empty" },
                { "\"n1\"", "\"-n1\"", "no node name" },
                { "\"boot\":\"0123456789abcdef\"", "\"boot\":\"0123\"", "16 hexadecimal" },
                { "http://10", "ftp://10", "http URLs" },
                { "http://10", "http://1 0", "http URLs" },
        };
        struct buf one = { (uint8_t *)(uintptr_t) "x", 1 };
        char err[JTAB_ERR];

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct verdict v = { .kind = VERDICT_OK, .name = "n1", .boot = "0123456789abcdef", .approval_nv = one,
                                     .cert_ssh = one, .cert_tls = one };
                struct verdict got = { 0 };
                struct buf body = { 0 };
                struct buf b;
                size_t less;

                memset(v.image_key, 9, sizeof(v.image_key));
                v.manifest = (char *)(uintptr_t) "{\"a\":\"text\"}";
                v.ca = (char *)(uintptr_t) "PEM";
                assert_int_equal(jstrs_add(&v.image_urls, "http://10.0.0.1/v1/images/base"), 0);
                assert_int_equal(wire_verdict_build(&v, &body), 0);
                assert_int_equal(wire_verdict_parse(body.p, body.len, &got, err), 0);
                verdict_wipe(&got);
                b = with(&body, rows[i].from, rows[i].to);
                /* a blob that is said to be shorter is: all behind the head stay filled */
                less = strstr(rows[i].from, "manifest") ? 12 : strstr(rows[i].from, "ca") == rows[i].from + 3 ? 3 : strstr(rows[i].why, "empty") ? 1 : 0;
                b.len -= less;
                if (wire_verdict_parse(b.p, b.len, &got, err) != -EBADMSG || !strstr(err, rows[i].why))
                        fail_msg("%s -> %s: %s", rows[i].from, rows[i].to, err);
                assert_null(got.manifest);
                buf_wipe(&b);
                buf_wipe(&body);
                jstrs_free(&v.image_urls);
        }
}

/* ---- files of CA certificates ---------------------------------------------------- */
static struct {
        char file[64];
        const char *why;
        unsigned n;
} unused;

static void note_unused(void *ctx, const char *file, const char *why)
{
        (void)ctx;
        (void)snprintf(unused.file, sizeof(unused.file), "%s", file);
        unused.why = why;
        unused.n++;
}

static void unused_is(struct ekca *ca, const char *dir, const char *file, const char *why)
{
        unused.n = 0;
        assert_int_equal(ekca_load_dir(ca, dir, note_unused, NULL), 0);
        assert_int_equal(unused.n, 1);
        assert_string_equal(unused.file, file);
        assert_non_null(strstr(unused.why, why));
}

static void a_file_of_a_directory_of_cas_that_cannot_be_read_is_named(void **state)
{
        char dir[] = "/tmp/muster-refusals.XXXXXX", path[200];
        struct ekca *ca = NULL;
        const char *why = NULL;
        void *large = calloc(1, EKCA_FILE_MAX + 1);

        (void)state;
        assert_int_equal(ekca_new(&ca), 0);
        assert_non_null(mkdtemp(dir));
        assert_int_equal(ekca_load_dir(ca, "/nonexistent", note_unused, NULL), -ENOENT);
        assert_int_equal(ekca_load_dir(ca, dir, note_unused, NULL), -ENOENT); /* it is empty */
        (void)snprintf(path, sizeof(path), "%s/.hidden.pem", dir);
        assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
        assert_int_equal(ekca_load_dir(ca, dir, note_unused, NULL), -ENOENT);
        assert_int_equal(unused.n, 0);
        assert_int_equal(unlink(path), 0);
        (void)snprintf(path, sizeof(path), "%s/fifo.PEM", dir);
        assert_int_equal(mkfifo(path, 0600), 0);
        unused_is(ca, dir, "fifo.PEM", "no regular file"); /* and does not wait for a writer */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("nothing", path), 0);
        unused_is(ca, dir, "fifo.PEM", "leads nowhere");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
        unused_is(ca, dir, "fifo.PEM", "empty");
        assert_int_equal(truncate(path, EKCA_FILE_MAX + 1), 0);
        unused_is(ca, dir, "fifo.PEM", "larger than 1 MiB");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0);
        assert_int_equal(ekca_add(ca, large, EKCA_FILE_MAX + 1, true, &why), -E2BIG);
        assert_string_equal(why, "it is too large");
        free(large);
        ekca_free(ca);
}

static void what_no_line_may_hold_is_escaped_and_cut(void **state)
{
        char out[8];

        (void)state;
        assert_string_equal(log_escape("a\nb", 3, out, sizeof(out)), "a\\x0ab");
        assert_string_equal(log_escape("abcdefgh", 8, out, sizeof(out)), "abcdefg");
        assert_string_equal(log_escape("abcd\n", 5, out, sizeof(out)), "abcd"); /* never half an escape */
        out[0] = 'x';
        assert_ptr_equal(log_escape("a", 1, out, 0), out);
        assert_int_equal(out[0], 'x');
        assert_int_equal(fail_set(NULL, -EIO, "E-TPM", "", "nobody asked"), -EIO);
        assert_false(ssh_text_ok("two\nlines", 20));
        assert_false(ssh_text_ok("too long", 3));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_event_log_with_one_thing_wrong_is_refused),
                cmocka_unit_test(a_bank_of_no_known_algorithm_is_not_replayed),
                cmocka_unit_test(an_ak_with_one_thing_wrong_is_none),
                cmocka_unit_test(an_ek_key_of_another_kind_has_no_template),
                cmocka_unit_test(an_rsa_public_area_with_a_bad_number_is_refused),
                cmocka_unit_test(a_scheme_that_does_not_fit_the_key_is_none),
                cmocka_unit_test(each_way_a_quote_can_be_wrong_has_its_words),
                cmocka_unit_test(a_verdict_that_lacks_what_a_boot_needs_is_refused),
                cmocka_unit_test(a_file_of_a_directory_of_cas_that_cannot_be_read_is_named),
                cmocka_unit_test(what_no_line_may_hold_is_escaped_and_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
