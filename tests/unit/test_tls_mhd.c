/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd over tls_gnutls.c, as listen.c starts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "fixture_tls.h"
#include "hex.h"
#include "tls_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define LABEL "EXPORTER-muster-attest-v2"

static struct {
        struct MHD_Daemon *daemon;
        struct sockaddr_in at;
        struct buf cert, key;
        SSL_CTX *ctx;
        SSL *ssl;
        int fd;
} t;

/* Answers with the connection's exporter. */
static enum MHD_Result answer(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **con_cls)
{
        char text[HEX_LEN(DIGEST_LEN)];
        uint8_t e[DIGEST_LEN];
        struct MHD_Response *resp;
        enum MHD_Result r;

        (void)url, (void)method, (void)version, (void)data, (void)size;
        if (!*con_cls) {
                *con_cls = cls;
                return MHD_YES;
        }
        if (tls_export_of(conn, LABEL, e) < 0)
                return MHD_NO;
        hex_encode(e, DIGEST_LEN, text);
        resp = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
        r = MHD_queue_response(conn, 200, resp);
        MHD_destroy_response(resp);
        return r;
}

static struct MHD_Daemon *start(int fd, const char *priorities)
{
        return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
                                NULL, answer, &t, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)8192,
                                MHD_OPTION_THREAD_POOL_SIZE, 2U, MHD_OPTION_HTTPS_MEM_KEY, t.key.p, MHD_OPTION_HTTPS_MEM_CERT,
                                t.cert.p, MHD_OPTION_HTTPS_PRIORITIES, priorities, MHD_OPTION_END);
}

static int listener(void)
{
        socklen_t n = sizeof(t.at);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        t.at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        assert_int_equal(bind(fd, (struct sockaddr *)&t.at, sizeof(t.at)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&t.at, &n), 0);
        assert_int_equal(listen(fd, 8), 0);
        return fd;
}

static int setup(void **state)
{
        static const struct timeval patience = { 10, 0 };

        (void)state;
        (void)signal(SIGPIPE, SIG_IGN);
        fixture_pair(&t.cert, &t.key);
        t.daemon = start(listener(), TLS_PRIORITIES);
        assert_non_null(t.daemon);
        t.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(setsockopt(t.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
        assert_int_equal(connect(t.fd, (struct sockaddr *)&t.at, sizeof(t.at)), 0);
        t.ctx = SSL_CTX_new(TLS_client_method());
        t.ssl = SSL_new(t.ctx);
        assert_int_equal(SSL_set_fd(t.ssl, t.fd), 1);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        SSL_free(t.ssl);
        SSL_CTX_free(t.ctx);
        (void)close(t.fd);
        MHD_stop_daemon(t.daemon);
        buf_wipe(&t.cert);
        buf_wipe(&t.key);
        memset(&t, 0, sizeof(t));
        return 0;
}

static const char question[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

static void answered(char body[HEX_LEN(DIGEST_LEN)])
{
        char in[2048];
        int n = 0;
        char *at = NULL;

        while (!at || strlen(at) < 4 + 2 * DIGEST_LEN) {
                int k = SSL_read(t.ssl, in + n, (int)sizeof(in) - 1 - n);

                assert_true(k > 0);
                n += k;
                in[n] = '\0';
                at = strstr(in, "\r\n\r\n");
        }
        assert_memory_equal(in, "HTTP/1.1 200", 12);
        (void)snprintf(body, HEX_LEN(DIGEST_LEN), "%s", at + 4);
}

/* One request; its answer's body. */
static void ask(char body[HEX_LEN(DIGEST_LEN)])
{
        assert_int_equal(SSL_write(t.ssl, question, sizeof(question) - 1), sizeof(question) - 1);
        answered(body);
}

/* The records of a request, a byte each, in memory. */
static BIO *records(char **ret, size_t *ret_n)
{
        BIO *out = BIO_new(BIO_s_mem());

        assert_int_equal(SSL_connect(t.ssl), 1);
        SSL_set0_wbio(t.ssl, out);
        for (size_t i = 0; i < sizeof(question) - 1; i++)
                assert_int_equal(SSL_write(t.ssl, question + i, 1), 1);
        *ret_n = (size_t)BIO_get_mem_data(out, ret);
        return out;
}

static void requests_of_one_connection_have_its_exporter(void **state)
{
        char text[HEX_LEN(DIGEST_LEN)];
        char body[HEX_LEN(DIGEST_LEN)];
        uint8_t e[DIGEST_LEN];

        (void)state;
        assert_int_equal(SSL_connect(t.ssl), 1);
        assert_int_equal(SSL_export_keying_material(t.ssl, e, DIGEST_LEN, LABEL, strlen(LABEL), NULL, 0, 0), 1);
        hex_encode(e, DIGEST_LEN, text);
        for (int i = 0; i < 3; i++) {
                ask(body);
                assert_string_equal(body, text);
        }
}

static double cpu_ms(void)
{
        struct rusage u;

        (void)getrusage(RUSAGE_SELF, &u);
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

/* What this process uses in half a second in which nothing comes. */
static double idle_ms(void)
{
        struct timespec settle = { 0, 100000000 };
        struct timespec half = { 0, 500000000 };
        double from;

        (void)nanosleep(&settle, NULL);
        from = cpu_ms();
        (void)nanosleep(&half, NULL);
        return cpu_ms() - from;
}

static void a_handshake_that_waits_for_its_peer_takes_no_time(void **state)
{
        static const uint8_t half[] = { 22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3 };

        (void)state;
        assert_int_equal(write(t.fd, half, sizeof(half)), sizeof(half));
        assert_true(idle_ms() < 50);
}

static void so_does_one_without_its_last_message(void **state)
{
        BIO *in = BIO_new(BIO_s_mem());
        BIO *out = BIO_new(BIO_s_mem());
        SSL *ssl = SSL_new(t.ctx);
        char *p = NULL;
        long n;

        (void)state;
        SSL_set_bio(ssl, in, out);
        (void)SSL_connect(ssl);
        n = BIO_get_mem_data(out, &p);
        assert_true(n > 0);
        assert_int_equal(write(t.fd, p, (size_t)n), n);
        assert_true(idle_ms() < 50);
        SSL_free(ssl);
}

static void records_that_come_all_at_once_are_all_read(void **state)
{
        char body[HEX_LEN(DIGEST_LEN)];
        char *p = NULL;
        size_t n;

        (void)state;
        (void)records(&p, &n);
        assert_int_equal(write(t.fd, p, n), n);
        answered(body);
}

static void half_a_record_is_waited_for_and_takes_no_time(void **state)
{
        char body[HEX_LEN(DIGEST_LEN)];
        char *p = NULL;
        size_t n;

        (void)state;
        (void)records(&p, &n);
        assert_int_equal(write(t.fd, p, n - 9), n - 9);
        assert_true(idle_ms() < 50);
        assert_int_equal(write(t.fd, p + n - 9, 9), 9);
        answered(body);
}

static void a_daemon_with_other_tls_does_not_start(void **state)
{
        struct buf other = { 0 };
        struct buf cert = { 0 };

        (void)state;
        assert_null(start(listener(), "NORMAL"));
        buf_wipe(&t.key);
        fixture_pair(&cert, &other);
        t.key = other;
        assert_null(start(listener(), TLS_PRIORITIES));
        buf_wipe(&cert);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_handshake_that_waits_for_its_peer_takes_no_time),
                T(so_does_one_without_its_last_message),
                T(records_that_come_all_at_once_are_all_read),
                T(half_a_record_is_waited_for_and_takes_no_time),
                T(requests_of_one_connection_have_its_exporter),
                T(a_daemon_with_other_tls_does_not_start),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
