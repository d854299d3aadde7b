/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "ek_input.h"
#include "ekcert.h"
#include "hex.h"

/* A certificate's DER is only framed here: what is in it does not matter. */
static struct buf der_of(size_t n)
{
        struct buf b = { malloc(n), n };

        for (size_t i = 0; i < n; i++)
                b.p[i] = (uint8_t)(i * 37 + (i >> 3));
        memcpy(b.p, "\x30\x82", 2);
        return b;
}

static struct buf _printf_(1, 2) text_of(const char *format, ...)
{
        char *p = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&p, format, ap);
        va_end(ap);
        assert_true(n > 0);
        return (struct buf){ (uint8_t *)p, (size_t)n };
}

static void becomes(struct buf b, const struct buf *want)
{
        const char *why = NULL;

        assert_int_equal(ek_input_decode(&b, &why), 0);
        assert_int_equal(b.len, want->len);
        assert_memory_equal(b.p, want->p, b.len);
        buf_wipe(&b);
}

static void url_form(char *text)
{
        for (; *text; text++)
                *text = *text == '+' ? '-' : *text == '/' ? '_' : *text;
}

static void json_and_bare_base64_of_both_alphabets_become_der(void **state)
{
        (void)state;
        for (size_t n = 600; n < 603; n++) { /* with two, one and no octet of padding */
                struct buf der = der_of(n);
                char text[1000], url[1000], percent[1000];

                b64_encode(der.p, der.len, text);
                memcpy(url, text, sizeof(url));
                url_form(url);
                url[strcspn(url, "=")] = '\0';
                (void)snprintf(percent, sizeof(percent), "%s%s", url, n % 3 == 0 ? "" : n % 3 == 1 ? "%3D%3d" : "%3D");
                becomes(text_of("{\"pubhash\":\"x\",\"certificate\":\"%s\"}", url), &der);
                becomes(text_of("{\"certificate\": \"%s\"}\n", percent), &der);
                becomes(text_of("{\"certificate\": \"%s\"}", text), &der);
                becomes(text_of("%s", text), &der);
                becomes(text_of("%s\r\n", url), &der);
                buf_wipe(&der);
        }
}

static void what_is_in_another_form_is_left_as_it_is(void **state)
{
        struct buf der = der_of(600);
        struct buf pem = text_of("%s", "-----BEGIN CERTIFICATE-----\nMIIB\n");
        struct buf same = text_of("%s", (const char *)pem.p);
        struct buf copy = { malloc(der.len), der.len };

        (void)state;
        memcpy(copy.p, der.p, der.len);
        becomes(copy, &der);
        becomes(pem, &same);
        becomes((struct buf){ 0 }, &(struct buf){ 0 });
        buf_wipe(&der);
        buf_wipe(&same);
}

static void json_of_another_form_is_refused_with_the_reason(void **state)
{
        static const struct { const char *text, *why; } of[] = {
                { "{\"cert\":\"MIIB\"}", "without a member" }, { "{\"certificate\":7}", "without a member" },
                { "{\"certificate\":\"M!\"}", "no base64url" }, { "{\"certificate\":", "without a member" },
                { "{\"certificate\":\"MIIB%41\"}", "no base64url" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(of); i++) {
                struct buf b = text_of("%s", of[i].text);
                const char *why = NULL;

                assert_int_equal(ek_input_decode(&b, &why), -EBADMSG);
                assert_non_null(strstr(why, of[i].why));
                buf_wipe(&b);
        }
}

static void the_services_form_of_the_corpus_is_read(void **state)
{
        struct buf b;
        struct ekcert c = { 0 };
        const char *why = NULL;

        (void)state;
        corpus_or_skip();
        b = corpus_get(corpus_top(), "cases/ek", "intel-ekop.json", "");
        assert_int_equal(ek_input_decode(&b, &why), 0);
        assert_int_equal(ekcert_parse(b.p, b.len, &c, &why), 0);
        assert_null(c.not_ek);
        ekcert_free(&c);
        buf_wipe(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(json_and_bare_base64_of_both_alphabets_become_der),
                cmocka_unit_test(what_is_in_another_form_is_left_as_it_is),
                cmocka_unit_test(json_of_another_form_is_refused_with_the_reason),
                cmocka_unit_test(the_services_form_of_the_corpus_is_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
