/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "hex.h"
#include "offline_pcrs.h"

static struct quote quote;
static struct buf attest, blob;
static struct json_object *json;

static int setup(void **state)
{
        const char *hex;

        (void)state;
        json = corpus_json(MADE, "quotes", "one.json");
        attest = corpus_get(MADE, "quotes", "one", ".attest");
        assert_int_equal(quote_parse(attest.p, attest.len, &quote), QUOTE_OK);
        hex = member_text(json, "tpm2tools_pcr_blob_hex");
        blob.p = malloc(strlen(hex) / 2 + 1);
        assert_non_null(blob.p);
        return hex_decode(hex, strlen(hex), blob.p, strlen(hex) / 2, &blob.len);
}

static int teardown(void **state)
{
        (void)state;
        json_object_put(json);
        buf_wipe(&attest);
        buf_wipe(&blob);
        return 0;
}

static uint8_t out[OFFLINE_PCRS_MAX];

static int read_text(const char *text, size_t *n)
{
        struct buf b = { .p = (uint8_t *)strdup(text), .len = strlen(text) };
        const char *why = NULL;
        int r = offline_pcrs(&b, &quote, out, n, &why);

        assert_int_equal(r < 0, why != NULL);
        buf_wipe(&b);
        return r;
}

static void what_tpm2_quote_wrote_gives_the_quoted_digest(void **state)
{
        const char *why;
        size_t n = 0;

        (void)state;
        assert_int_equal(offline_pcrs(&blob, &quote, out, &n, &why), 0);
        assert_int_equal(quote_pcrs_are(&quote, 0x000b, out, n), QUOTE_OK);
        out[0] ^= 1;
        assert_int_equal(quote_pcrs_are(&quote, 0x000b, out, n), QUOTE_E_PCR_DIGEST);
}

static void values_and_json_give_it_too(void **state)
{
        struct buf raw = { .p = malloc(32), .len = 32 };
        char hex[HEX_LEN(32)], text[256];
        const char *why;
        size_t n = 0, pcr = (size_t)__builtin_ctz(quote.banks[0].mask);

        (void)state;
        assert_int_equal(offline_pcrs(&blob, &quote, out, &n, &why), 0);
        assert_int_equal(n, 32);
        memcpy(raw.p, out, 32);
        hex_encode(out, 32, hex);
        assert_int_equal(offline_pcrs(&raw, &quote, out, &n, &why), 0);
        assert_memory_equal(raw.p, out, 32);
        (void)snprintf(text, sizeof(text), " {\"pcrs\": {\"sha256\": {\"%zu\": \"%s\"}}}\n", pcr, hex);
        assert_int_equal(read_text(text, &n), 0);
        assert_memory_equal(raw.p, out, 32);
        (void)snprintf(text, sizeof(text), "{\"sha256\": {\"%zu\": \"%s\"}}", pcr, hex);
        assert_int_equal(read_text(text, &n), 0);
        buf_wipe(&raw);
}

static void files_that_lack_or_garble_a_pcr_are_refused(void **state)
{
        size_t n;

        (void)state;
        assert_int_equal(read_text("{}", &n), -ENOENT);
        assert_int_equal(read_text("{\"sha256\": {}}", &n), -ENOENT);
        assert_int_equal(read_text("{\"sha256\": 7}", &n), -ENOENT);
        assert_int_equal(read_text("{\"sha1\": {\"0\": \"00\"}}", &n), -ENOENT);
        assert_int_equal(read_text("{\"sha256\"", &n), -EBADMSG);
        assert_int_equal(read_text("", &n), -EBADMSG);
        assert_int_equal(read_text("junk", &n), -EBADMSG);
        for (size_t i = 0; i < blob.len; i++) {
                struct buf cut = { .p = malloc(i + 1), .len = i };
                const char *why;

                memcpy(cut.p, blob.p, i);
                if (i != 32)
                        assert_int_equal(offline_pcrs(&cut, &quote, out, &n, &why), -EBADMSG);
                buf_wipe(&cut);
        }
}

static void any_changed_byte_is_read_within_bounds(void **state)
{
        const char *why;
        size_t n;

        (void)state;
        for (size_t i = 0; i < blob.len; i++) {
                blob.p[i] ^= 0xff;
                (void)offline_pcrs(&blob, &quote, out, &n, &why);
                blob.p[i] ^= 0xff;
        }
        blob.p[7] ^= 0x7f; /* another selection than was quoted */
        assert_int_equal(offline_pcrs(&blob, &quote, out, &n, &why), -ENOENT);
        blob.p[7] ^= 0x7f;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_tpm2_quote_wrote_gives_the_quoted_digest),
                cmocka_unit_test(values_and_json_give_it_too),
                cmocka_unit_test(files_that_lack_or_garble_a_pcr_are_refused),
                cmocka_unit_test(any_changed_byte_is_read_within_bounds),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
