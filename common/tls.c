/* SPDX-License-Identifier: Apache-2.0 */
#include "tls.h"

#include "pki.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#define EXPORTER_LABEL "EXPORTER-muster-attest-v2"

struct tls {
        struct stream s;
        struct stream *tcp;
        SSL *ssl;
};

DEFINE_CLEANUP(SSL_CTX *, SSL_CTX_free)

/* Waits for what OpenSSL wants; negative errno ends the connection. */
static int tls_wait(struct tls *t, int ret)
{
        int saved = errno;
        int want = SSL_get_error(t->ssl, ret);

        if (want == SSL_ERROR_WANT_READ || want == SSL_ERROR_WANT_WRITE)
                return stream_wait(&t->s, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT);
        if (want == SSL_ERROR_SYSCALL && saved > 0)
                return -saved;
        return want == SSL_ERROR_SSL ? -EPROTO : -ECONNRESET;
}

static ssize_t tls_read(struct stream *s, void *p, size_t n)
{
        struct tls *t = (struct tls *)s;

        for (;;) {
                size_t k = 0;
                int r;

                ERR_clear_error();
                errno = 0;
                r = SSL_read_ex(t->ssl, p, n, &k);
                if (r == 1)
                        return (ssize_t)k;
                if (SSL_get_error(t->ssl, r) == SSL_ERROR_ZERO_RETURN)
                        return 0;
                r = tls_wait(t, r);
                if (r < 0)
                        return r;
        }
}

static ssize_t tls_write(struct stream *s, const void *p, size_t n)
{
        struct tls *t = (struct tls *)s;

        for (;;) {
                size_t k = 0;
                int r;

                ERR_clear_error();
                errno = 0;
                r = SSL_write_ex(t->ssl, p, n, &k);
                if (r == 1)
                        return (ssize_t)k;
                r = tls_wait(t, r);
                if (r < 0)
                        return r;
        }
}

static void tls_close(struct stream *s)
{
        struct tls *t = (struct tls *)s;

        if (t->ssl) {
                if (SSL_is_init_finished(t->ssl))
                        (void)SSL_shutdown(t->ssl);
                SSL_free(t->ssl);
        }
        stream_free(t->tcp);
        free(t);
}

static int context_new(const struct tls_trust *trust, SSL_CTX **ret)
{
        _cleanup_(SSL_CTX_freep) SSL_CTX *c = SSL_CTX_new(TLS_client_method());
        X509_VERIFY_PARAM *p;

        if (!c)
                return -ENOMEM;
        p = SSL_CTX_get0_param(c);
        X509_VERIFY_PARAM_set_time(p, trust->when);
        if (SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
            SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) != 1 ||
            SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") != 1 ||
            SSL_CTX_set1_groups_list(c, "X25519:P-256") != 1 ||
            X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT) != 1 ||
            X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_SSL_SERVER) != 1 ||
            X509_STORE_add_cert(SSL_CTX_get_cert_store(c), trust->ca) != 1 ||
            /* a parent whose CA is being replaced has two certificates, and chooses by this */
            SSL_CTX_add1_to_CA_list(c, trust->ca) != 1)
                return -EIO;
        /* a verdict's image key does not stay in OpenSSL's read buffer */
        (void)SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT);
        (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
        *ret = take_ptr(c);
        return 0;
}

/* The names the certificate must hold; an address is never sent as SNI. */
static int expect_host(SSL *ssl, const char *host)
{
        uint8_t ip[16];

        if (inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1)
                return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 ? 0 : -EIO;
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        if (SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1)
                return -EIO;
        return 0;
}

static int handshake(struct tls *t, char why[TLS_WHY])
{
        for (;;) {
                long v;
                int r;

                ERR_clear_error();
                errno = 0;
                r = SSL_connect(t->ssl);
                if (r == 1)
                        return 0;
                v = SSL_get_verify_result(t->ssl);
                if (v != X509_V_OK) {
                        (void)snprintf(why, TLS_WHY, "its certificate is refused: %s", X509_verify_cert_error_string(v));
                        return -EKEYREJECTED;
                }
                r = tls_wait(t, r);
                if (r == -EPROTO) {
                        const char *e = ERR_reason_error_string(ERR_peek_last_error());

                        (void)snprintf(why, TLS_WHY, "TLS 1.3 handshake: %s", e ? e : "protocol error");
                }
                if (r < 0)
                        return r;
        }
}

static int check_parent(struct tls *t, char why[TLS_WHY])
{
        _cleanup_(X509_freep) X509 *cert = SSL_get1_peer_certificate(t->ssl);

        if (!cert || SSL_get_verify_result(t->ssl) != X509_V_OK) {
                (void)snprintf(why, TLS_WHY, "it showed no certificate that verifies");
                return -EKEYREJECTED;
        }
        if (!pki_is_parent_cert(cert)) {
                (void)snprintf(why, TLS_WHY, "its certificate is of the cluster's CA but not a parent's");
                return -EKEYREJECTED;
        }
        return 0;
}

int tls_connect(struct stream *tcp, const char *host, const struct tls_trust *trust, struct stream **ret,
                char ret_why[TLS_WHY])
{
        _cleanup_(SSL_CTX_freep) SSL_CTX *ctx = NULL;
        struct tls *t = calloc(1, sizeof(*t));
        int r;

        ret_why[0] = '\0';
        if (!t) {
                stream_free(tcp);
                return -ENOMEM;
        }
        t->tcp = tcp;
        t->s = (struct stream){ .read = tls_read,
                                .write = tls_write,
                                .close = tls_close,
                                .fd = tcp->fd,
                                .idle_ms = tcp->idle_ms,
                                .deadline = tcp->deadline,
                                .hurry_ms = tcp->hurry_ms };
        r = context_new(trust, &ctx);
        if (r == 0) {
                t->ssl = SSL_new(ctx);
                r = t->ssl && SSL_set_fd(t->ssl, tcp->fd) == 1 ? expect_host(t->ssl, host) : -ENOMEM;
        }
        if (r == 0)
                r = handshake(t, ret_why);
        if (r == 0)
                r = check_parent(t, ret_why);
        if (r < 0) {
                if (!ret_why[0])
                        (void)snprintf(ret_why, TLS_WHY, "%s", strerror(-r));
                tls_close(&t->s);
                return r;
        }
        *ret = &t->s;
        return 0;
}

int tls_exporter(struct stream *tls, uint8_t ret[DIGEST_LEN])
{
        struct tls *t = (struct tls *)tls;

        if (SSL_export_keying_material(t->ssl, ret, DIGEST_LEN, EXPORTER_LABEL, strlen(EXPORTER_LABEL), NULL, 0, 0) != 1)
                return -EIO;
        return 0;
}
