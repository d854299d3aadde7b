/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "fixture_tls.h"
#include "tls_server.h"

#include <gnutls/gnutls.h>
#include <sys/socket.h>

#define LABEL "EXPORTER-muster-attest-v2"

static struct {
        SSL_CTX *ctx;
        struct buf cert, key;
        int fd[2]; /* server's, client's */
        struct tls *server;
        SSL_CTX *client_ctx;
        SSL *client;
} t;

static int setup(void **state)
{
        (void)state;
        fixture_pair(&t.cert, &t.key);
        assert_int_equal(tls_ctx_new(t.cert.p, t.cert.len, t.key.p, t.key.len, &t.ctx), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, t.fd), 0);
        assert_int_equal(tls_new(t.ctx, t.fd[0], &t.server), 0);
        t.client_ctx = SSL_CTX_new(TLS_client_method());
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        SSL_free(t.client);
        SSL_CTX_free(t.client_ctx);
        tls_free(t.server);
        SSL_CTX_free(t.ctx);
        (void)close(t.fd[0]);
        (void)close(t.fd[1]);
        buf_wipe(&t.cert);
        buf_wipe(&t.key);
        memset(&t, 0, sizeof(t));
        return 0;
}

static void dial(void)
{
        t.client = SSL_new(t.client_ctx);
        assert_non_null(t.client);
        assert_int_equal(SSL_set_fd(t.client, t.fd[1]), 1);
        SSL_set_connect_state(t.client);
}

/* Both in turn, until the client is through; what the server's last read gave. */
static ssize_t shake(void)
{
        uint8_t b;
        ssize_t r = -EAGAIN;

        for (int i = 0; i < 10 && r == -EAGAIN && SSL_do_handshake(t.client) != 1; i++)
                r = tls_read(t.server, &b, 1);
        return r == -EAGAIN ? tls_read(t.server, &b, 1) : r;
}

static void up(void)
{
        dial();
        assert_int_equal(shake(), -EAGAIN);
        assert_true(tls_up(t.server));
}

static void a_connection_has_its_exporter_and_bytes_both_ways(void **state)
{
        uint8_t mine[DIGEST_LEN];
        uint8_t theirs[DIGEST_LEN];
        uint8_t room[64];

        (void)state;
        up();
        assert_int_equal(tls_export(t.server, LABEL, mine), 0);
        assert_int_equal(SSL_export_keying_material(t.client, theirs, DIGEST_LEN, LABEL, strlen(LABEL), NULL, 0, 0), 1);
        assert_memory_equal(mine, theirs, DIGEST_LEN);
        assert_int_equal(SSL_write(t.client, "question", 8), 8);
        assert_int_equal(tls_read(t.server, room, 5), 5);
        assert_int_equal(tls_pending(t.server), 3);
        assert_int_equal(tls_read(t.server, room, sizeof(room)), 3);
        assert_int_equal(tls_write(t.server, "answer", 6), 6);
        assert_int_equal(SSL_read(t.client, room, sizeof(room)), 6);
        (void)SSL_shutdown(t.client);
        assert_int_equal(tls_read(t.server, room, sizeof(room)), 0);
        tls_end(t.server);
        assert_int_equal(SSL_read(t.client, room, sizeof(room)), 0);
        assert_int_equal(SSL_get_error(t.client, 0), SSL_ERROR_ZERO_RETURN);
}

static void nothing_goes_before_the_handshake_is_done(void **state)
{
        uint8_t e[DIGEST_LEN];
        uint8_t b;

        (void)state;
        assert_int_equal(tls_export(t.server, LABEL, e), -EPROTO);
        assert_int_equal(tls_write(t.server, "x", 1), -EPROTO);
        dial();
        assert_int_equal(SSL_do_handshake(t.client), -1);
        assert_int_equal(tls_read(t.server, &b, 1), -EAGAIN); /* its flight is out, the client's Finished is not in */
        assert_false(tls_up(t.server));
        assert_int_equal(tls_export(t.server, LABEL, e), -EPROTO);
        assert_int_equal(tls_write(t.server, "x", 1), -EPROTO);
}

static void half_a_hello_is_waited_for(void **state)
{
        static const uint8_t half[] = { 22, 3, 1, 0, 200, 1, 0 };
        uint8_t b;

        (void)state;
        assert_int_equal(tls_read(t.server, &b, 1), -EAGAIN);
        for (size_t i = 0; i < sizeof(half); i++) {
                assert_int_equal(write(t.fd[1], half + i, 1), 1);
                assert_int_equal(tls_read(t.server, &b, 1), -EAGAIN);
        }
        (void)shutdown(t.fd[1], SHUT_WR);
        (void)tls_read(t.server, &b, 1);
        tls_end(t.server);
}

static void refused(const void *p, size_t n)
{
        uint8_t b;

        assert_int_equal(write(t.fd[1], p, n), n);
        assert_int_equal(tls_read(t.server, &b, 1), -EPROTO);
        assert_int_equal(tls_read(t.server, &b, 1), -EPROTO);
        tls_end(t.server);
        assert_int_equal(read(t.fd[1], &b, 1), -1); /* it was told nothing */
}

static void what_is_no_tls_is_refused(void **state)
{
        (void)state;
        refused("GET / HTTP/1.1\r\n", 16);
}

static void another_message_than_a_hello_is_refused(void **state)
{
        static const uint8_t finished[] = { 22, 3, 3, 0, 36, 20, 0, 0, 32 };

        (void)state;
        refused(finished, sizeof(finished));
}

static void a_hello_that_announces_too_much_is_refused(void **state)
{
        static const uint8_t large[] = { 22, 3, 1, 1, 0, 1, 0, TLS_HELLO_MAX >> 8, 1 };
        static const uint8_t largest[] = { 22, 3, 1, 1, 0, 1, 0, TLS_HELLO_MAX >> 8, 0 };
        uint8_t b;

        (void)state;
        assert_int_equal(write(t.fd[1], largest, sizeof(largest)), sizeof(largest));
        assert_int_equal(tls_read(t.server, &b, 1), -EAGAIN);
        assert_int_equal(teardown(NULL), 0);
        assert_int_equal(setup(NULL), 0);
        refused(large, sizeof(large));
}

static void older_tls_is_refused(void **state)
{
        (void)state;
        assert_int_equal(SSL_CTX_set_max_proto_version(t.client_ctx, TLS1_2_VERSION), 1);
        dial();
        assert_int_equal(shake(), -EPROTO);
        assert_false(tls_up(t.server));
}

static void a_peer_that_needs_a_second_hello_is_refused(void **state)
{
        (void)state;
        assert_int_equal(SSL_CTX_set1_groups_list(t.client_ctx, "P-384:X25519"), 1); /* a share for the first only */
        dial();
        assert_int_equal(shake(), -EPROTO);
        assert_false(tls_up(t.server));
}

static void no_session_is_resumed(void **state)
{
        SSL_SESSION *s;

        (void)state;
        up();
        s = SSL_get1_session(t.client);
        assert_non_null(s);
        assert_false(SSL_SESSION_is_resumable(s)); /* no ticket came */
        SSL_SESSION_free(s);
}

static void a_peer_that_goes_without_a_word_is_seen(void **state)
{
        uint8_t b;

        (void)state;
        up();
        (void)shutdown(t.fd[1], SHUT_WR);
        assert_true(tls_read(t.server, &b, 1) < 0);
        assert_int_equal(tls_write(t.server, "x", 1), -EPROTO);
}

static void altered_bytes_end_it(void **state)
{
        static const uint8_t record[] = { 23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 };
        uint8_t e[DIGEST_LEN];
        uint8_t b;

        (void)state;
        up();
        assert_int_equal(write(t.fd[1], record, sizeof(record)), sizeof(record));
        assert_int_equal(tls_read(t.server, &b, 1), -EPROTO);
        assert_int_equal(tls_export(t.server, LABEL, e), -EPROTO);
}

static void key_updates_are_taken_but_not_without_end(void **state)
{
        uint8_t b;
        int i;

        (void)state;
        up();
        for (i = 0; i < TLS_UPDATES_MAX; i++) {
                assert_int_equal(SSL_key_update(t.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
                assert_int_equal(SSL_do_handshake(t.client), 1);
                assert_int_equal(tls_read(t.server, &b, 1), -EINTR);
                assert_int_equal(tls_read(t.server, &b, 1), -EAGAIN);
        }
        assert_int_equal(SSL_write(t.client, "x", 1), 1);
        assert_int_equal(tls_read(t.server, &b, 1), 1);
        assert_int_equal(SSL_key_update(t.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(t.client), 1);
        assert_int_equal(tls_read(t.server, &b, 1), -EPROTO);
}

/* What libmicrohttpd is told of bytes that are not on the socket any more: too
 * little and they are forgotten, too much and it asks again without end. */
static void what_was_read_ahead_is_pending_but_not_half_a_record(void **state)
{
        BIO *out = BIO_new(BIO_s_mem());
        uint8_t room[16];
        char *p = NULL;
        size_t n;

        (void)state;
        up();
        SSL_set0_wbio(t.client, out);
        assert_int_equal(SSL_write(t.client, "one", 3), 3);
        assert_int_equal(SSL_write(t.client, "two", 3), 3);
        assert_int_equal(SSL_write(t.client, "three", 5), 5);
        n = (size_t)BIO_get_mem_data(out, &p);
        assert_int_equal(write(t.fd[1], p, n - 1), n - 1);
        assert_int_equal(tls_read(t.server, room, sizeof(room)), 3);
        assert_true(tls_pending(t.server) > 0);
        assert_int_equal(read(t.fd[0], room, 1), -1); /* nothing is left there */
        assert_int_equal(tls_read(t.server, room, sizeof(room)), 3);
        assert_memory_equal(room, "two", 3);
        assert_int_equal(tls_read(t.server, room, sizeof(room)), -EAGAIN);
        assert_int_equal(tls_pending(t.server), 0);
        assert_int_equal(write(t.fd[1], p + n - 1, 1), 1);
        assert_int_equal(tls_read(t.server, room, sizeof(room)), 5);
        assert_int_equal(tls_pending(t.server), 0);
}

static size_t drain(void)
{
        static uint8_t room[16384];
        size_t got = 0;
        int k;

        while ((k = SSL_read(t.client, room, sizeof(room))) > 0)
                got += (size_t)k;
        return got;
}

static void a_full_socket_is_waited_for(void **state)
{
        static uint8_t much[65536];
        size_t sent = 0;
        size_t got = 0;
        ssize_t r = 0;

        (void)state;
        up();
        while (sent < 64 * sizeof(much) && (r = tls_write(t.server, much, sizeof(much))) > 0)
                sent += (size_t)r;
        assert_int_equal(r, -EAGAIN);
        got += drain();
        r = tls_write(t.server, much, sizeof(much)); /* the same bytes */
        assert_true(r > 0);
        assert_int_equal(got + drain(), sent + (size_t)r);
}

static void a_key_of_another_certificate_is_refused(void **state)
{
        struct buf cert = { 0 };
        struct buf key = { 0 };
        SSL_CTX *ctx = NULL;

        (void)state;
        fixture_pair(&cert, &key);
        assert_int_equal(tls_ctx_new(t.cert.p, t.cert.len, key.p, key.len, &ctx), -EINVAL);
        assert_int_equal(tls_ctx_new(t.key.p, t.key.len, t.key.p, t.key.len, &ctx), -EINVAL);
        assert_int_equal(tls_ctx_new("", 0, "", 0, &ctx), -EINVAL);
        assert_null(ctx);
        buf_wipe(&cert);
        buf_wipe(&key);
}

/* A parent's certificate by a CA of this name, and its key, added to the PEM texts. */
static void add_pair(const char *ca, struct buf *cert, struct buf *key)
{
        EVP_PKEY *k = EVP_EC_gen("P-256");
        X509 *x = X509_new();
        BIO *certs = BIO_new(BIO_s_mem());
        BIO *keys = BIO_new(BIO_s_mem());

        assert_true(BIO_write(certs, cert->p, (int)cert->len) == (int)cert->len);
        assert_true(BIO_write(keys, key->p, (int)key->len) == (int)key->len);
        (void)X509_set_version(x, X509_VERSION_3);
        (void)X509_set_pubkey(x, k);
        (void)X509_gmtime_adj(X509_getm_notBefore(x), -60);
        (void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_ASC, (const uint8_t *)ca, -1, -1, 0), 1);
        assert_true(X509_sign(x, k, EVP_sha256()) > 0);
        (void)PEM_write_bio_X509(certs, x);
        (void)PEM_write_bio_PKCS8PrivateKey(keys, k, NULL, NULL, 0, NULL, NULL);
        buf_wipe(cert);
        buf_wipe(key);
        fixture_pem(certs, cert);
        fixture_pem(keys, key);
        X509_free(x);
        EVP_PKEY_free(k);
}

/* The CA of the certificate that a client which trusts `ca` (NULL: says nothing) is shown. */
static void shown_to(SSL_CTX *ctx, const char *ca, char ret[64])
{
        STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
        X509_NAME *name = X509_NAME_new();
        X509 *got;

        tls_free(t.server);
        SSL_free(t.client);
        assert_int_equal(tls_new(ctx, t.fd[0], &t.server), 0);
        dial();
        if (ca) {
                assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)ca, -1, -1, 0), 1);
                (void)sk_X509_NAME_push(names, X509_NAME_dup(name));
                SSL_set0_CA_list(t.client, names);
        } else {
                sk_X509_NAME_free(names);
        }
        X509_NAME_free(name);
        assert_int_equal(shake(), -EAGAIN);
        assert_true(tls_up(t.server));
        got = SSL_get1_peer_certificate(t.client);
        assert_non_null(got);
        assert_true(X509_NAME_get_text_by_NID(X509_get_issuer_name(got), NID_commonName, ret, 64) > 0);
        X509_free(got);
}

static void a_client_is_shown_the_certificate_of_the_ca_that_it_names(void **state)
{
        struct buf cert = { 0 };
        struct buf key = { 0 };
        SSL_CTX *ctx = NULL;
        char by[64];

        (void)state;
        add_pair("new", &cert, &key);
        add_pair("previous", &cert, &key);
        assert_int_equal(tls_ctx_new(cert.p, cert.len, key.p, key.len, &ctx), 0);
        shown_to(ctx, "new", by);
        assert_string_equal(by, "new");
        shown_to(ctx, "previous", by);
        assert_string_equal(by, "previous");
        shown_to(ctx, "another", by);
        assert_string_equal(by, "new");
        shown_to(ctx, NULL, by);
        assert_string_equal(by, "new");
        SSL_CTX_free(ctx);
        buf_wipe(&cert);
        buf_wipe(&key);
}

static void a_second_certificate_needs_its_key(void **state)
{
        struct buf certs = { 0 };
        struct buf keys = { 0 };
        struct buf one = { 0 };
        SSL_CTX *ctx = NULL;

        (void)state;
        add_pair("new", &certs, &keys);
        one.p = malloc(keys.len);
        assert_non_null(one.p);
        memcpy(one.p, keys.p, keys.len);
        one.len = keys.len;
        add_pair("previous", &certs, &keys);
        assert_int_equal(tls_ctx_new(certs.p, certs.len, one.p, one.len, &ctx), -EINVAL);
        add_pair("third", &certs, &keys);
        assert_int_equal(tls_ctx_new(certs.p, certs.len, keys.p, keys.len, &ctx), -EINVAL);
        assert_null(ctx);
        buf_wipe(&certs);
        buf_wipe(&keys);
        buf_wipe(&one);
}

/* What libmicrohttpd could be told to do, and musterd never does. */
static void other_tls_than_musterds_is_refused(void **state)
{
        gnutls_certificate_credentials_t c = NULL;
        gnutls_psk_server_credentials_t psk = NULL;
        gnutls_dh_params_t dh = NULL;
        gnutls_priority_t p = NULL;
        gnutls_session_t s = NULL;
        gnutls_datum_t none = { 0 };
        uint8_t b;

        (void)state;
        assert_true(gnutls_priority_init(&p, "NORMAL", NULL) < 0);
        assert_true(gnutls_psk_allocate_server_credentials(&psk) < 0);
        assert_true(gnutls_dh_params_init(&dh) < 0);
        assert_true(gnutls_init(&s, GNUTLS_SERVER) < 0); /* a blocking socket */
        assert_true(gnutls_init(&s, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_ENABLE_EARLY_DATA) < 0);
        assert_int_equal(gnutls_init(&s, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
        assert_int_equal(gnutls_certificate_allocate_credentials(&c), 0);
        assert_true(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, c) < 0); /* it has no key yet */
        assert_true(gnutls_certificate_set_x509_trust_mem(c, &none, GNUTLS_X509_FMT_PEM) < 0);
        gnutls_transport_set_int2(s, t.fd[0], t.fd[0]);
        assert_true(gnutls_handshake(s) < 0);
        assert_true(gnutls_record_recv(s, &b, 1) < 0);
        assert_true(gnutls_record_send(s, "x", 1) < 0);
        assert_int_equal(gnutls_protocol_get_version(s), GNUTLS_VERSION_UNKNOWN);
        gnutls_deinit(s);
        gnutls_certificate_free_credentials(c);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_connection_has_its_exporter_and_bytes_both_ways),
                T(nothing_goes_before_the_handshake_is_done),
                T(half_a_hello_is_waited_for),
                T(what_is_no_tls_is_refused),
                T(another_message_than_a_hello_is_refused),
                T(a_hello_that_announces_too_much_is_refused),
                T(older_tls_is_refused),
                T(a_peer_that_needs_a_second_hello_is_refused),
                T(no_session_is_resumed),
                T(a_peer_that_goes_without_a_word_is_seen),
                T(altered_bytes_end_it),
                T(key_updates_are_taken_but_not_without_end),
                T(what_was_read_ahead_is_pending_but_not_half_a_record),
                T(a_full_socket_is_waited_for),
                T(a_key_of_another_certificate_is_refused),
                T(a_client_is_shown_the_certificate_of_the_ca_that_it_names),
                T(a_second_certificate_needs_its_key),
                T(other_tls_than_musterds_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
