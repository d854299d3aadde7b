/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_server.h"

#include "cursor.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define SUITES "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256"
#define SEND_FRAGMENT 8192 /* bytes of a record: a verdict is one or two, and a buffer is not 16 KiB */
#define GROUP_P256 23
#define GROUP_X25519 29

#define RECORD_HANDSHAKE 22
#define CLIENT_HELLO 1
#define HEAD 9 /* of a record and of the message in it */

struct tls {
        SSL_CTX *ctx;
        SSL *ssl; /* NULL until there is a hello */
        int fd;
        unsigned updates; /* handshake messages after the handshake */
        struct sockaddr_in6 peer; /* asked at the start: of a connection that was reset nobody can ask it */
        bool up;          /* the handshake is done */
        bool dry;         /* what was read ahead is less than a record */
        bool broken;
};

/* ---- for all connections ------------------------------------------------------- */

/* OpenSSL would ask a peer without a usable key share for a second hello, and
 * take 128 KiB for what that one only announces. Every client sends one. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
        const uint8_t *p = NULL;
        uint16_t group;
        uint16_t len;
        struct cursor c;
        size_t n = 0;

        (void)arg;
        if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_key_share, &p, &n) != 1)
                return SSL_CLIENT_HELLO_SUCCESS; /* OpenSSL refuses it as no TLS 1.3 */
        c = cur_of(p, n);
        if (cur_u16be(&c, &len) < 0)
                len = 0;
        while (cur_u16be(&c, &group) == 0 && cur_u16be(&c, &len) == 0 && cur_skip(&c, len) == 0)
                if (group == GROUP_X25519 || group == GROUP_P256)
                        return SSL_CLIENT_HELLO_SUCCESS;
        *alert = SSL_AD_HANDSHAKE_FAILURE;
        return SSL_CLIENT_HELLO_ERROR;
}

static void on_message(int sent, int version, int type, const void *p, size_t n, SSL *ssl, void *arg)
{
        struct tls *t = arg;

        (void)version;
        (void)p;
        (void)n;
        (void)ssl;
        if (t && t->up && !sent && type == SSL3_RT_HANDSHAKE)
                t->updates++;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
                   void *arg)
{
        static const unsigned char http[] = "\x08http/1.1";
        unsigned char *chosen = NULL;

        (void)ssl;
        (void)arg;
        if (SSL_select_next_proto(&chosen, out_len, http, sizeof(http) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_NOACK;
        *out = chosen;
        return SSL_TLSEXT_ERR_OK;
}

/* ---- which certificate a client is shown ----------------------------------------- */

/* While the cluster CA is being replaced there are two: the one of the new
 * CA, which is the context's own, and the previous one. */
struct previous {
        X509 *cert;
        EVP_PKEY *key;
};

static void previous_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
        struct previous *f = ptr;

        (void)parent;
        (void)ad;
        (void)index;
        (void)argl;
        (void)argp;
        if (!f)
                return;
        X509_free(f->cert);
        EVP_PKEY_free(f->key);
        free(f);
}

static int previous_index = -1;
static pthread_once_t previous_once = PTHREAD_ONCE_INIT;

static void previous_register(void)
{
        previous_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, previous_free);
}

static bool is_wanted(const STACK_OF(X509_NAME) *names, const X509 *cert)
{
        for (int i = 0; i < sk_X509_NAME_num(names); i++)
                if (X509_NAME_cmp(sk_X509_NAME_value(names, i), X509_get_issuer_name(cert)) == 0)
                        return true;
        return false;
}

/* The client names the CA that it trusts (RFC 8446 section 4.2.4). One that
 * names none, or one that is unknown here, is shown the new certificate. */
static int on_certificate(SSL *ssl, void *arg)
{
        const struct previous *f = arg;
        const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);

        if (!names || is_wanted(names, SSL_get_certificate(ssl)) || !is_wanted(names, f->cert))
                return 1;
        return SSL_use_cert_and_key(ssl, f->cert, f->key, NULL, 1);
}

/* Takes `cert`. */
static int use_previous(SSL_CTX *ctx, X509 *cert, EVP_PKEY *key)
{
        struct previous *f = calloc(1, sizeof(*f));

        (void)pthread_once(&previous_once, previous_register);
        if (!f || previous_index < 0 || EVP_PKEY_up_ref(key) != 1) {
                X509_free(cert);
                free(f);
                return -ENOMEM;
        }
        *f = (struct previous){ cert, key };
        if (X509_check_private_key(cert, key) != 1 || SSL_CTX_set_ex_data(ctx, previous_index, f) != 1) {
                previous_free(NULL, f, NULL, 0, 0, NULL);
                return -EINVAL;
        }
        SSL_CTX_set_cert_cb(ctx, on_certificate, f);
        return 0;
}

/* The first key belongs to the first certificate. CA certificates after it
 * are its chain; one that is no CA's is the previous one, and the second key's. */
static int use_pair(SSL_CTX *ctx, const void *cert, size_t cert_len, const void *key, size_t key_len)
{
        _cleanup_(BIO_free_allp) BIO *certs = BIO_new_mem_buf(cert, (int)cert_len);
        _cleanup_(BIO_free_allp) BIO *keys = BIO_new_mem_buf(key, (int)key_len);
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *k = keys ? PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL) : NULL;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *second = k ? PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL) : NULL;
        _cleanup_(X509_freep) X509 *leaf = certs ? PEM_read_bio_X509(certs, NULL, NULL, NULL) : NULL;
        bool previous = false;
        X509 *more;

        if (!k || !leaf || SSL_CTX_use_certificate(ctx, leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, k) != 1 ||
            SSL_CTX_check_private_key(ctx) != 1)
                return -EINVAL;
        while ((more = PEM_read_bio_X509(certs, NULL, NULL, NULL)) != NULL) {
                if (X509_check_ca(more) == 0) {
                        int r = -EINVAL;

                        if (second && !previous)
                                r = use_previous(ctx, more, second);
                        else
                                X509_free(more);
                        if (r < 0)
                                return r;
                        previous = true;
                } else if (SSL_CTX_add0_chain_cert(ctx, more) != 1) {
                        X509_free(more);
                        return -ENOMEM;
                }
        }
        return second && !previous ? -EINVAL : 0;
}

int tls_ctx_new(const void *cert, size_t cert_len, const void *key, size_t key_len, SSL_CTX **ret)
{
        SSL_CTX *ctx = cert_len <= INT_MAX && key_len <= INT_MAX ? SSL_CTX_new(TLS_server_method()) : NULL;
        int r = -EINVAL;

        if (ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 && SSL_CTX_set_ciphersuites(ctx, SUITES) == 1 &&
            SSL_CTX_set1_groups_list(ctx, GROUPS) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
            SSL_CTX_set_max_early_data(ctx, 0) == 1 && SSL_CTX_set_max_send_fragment(ctx, SEND_FRAGMENT) == 1)
                r = use_pair(ctx, cert, cert_len, key, key_len);
        ERR_clear_error();
        if (r < 0) {
                SSL_CTX_free(ctx);
                return r;
        }
        (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                            SSL_MODE_RELEASE_BUFFERS);
        (void)SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY); /* back here after each key update */
        SSL_CTX_set_read_ahead(ctx, 1); /* or each record is two system calls */
        SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
        SSL_CTX_set_msg_callback(ctx, on_message);
        SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
        *ret = ctx;
        return 0;
}

/* ---- one connection -------------------------------------------------------------- */

int tls_new(SSL_CTX *ctx, int fd, struct tls **ret)
{
        struct tls *t = calloc(1, sizeof(*t));
        socklen_t n = sizeof(t->peer);

        if (!t || SSL_CTX_up_ref(ctx) != 1) {
                free(t);
                return -ENOMEM;
        }
        t->ctx = ctx;
        t->fd = fd;
        if (getpeername(fd, (struct sockaddr *)&t->peer, &n) < 0)
                t->peer.sin6_family = AF_UNSPEC;
        *ret = t;
        return 0;
}

void tls_free(struct tls *t)
{
        if (!t)
                return;
        SSL_free(t->ssl);
        SSL_CTX_free(t->ctx);
        free(t);
}

/* Is what comes first a ClientHello of a size that is taken? */
static int look(const struct tls *t)
{
        uint8_t h[HEAD];
        ssize_t n = recv(t->fd, h, sizeof(h), MSG_PEEK | MSG_DONTWAIT);

        if (n <= 0)
                return n < 0 && (errno == EAGAIN || errno == EINTR) ? -EAGAIN : -ECONNRESET;
        if (h[0] != RECORD_HANDSHAKE || (n > 5 && h[5] != CLIENT_HELLO) ||
            (n == HEAD && (h[6] << 16 | h[7] << 8 | h[8]) > TLS_HELLO_MAX))
                return -EPROTO;
        return n < HEAD ? -EAGAIN : 0;
}

static int begin(struct tls *t)
{
        int r = look(t);

        if (r < 0)
                return r;
        t->ssl = SSL_new(t->ctx);
        if (!t->ssl || SSL_set_fd(t->ssl, t->fd) != 1)
                return -ENOMEM;
        SSL_set_msg_callback_arg(t->ssl, t);
        SSL_set_accept_state(t->ssl);
        return 0;
}

static void (*alert_told)(const struct sockaddr *from, unsigned alert);

void tls_on_alert(void (*fn)(const struct sockaddr *from, unsigned alert))
{
        alert_told = fn;
}

const char *tls_alert_text(unsigned alert)
{
        return SSL_alert_desc_string_long((int)alert);
}

/* A client that does not believe this parent's certificate says so in an alert. */
static void tell_alert(const struct tls *t)
{
        unsigned long e = ERR_peek_error();
        int alert = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) - SSL_AD_REASON_OFFSET : -1;

        if (alert_told && alert >= 0 && alert <= UINT8_MAX && t->peer.sin6_family != AF_UNSPEC)
                alert_told((const struct sockaddr *)&t->peer, (unsigned)alert);
}

/* What to do after a call of OpenSSL that gave no bytes. */
static int outcome(struct tls *t, int r)
{
        switch (SSL_get_error(t->ssl, r)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
                return -EAGAIN;
        case SSL_ERROR_ZERO_RETURN:
                return 0;
        case SSL_ERROR_SYSCALL:
                return -ECONNRESET;
        default:
                return -EPROTO;
        }
}

static ssize_t read_some(struct tls *t, void *p, size_t n)
{
        unsigned updates = t->updates;
        int r;

        if (!t->ssl && (r = begin(t)) < 0)
                return r;
        ERR_clear_error();
        if (!t->up && (r = SSL_do_handshake(t->ssl)) != 1) {
                r = outcome(t, r);
                if (r == -EPROTO)
                        tell_alert(t);
                return r == 0 ? -ECONNRESET : r;
        }
        t->up = true;
        r = SSL_read(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
        if (t->updates > TLS_UPDATES_MAX)
                return -EPROTO;
        t->dry = false;
        if (r > 0)
                return r;
        r = outcome(t, r);
        if (r == -EAGAIN && t->updates != updates)
                return -EINTR;
        t->dry = r == -EAGAIN;
        return r;
}

ssize_t tls_read(struct tls *t, void *p, size_t n)
{
        ssize_t r = t->broken ? -EPROTO : read_some(t, p, n);

        t->broken |= r < 0 && r != -EAGAIN && r != -EINTR;
        return r;
}

ssize_t tls_write(struct tls *t, const void *p, size_t n)
{
        int r;

        if (t->broken || !tls_up(t))
                return -EPROTO;
        ERR_clear_error();
        r = SSL_write(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
        if (r > 0)
                return r;
        r = outcome(t, r);
        if (r == 0)
                r = -ECONNRESET;
        t->broken |= r != -EAGAIN;
        return r;
}

size_t tls_pending(const struct tls *t)
{
        int n;

        if (!t->ssl || t->broken)
                return 0;
        n = SSL_pending(t->ssl);
        /* read ahead and not looked at yet; of less than a record more has to come first */
        return n > 0 ? (size_t)n : t->up && !t->dry && SSL_has_pending(t->ssl);
}

void tls_end(struct tls *t)
{
        if (t->broken || !tls_up(t))
                return;
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl);
        ERR_clear_error();
}

bool tls_up(const struct tls *t)
{
        return t->up;
}

int tls_export(const struct tls *t, const char *label, uint8_t ret[DIGEST_LEN])
{
        if (t->broken || !tls_up(t) || SSL_version(t->ssl) != TLS1_3_VERSION || SSL_session_reused(t->ssl) ||
            SSL_export_keying_material(t->ssl, ret, DIGEST_LEN, label, strlen(label), NULL, 0, 0) != 1)
                return -EPROTO;
        return 0;
}

int tls_issuer(const struct tls *t, uint8_t ret[DIGEST_LEN])
{
        const X509 *shown = !t->broken && tls_up(t) ? SSL_get_certificate(t->ssl) : NULL;

        return shown && X509_NAME_digest(X509_get_issuer_name(shown), EVP_sha256(), ret, NULL) == 1 ? 0 : -EPROTO;
}
