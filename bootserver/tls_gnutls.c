/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of GnuTLS that libmicrohttpd calls, by OpenSSL: tls_server.h says
 * why. Those for what musterd never configures (pre-shared keys, DH
 * parameters, client certificates, certificates by callback) refuse, so that
 * the daemon does not start. Hidden: GnuTLS in libraries is not replaced. */
#include "tls_server.h"

#pragma GCC visibility push(hidden)
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>

struct gnutls_session_int {
        struct tls *tls; /* NULL until both are known: */
        SSL_CTX *ctx;
        int fd;
        void *ptr;
};

struct gnutls_certificate_credentials_st {
        SSL_CTX *ctx;
};

struct gnutls_priority_st {
        char unused;
};

gnutls_alloc_function gnutls_malloc = malloc;

int gnutls_global_init(void)
{
        return GNUTLS_E_SUCCESS;
}

void gnutls_global_deinit(void)
{
}

const char *gnutls_strerror(int error)
{
        return error == GNUTLS_E_UNIMPLEMENTED_FEATURE ? "not part of musterd's TLS" : "TLS error";
}

/* ---- what the daemon is given --------------------------------------------------- */

int gnutls_priority_init(gnutls_priority_t *ret, const char *text, const char **ret_at)
{
        if (!text || strcmp(text, TLS_PRIORITIES) != 0) {
                if (ret_at)
                        *ret_at = text;
                return GNUTLS_E_INVALID_REQUEST;
        }
        *ret = calloc(1, sizeof(**ret));
        return *ret ? GNUTLS_E_SUCCESS : GNUTLS_E_MEMORY_ERROR;
}

/* libmicrohttpd 1.0 */
int gnutls_priority_init2(gnutls_priority_t *ret, const char *text, const char **ret_at, unsigned flags)
{
        return flags != 0 ? GNUTLS_E_UNIMPLEMENTED_FEATURE : gnutls_priority_init(ret, text, ret_at);
}

void gnutls_priority_deinit(gnutls_priority_t p)
{
        free(p);
}

int gnutls_certificate_allocate_credentials(gnutls_certificate_credentials_t *ret)
{
        *ret = calloc(1, sizeof(**ret));
        return *ret ? GNUTLS_E_SUCCESS : GNUTLS_E_MEMORY_ERROR;
}

void gnutls_certificate_free_credentials(gnutls_certificate_credentials_t c)
{
        if (c)
                SSL_CTX_free(c->ctx);
        free(c);
}

int gnutls_certificate_set_x509_key_mem2(gnutls_certificate_credentials_t c, const gnutls_datum_t *cert,
                                         const gnutls_datum_t *key, gnutls_x509_crt_fmt_t type, const char *pass,
                                         unsigned flags)
{
        if (c->ctx || type != GNUTLS_X509_FMT_PEM || pass || flags != 0)
                return GNUTLS_E_UNIMPLEMENTED_FEATURE;
        return tls_ctx_new(cert->data, cert->size, key->data, key->size, &c->ctx) < 0 ? GNUTLS_E_CERTIFICATE_ERROR
                                                                                    : GNUTLS_E_SUCCESS;
}

int gnutls_certificate_set_x509_key_mem(gnutls_certificate_credentials_t c, const gnutls_datum_t *cert,
                                        const gnutls_datum_t *key, gnutls_x509_crt_fmt_t type)
{
        return gnutls_certificate_set_x509_key_mem2(c, cert, key, type, NULL, 0);
}

/* ---- a connection ------------------------------------------------------------------ */

int gnutls_init(gnutls_session_t *ret, unsigned flags)
{
        gnutls_session_t s;

        if (!(flags & GNUTLS_SERVER) || !(flags & GNUTLS_NONBLOCK) || (flags & GNUTLS_ENABLE_EARLY_DATA))
                return GNUTLS_E_UNIMPLEMENTED_FEATURE;
        s = calloc(1, sizeof(*s));
        if (!s)
                return GNUTLS_E_MEMORY_ERROR;
        s->fd = -1;
        *ret = s;
        return GNUTLS_E_SUCCESS;
}

void gnutls_deinit(gnutls_session_t s)
{
        if (s)
                tls_free(s->tls);
        free(s);
}

int gnutls_priority_set(gnutls_session_t s, gnutls_priority_t p)
{
        (void)s;
        return p ? GNUTLS_E_SUCCESS : GNUTLS_E_INVALID_REQUEST;
}

/* tls_server.c chooses HTTP/1.1. */
int gnutls_alpn_set_protocols(gnutls_session_t s, const gnutls_datum_t *protocols, unsigned n, unsigned flags)
{
        (void)s;
        (void)protocols;
        (void)n;
        (void)flags;
        return GNUTLS_E_SUCCESS;
}

void gnutls_session_set_ptr(gnutls_session_t s, void *ptr)
{
        s->ptr = ptr;
}

void *gnutls_session_get_ptr(gnutls_session_t s)
{
        return s->ptr;
}

int gnutls_credentials_set(gnutls_session_t s, gnutls_credentials_type_t type, void *cred)
{
        const struct gnutls_certificate_credentials_st *c = cred;

        if (type != GNUTLS_CRD_CERTIFICATE || !c || !c->ctx)
                return GNUTLS_E_UNIMPLEMENTED_FEATURE;
        s->ctx = c->ctx;
        return GNUTLS_E_SUCCESS;
}

void gnutls_transport_set_int2(gnutls_session_t s, int in, int out)
{
        s->fd = in == out ? in : -1;
}

/* Done by the first reads: see tls_server.h. Without what it takes it fails here. */
int gnutls_handshake(gnutls_session_t s)
{
        if (s->tls)
                return GNUTLS_E_SUCCESS;
        if (!s->ctx || s->fd < 0)
                return GNUTLS_E_INVALID_REQUEST;
        return tls_new(s->ctx, s->fd, &s->tls) < 0 ? GNUTLS_E_MEMORY_ERROR : GNUTLS_E_SUCCESS;
}

static ssize_t result(ssize_t r)
{
        if (r >= 0)
                return r;
        switch (r) {
        case -EAGAIN:
                return GNUTLS_E_AGAIN;
        case -EINTR:
                return GNUTLS_E_INTERRUPTED;
        case -ECONNRESET:
                return GNUTLS_E_PREMATURE_TERMINATION;
        case -ENOMEM:
                return GNUTLS_E_MEMORY_ERROR;
        default:
                return GNUTLS_E_INVALID_SESSION;
        }
}

ssize_t gnutls_record_recv(gnutls_session_t s, void *p, size_t n)
{
        return s->tls ? result(tls_read(s->tls, p, n)) : GNUTLS_E_INVALID_SESSION;
}

ssize_t gnutls_record_send(gnutls_session_t s, const void *p, size_t n)
{
        return s->tls ? result(tls_write(s->tls, p, n)) : GNUTLS_E_INVALID_SESSION;
}

size_t gnutls_record_check_pending(gnutls_session_t s)
{
        return s->tls ? tls_pending(s->tls) : 0;
}

int gnutls_record_get_direction(gnutls_session_t s)
{
        (void)s;
        return 0;
}

int gnutls_bye(gnutls_session_t s, gnutls_close_request_t how)
{
        (void)how;
        if (s->tls)
                tls_end(s->tls);
        return GNUTLS_E_SUCCESS;
}

gnutls_protocol_t gnutls_protocol_get_version(gnutls_session_t s)
{
        return s->tls && tls_up(s->tls) ? GNUTLS_TLS1_3 : GNUTLS_VERSION_UNKNOWN;
}

gnutls_cipher_algorithm_t gnutls_cipher_get(gnutls_session_t s)
{
        (void)s;
        return GNUTLS_CIPHER_UNKNOWN;
}

int tls_export_of(struct MHD_Connection *conn, const char *label, uint8_t ret[DIGEST_LEN])
{
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        gnutls_session_t s = i ? i->tls_session : NULL;

        return s && s->tls ? tls_export(s->tls, label, ret) : -EPROTO;
}

int tls_issuer_of(struct MHD_Connection *conn, uint8_t ret[DIGEST_LEN])
{
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        gnutls_session_t s = i ? i->tls_session : NULL;

        return s && s->tls ? tls_issuer(s->tls, ret) : -EPROTO;
}

/* ---- never configured ----------------------------------------------------------------- */

void gnutls_certificate_server_set_request(gnutls_session_t s, gnutls_certificate_request_t req)
{
        if (req != GNUTLS_CERT_IGNORE)
                s->ctx = NULL; /* its handshake fails */
}

void gnutls_certificate_set_dh_params(gnutls_certificate_credentials_t c, gnutls_dh_params_t p)
{
        (void)c;
        (void)p;
}

void gnutls_certificate_set_retrieve_function2(gnutls_certificate_credentials_t c, gnutls_certificate_retrieve_function2 *f)
{
        (void)c;
        (void)f;
}

void gnutls_certificate_set_retrieve_function3(gnutls_certificate_credentials_t c, gnutls_certificate_retrieve_function3 *f)
{
        (void)c;
        (void)f;
}

int gnutls_certificate_set_x509_trust_mem(gnutls_certificate_credentials_t c, const gnutls_datum_t *ca,
                                          gnutls_x509_crt_fmt_t type)
{
        (void)c;
        (void)ca;
        (void)type;
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;
}

int gnutls_dh_params_init(gnutls_dh_params_t *ret)
{
        (void)ret;
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;
}

void gnutls_dh_params_deinit(gnutls_dh_params_t p)
{
        (void)p;
}

int gnutls_dh_params_import_pkcs3(gnutls_dh_params_t p, const gnutls_datum_t *text, gnutls_x509_crt_fmt_t type)
{
        (void)p;
        (void)text;
        (void)type;
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;
}

int gnutls_psk_allocate_server_credentials(gnutls_psk_server_credentials_t *ret)
{
        (void)ret;
        return GNUTLS_E_UNIMPLEMENTED_FEATURE;
}

void gnutls_psk_free_server_credentials(gnutls_psk_server_credentials_t c)
{
        (void)c;
}

void gnutls_psk_set_server_credentials_function(gnutls_psk_server_credentials_t c, gnutls_psk_server_credentials_function *f)
{
        (void)c;
        (void)f;
}
#pragma GCC visibility pop
