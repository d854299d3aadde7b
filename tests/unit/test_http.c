/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>

#include "http.h"

#include <cmocka.h>

/* A stream that answers with a text, `step` bytes at a time, and keeps what
 * was written. */
struct fake {
        struct stream s;
        const char *answer;
        size_t len, at, step;
        char sent[4096];
        size_t n_sent;
        bool *closed;
};

static ssize_t fake_read(struct stream *s, void *p, size_t n)
{
        struct fake *f = (struct fake *)s;
        size_t k = f->len - f->at;

        if (k > n)
                k = n;
        if (k > f->step)
                k = f->step;
        memcpy(p, f->answer + f->at, k);
        f->at += k;
        return (ssize_t)k;
}

static ssize_t fake_write(struct stream *s, const void *p, size_t n)
{
        struct fake *f = (struct fake *)s;

        if (n > 7)
                n = 7; /* short writes happen */
        assert_true(f->n_sent + n < sizeof(f->sent));
        memcpy(f->sent + f->n_sent, p, n);
        f->n_sent += n;
        return (ssize_t)n;
}

static void fake_close(struct stream *s)
{
        *((struct fake *)s)->closed = true;
}

static bool closed;

static struct http *with_answer(struct fake *f, const char *answer, size_t len, size_t step)
{
        struct http *h = NULL;

        closed = false;
        *f = (struct fake){ .answer = answer, .len = len, .step = step, .closed = &closed };
        f->s = (struct stream){ .read = fake_read, .write = fake_write, .close = fake_close, .fd = -1 };
        assert_int_equal(http_new(&f->s, "parent:8443", &h), 0);
        return h;
}

static int get(const char *answer, size_t step, size_t max, struct http_reply *rep, struct buf *body)
{
        struct fake f;
        struct http *h = with_answer(&f, answer, strlen(answer), step);
        int r = http_call(h, "GET", "/x", NULL, NULL, 0, max, rep, body);

        http_free(h);
        assert_true(closed);
        return r;
}

static void a_reply_is_read_in_any_pieces(void **state)
{
        static const char a[] = "HTTP/1.1 200 OK\r\ncontent-LENGTH:  5 \r\nX: y\r\n\r\nhello";

        (void)state;
        for (size_t step = 1; step < sizeof(a); step++) {
                struct http_reply rep;
                struct buf b = { 0 };

                assert_int_equal(get(a, step, 100, &rep, &b), 0);
                assert_int_equal(rep.status, 200);
                assert_true(rep.keep_alive);
                assert_string_equal((char *)b.p, "hello");
                buf_wipe(&b);
        }
}

static void heads_that_do_not_parse_are_refused(void **state)
{
        static const char *const bad[] = {
                "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 020 OK\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 200 O\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 200 O\rX: y\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 200 OK\r\nX: \x1b[2J\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 204 None\r\nContent-Length: 2\r\n\r\nok",
                "HTTP/1.1 200 OK\r\n\r\nno length",
                "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nx",
                "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 206 OK\r\nContent-Length: 1\r\nContent-Range: bytes 5-4/10\r\n\r\nx",
                "HTTP/1.1 206 OK\r\nContent-Length: 1\r\nContent-Range: bytes 5-10/10\r\n\r\nx",
                "HTTP/1.1 206 OK\r\nContent-Length: 1\r\nContent-Range: bytes */10\r\n\r\nx",
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct http_reply rep;
                struct buf b = { 0 };

                if (get(bad[i], 4096, 100, &rep, &b) != -EPROTO)
                        fail_msg("accepted: %s", bad[i]);
        }
}

static void a_nul_in_the_head_is_refused(void **state)
{
        static const char a[] = "HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n";
        struct fake f;
        struct http *h = with_answer(&f, a, sizeof(a) - 1, 4096);
        struct http_reply rep;

        (void)state;
        assert_int_equal(http_head(h, &rep), -EPROTO);
        http_free(h);
}

static void a_head_over_8_kib_is_refused(void **state)
{
        char *a = malloc(20000);
        struct http_reply rep;
        struct buf b = { 0 };

        (void)state;
        assert_non_null(a);
        memset(a, 'a', 19999);
        memcpy(a, "HTTP/1.1 200 OK\r\nX: ", 20);
        a[19999] = '\0';
        assert_int_equal(get(a, 4096, 100, &rep, &b), -EPROTO);
        free(a);
}

static void a_body_over_the_limit_is_refused(void **state)
{
        struct http_reply rep;
        struct buf b = { 0 };

        (void)state;
        assert_int_equal(get("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!", 4096, 5, &rep, &b), -EMSGSIZE);
        assert_null(b.p);
}

static void a_body_that_ends_early_is_an_error(void **state)
{
        struct http_reply rep;
        struct buf b = { 0 };

        (void)state;
        assert_int_equal(get("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", 4096, 9, &rep, &b), -ECONNRESET);
        assert_int_equal(get("HTTP/1.1 200 OK\r\nContent-Le", 4096, 9, &rep, &b), -ECONNRESET);
}

static void an_interim_reply_is_skipped(void **state)
{
        struct http_reply rep;
        struct buf b = { 0 };

        (void)state;
        assert_int_equal(get("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 11, 9, &rep, &b), 0);
        assert_int_equal(rep.status, 200);
        assert_string_equal((char *)b.p, "ok");
        buf_wipe(&b);
}

static void interim_replies_without_end_are_refused(void **state)
{
        static const char one[] = "HTTP/1.1 100 Continue\r\n\r\n";
        static const char last[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        char a[50 * sizeof(one) + sizeof(last)] = "";
        struct http_reply rep;
        struct buf b = { 0 };

        (void)state;
        for (int i = 0; i < 50; i++)
                memcpy(a + strlen(a), one, sizeof(one));
        memcpy(a + strlen(a), last, sizeof(last));
        assert_int_equal(get(a, 64, 9, &rep, &b), -EPROTO);
        assert_null(b.p);
}

static void requests_are_what_http_wants(void **state)
{
        static const char a[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        struct fake f;
        struct http *h = with_answer(&f, a, sizeof(a) - 1, 4096);
        struct http_reply rep;
        struct buf b = { 0 };

        (void)state;
        assert_int_equal(http_call(h, "POST", "/v2/attest", NULL, "{}", 2, 9, &rep, &b), 0);
        assert_non_null(strstr(f.sent, "POST /v2/attest HTTP/1.1\r\nHost: parent:8443\r\n"));
        assert_non_null(strstr(f.sent, "Content-Type: application/json\r\nContent-Length: 2\r\n"));
        assert_non_null(strstr(f.sent, "\r\n\r\n{}"));
        buf_wipe(&b);
        http_free(h);
}

static void a_range_request_gets_its_range(void **state)
{
        static const char a[] = "HTTP/1.1 206 Partial\r\nContent-Length: 3\r\nContent-Range: bytes 7-9/10\r\n\r\nxyz";
        struct fake f;
        struct http *h = with_answer(&f, a, sizeof(a) - 1, 4096);
        struct http_reply rep;
        char p[8];

        (void)state;
        assert_int_equal(http_send(h, "GET", "/image/a", NULL, NULL, 0, 7), 0);
        assert_non_null(strstr(f.sent, "\r\nRange: bytes=7-\r\n"));
        assert_int_equal(http_head(h, &rep), 0);
        assert_true(rep.has_range);
        assert_int_equal(rep.range_first, 7);
        assert_int_equal(rep.range_total, 10);
        assert_int_equal(http_body(h, p, sizeof(p)), 3);
        assert_int_equal(http_body(h, p, sizeof(p)), 0);
        http_free(h);
}

static void a_busy_server_names_a_time(void **state)
{
        static const char with[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nretry-after: 2\r\n\r\n";
        static const char without[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nX-Retry-After: 2\r\n\r\n";
        struct http_reply rep;
        struct fake f;
        struct http *h;

        (void)state;
        h = with_answer(&f, with, sizeof(with) - 1, 4096);
        assert_int_equal(http_send(h, "GET", "/a", NULL, NULL, 0, 0), 0);
        assert_int_equal(http_head(h, &rep), 0);
        assert_true(rep.retry_after);
        http_free(h);
        h = with_answer(&f, without, sizeof(without) - 1, 4096);
        assert_int_equal(http_send(h, "GET", "/a", NULL, NULL, 0, 0), 0);
        assert_int_equal(http_head(h, &rep), 0);
        assert_false(rep.retry_after);
        http_free(h);
}

static void a_target_cannot_smuggle_a_header(void **state)
{
        static const char *const bad[] = { "x", "/a b", "/a\r\nX: y", "", "/\x7f" };
        struct fake f;
        struct http *h = with_answer(&f, "", 0, 1);

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(http_send(h, "GET", bad[i], NULL, NULL, 0, 0), -EINVAL);
        assert_int_equal(f.n_sent, 0);
        http_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_reply_is_read_in_any_pieces),
                cmocka_unit_test(heads_that_do_not_parse_are_refused),
                cmocka_unit_test(a_nul_in_the_head_is_refused),
                cmocka_unit_test(a_head_over_8_kib_is_refused),
                cmocka_unit_test(a_body_over_the_limit_is_refused),
                cmocka_unit_test(a_body_that_ends_early_is_an_error),
                cmocka_unit_test(an_interim_reply_is_skipped),
                cmocka_unit_test(interim_replies_without_end_are_refused),
                cmocka_unit_test(requests_are_what_http_wants),
                cmocka_unit_test(a_range_request_gets_its_range),
                cmocka_unit_test(a_busy_server_names_a_time),
                cmocka_unit_test(a_target_cannot_smuggle_a_header),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
