/* SPDX-License-Identifier: Apache-2.0 */
/* The client's connections: TLS to a parent that is a thread of this test. */
#include <setjmp.h>
#include <stdarg.h>

#include "pki.h"
#include "pkikey.h"
#include "stream.h"
#include "tls.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#define NOW 1900000000

enum how { HONEST, TLS12, NO_TLS, HANGS_UP, HANGS_UP_LATER, SAYS_GOODBYE, GARBAGE_LATER };

static struct parent {
        int listener;
        uint16_t port;
        enum how how;
        X509 *cert;
        pthread_t thread;
        uint8_t exporter[DIGEST_LEN];
} parent;
static EVP_PKEY *key;
static X509 *ca, *other_ca, *good, *of_a_node, *named;

static void serve_tls(int fd)
{
        static const char label[] = "EXPORTER-muster-attest-v2";
        SSL_CTX *c = SSL_CTX_new(TLS_server_method());
        SSL *ssl;
        char b[16];

        if (parent.how == TLS12)
                (void)SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
        (void)SSL_CTX_use_certificate(c, parent.cert);
        (void)SSL_CTX_use_PrivateKey(c, key);
        ssl = SSL_new(c);
        (void)SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1) {
                (void)SSL_export_keying_material(ssl, parent.exporter, DIGEST_LEN, label, sizeof(label) - 1, NULL, 0, 0);
                if (parent.how == GARBAGE_LATER)
                        (void)send(fd, "no TLS record, this", 19, MSG_NOSIGNAL);
                else if (parent.how != HANGS_UP_LATER && SSL_read(ssl, b, sizeof(b)) == 4)
                        (void)SSL_write(ssl, "pong", 4);
                if (parent.how == SAYS_GOODBYE)
                        (void)SSL_shutdown(ssl);
        }
        SSL_free(ssl);
        SSL_CTX_free(c);
}

static void *serve(void *unused)
{
        int fd = accept(parent.listener, NULL, NULL);
        char b[4096];

        (void)unused;
        if (parent.how == NO_TLS)
                (void)send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL);
        else if (parent.how != HANGS_UP)
                serve_tls(fd);
        (void)shutdown(fd, SHUT_WR);
        while (parent.how != HANGS_UP && recv(fd, b, sizeof(b), 0) > 0)
                ;
        (void)close(fd);
        return NULL;
}

/* What tls_connect() says to a parent like this. */
static int connect_to(enum how how, X509 *cert, const char *host, const struct tls_trust *trust, struct stream **ret,
                      char why[TLS_WHY])
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(a);
        struct stream *tcp = NULL;

        parent.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(parent.listener, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(parent.listener, 1), 0);
        assert_int_equal(getsockname(parent.listener, (struct sockaddr *)&a, &len), 0);
        parent.how = how;
        parent.cert = cert;
        assert_int_equal(pthread_create(&parent.thread, NULL, serve, NULL), 0);
        assert_int_equal(stream_open_tcp("127.0.0.1", ntohs(a.sin_port), 5000, &tcp), 0);
        *ret = NULL;
        return tls_connect(tcp, host, trust, ret, why);
}

static void done(struct stream *s)
{
        stream_free(s);
        assert_int_equal(pthread_join(parent.thread, NULL), 0);
        (void)close(parent.listener);
}

static void a_parent_of_the_cluster_is_talked_to(void **state)
{
        static const char *const hosts[] = { "127.0.0.1", "parent.cluster" };
        const struct tls_trust trust = { ca, NOW };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
                struct stream *s;
                uint8_t exporter[DIGEST_LEN];
                char why[TLS_WHY], b[16];

                assert_int_equal(connect_to(SAYS_GOODBYE, i == 0 ? good : named, hosts[i], &trust, &s, why), 0);
                assert_int_equal(tls_exporter(s, exporter), 0);
                assert_int_equal(stream_write_all(s, "ping", 4), 0);
                assert_int_equal(stream_read(s, b, sizeof(b)), 4);
                assert_memory_equal(b, "pong", 4);
                assert_memory_equal(exporter, parent.exporter, DIGEST_LEN);
                assert_int_equal(stream_read(s, b, sizeof(b)), 0); /* it said goodbye */
                done(s);
        }
}

static void a_parent_that_is_not_to_be_trusted_is_refused(void **state)
{
        const struct {
                X509 *cert, *ca;
                time_t when;
                const char *host, *why;
        } rows[] = {
                { good, other_ca, NOW, "127.0.0.1", "refused" },
                { good, ca, NOW + 10000, "127.0.0.1", "certificate has expired" },
                { good, ca, NOW - 10000, "127.0.0.1", "not yet valid" },
                { good, ca, NOW, "127.0.0.2", "IP address mismatch" },
                { good, ca, NOW, "parent.cluster", "hostname mismatch" },
                { named, ca, NOW, "cluster", "hostname mismatch" },
                { of_a_node, ca, NOW, "127.0.0.1", "" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const struct tls_trust trust = { rows[i].ca, rows[i].when };
                struct stream *s;
                char why[TLS_WHY];

                if (connect_to(HONEST, rows[i].cert, rows[i].host, &trust, &s, why) != -EKEYREJECTED)
                        fail_msg("row %zu was not refused", i);
                if (!strstr(why, rows[i].why))
                        fail_msg("row %zu: %s", i, why);
                assert_null(s);
                done(s);
        }
}

/* One that the cluster's CA signed for a server, by mistake: no parent. */
static void a_server_certificate_of_the_ca_is_no_parents(void **state)
{
        const struct tls_trust trust = { ca, NOW };
        X509 *plain = X509_dup(good);
        struct stream *s;
        char why[TLS_WHY];
        int at = X509_get_ext_by_NID(plain, NID_ext_key_usage, -1);
        EXTENDED_KEY_USAGE *usage;

        (void)state;
        X509_EXTENSION_free(X509_delete_ext(plain, at));
        usage = EXTENDED_KEY_USAGE_new();
        assert_true(sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(NID_server_auth)) > 0);
        assert_int_equal(X509_add1_ext_i2d(plain, NID_ext_key_usage, usage, 0, 0), 1);
        EXTENDED_KEY_USAGE_free(usage);
        assert_true(X509_sign(plain, key, EVP_sha256()) > 0);
        assert_int_equal(connect_to(HONEST, plain, "127.0.0.1", &trust, &s, why), -EKEYREJECTED);
        assert_non_null(strstr(why, "not a parent's"));
        done(s);
        X509_free(plain);
}

static void another_protocol_than_tls_1_3_ends_with_words(void **state)
{
        const struct tls_trust trust = { ca, NOW };
        struct stream *s;
        char why[TLS_WHY];

        (void)state;
        assert_int_equal(connect_to(TLS12, good, "127.0.0.1", &trust, &s, why), -EPROTO);
        assert_non_null(strstr(why, "TLS 1.3 handshake: "));
        done(s);
        assert_int_equal(connect_to(NO_TLS, good, "127.0.0.1", &trust, &s, why), -EPROTO);
        assert_non_null(strstr(why, "TLS 1.3 handshake: "));
        done(s);
        assert_true(connect_to(HANGS_UP, good, "127.0.0.1", &trust, &s, why) < 0);
        assert_string_not_equal(why, "");
        done(s);
}

/* A close that is not TLS's own is no end of what was sent. */
static void a_cut_connection_is_an_error_and_no_end(void **state)
{
        const struct tls_trust trust = { ca, NOW };
        struct stream *s;
        char why[TLS_WHY], b[16];

        (void)state;
        assert_int_equal(connect_to(HANGS_UP_LATER, good, "127.0.0.1", &trust, &s, why), 0);
        assert_true(stream_read(s, b, sizeof(b)) < 0);
        done(s);
        assert_int_equal(connect_to(GARBAGE_LATER, good, "127.0.0.1", &trust, &s, why), 0);
        assert_int_equal(stream_read(s, b, sizeof(b)), -EPROTO);
        assert_true(stream_write_all(s, "x", 1) < 0);
        done(s);
}

static unsigned noticed;

static void notice(void *ctx)
{
        (*(unsigned *)ctx)++;
}

static void waiting_ends_and_is_noticed_once(void **state)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(a);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct stream *s = NULL;
        char *much = calloc(1, 1 << 20), b[8];
        int r = 0;

        (void)state;
        assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
        assert_int_equal(stream_open_tcp("127.0.0.1", ntohs(a.sin_port), 5000, &s), 0);
        s->idle_ms = 60;
        s->notice = notice;
        s->notice_ctx = &noticed;
        s->notice_ms = 10;
        assert_int_equal(stream_read(s, b, sizeof(b)), -ETIMEDOUT);
        assert_int_equal(noticed, 1);
        assert_int_equal(stream_read(s, b, sizeof(b)), -ETIMEDOUT);
        assert_int_equal(noticed, 1);
        s->deadline = stream_now_ms() - 1;
        assert_int_equal(stream_read(s, b, sizeof(b)), -ETIMEDOUT);
        s->deadline = 0;
        for (int i = 0; i < 64 && r == 0; i++) /* nobody reads it */
                r = stream_write_all(s, much, 1 << 20);
        assert_int_equal(r, -ETIMEDOUT);
        (void)close(listener); /* nobody accepted: reset */
        assert_int_equal(stream_read(s, b, sizeof(b)), -ECONNRESET);
        assert_int_equal(stream_write_all(s, "x", 1), -EPIPE);
        stream_free(s);
        free(much);
}

static void what_cannot_be_reached_is_said(void **state)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(a);
        int unused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct stream *s = NULL;
        char path[200];

        (void)state;
        assert_int_equal(bind(unused, (struct sockaddr *)&a, sizeof(a)), 0); /* and no listen() */
        assert_int_equal(getsockname(unused, (struct sockaddr *)&a, &len), 0);
        assert_int_equal(stream_open_tcp("127.0.0.1", ntohs(a.sin_port), 5000, &s), -ECONNREFUSED);
        assert_true(stream_open_tcp("::1", ntohs(a.sin_port), 5000, &s) < 0);
        assert_int_equal(stream_open_tcp("parent.cluster", 1, 5000, &s), -EINVAL);
        assert_int_equal(stream_open_unix("/nonexistent/socket", &s), -ENOENT);
        memset(path, 'x', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(stream_open_unix(path, &s), -ENAMETOOLONG);
        assert_null(s);
        (void)close(unused);
}

static int setup(void **state)
{
        static const char *const ip[] = { "127.0.0.1" }, *const dns[] = { "parent.cluster" };
        struct pki_ca authority;
        EVP_PKEY *other = NULL;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &key), 0);
        assert_int_equal(pki_key_new(PKI_P256, &other), 0);
        assert_int_equal(pki_ca_new(key, "cluster", NOW - 100000, &ca), 0);
        assert_int_equal(pki_ca_new(other, "another cluster", NOW - 100000, &other_ca), 0);
        authority = (struct pki_ca){ ca, key };
        assert_int_equal(pki_issue_parent(&authority, key, "parent", ip, 1, NOW - 1000, NOW + 1000, &good), 0);
        assert_int_equal(pki_issue_parent(&authority, key, "parent", dns, 1, NOW - 1000, NOW + 1000, &named), 0);
        assert_int_equal(pki_issue_node(&authority, key, "n1", NOW - 1000, NOW + 1000, &of_a_node), 0);
        EVP_PKEY_free(other);
        return 0;
}

static int teardown(void **state)
{
        X509 *all[] = { ca, other_ca, good, of_a_node, named };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                X509_free(all[i]);
        EVP_PKEY_free(key);
        return 0;
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_parent_of_the_cluster_is_talked_to),
                cmocka_unit_test(a_parent_that_is_not_to_be_trusted_is_refused),
                cmocka_unit_test(a_server_certificate_of_the_ca_is_no_parents),
                cmocka_unit_test(another_protocol_than_tls_1_3_ends_with_words),
                cmocka_unit_test(a_cut_connection_is_an_error_and_no_end),
                cmocka_unit_test(waiting_ends_and_is_noticed_once),
                cmocka_unit_test(what_cannot_be_reached_is_said),
        };

        (void)signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, setup, teardown);
}
