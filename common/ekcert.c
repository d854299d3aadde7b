/* SPDX-License-Identifier: Apache-2.0 */
#include "ekcert_impl.h"

#include "cursor.h"
#include "tpmpub.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static int bad(const char **ret_why, const char *why)
{
        ERR_clear_error(); /* or another's TLS error report would show it */
        if (ret_why)
                *ret_why = why;
        return -EBADMSG;
}

/* One octet again and again, whichever it is: makers fill their NV indices with
 * different ones. Or line breaks, which makers' servers put behind a file. */
static bool is_padding(const struct cursor *c)
{
        bool same = true;
        bool breaks = true;

        for (size_t i = 0; i < c->left; i++) {
                same = same && c->p[i] == c->p[0];
                breaks = breaks && (c->p[i] == '\r' || c->p[i] == '\n');
        }
        return same || breaks;
}

/* The whole outermost SEQUENCE, of at least 256 bytes as any certificate. */
static int outer_der(struct cursor *c, const uint8_t **ret, size_t *ret_len)
{
        const uint8_t *start = c->p;
        struct cursor t = *c;
        uint8_t tag = 0;
        uint8_t form = 0;
        uint16_t n = 0;

        if (cur_u8(&t, &tag) < 0 || tag != 0x30 || cur_u8(&t, &form) < 0 || form != 0x82 || cur_u16be(&t, &n) < 0 ||
            cur_skip(&t, n) < 0)
                return -EBADMSG;
        *ret = start;
        *ret_len = 4u + n;
        *c = t;
        return 0;
}

/* TCG PC Client (TPM 1.2) stored certificate: tag 1001, type 0, size of
 * what follows, tag 1002 (full certificate). */
static void skip_tcg_header(struct cursor *c)
{
        if (c->left > 7 && c->p[0] == 0x10 && c->p[1] == 0x01 && c->p[2] == 0x00 && c->p[5] == 0x10 && c->p[6] == 0x02)
                (void)cur_skip(c, 7);
}

/* The certificate within what a TPM's NV holds. */
static int frame(const void *p, size_t len, const uint8_t **ret, size_t *ret_len, const char **ret_why)
{
        struct cursor c = cur_of(p, len);

        skip_tcg_header(&c);
        if (outer_der(&c, ret, ret_len) < 0)
                return bad(ret_why, "it is no certificate in DER, or cut short");
        if (!is_padding(&c))
                return bad(ret_why, "there are bytes after the certificate that are no padding");
        return 0;
}

static int check_unread(const uint8_t *der, size_t n, const char **ret_why)
{
        struct ekcert_names names;
        const char *why = NULL;

        if (ekcert_key_check(der, n, &why) < 0)
                return bad(ret_why, why);
        return ekcert_names(der, n, &names) < 0 ? bad(ret_why, "its issuer or subject is longer than names are") : 0;
}

static int read_der(const void *p, size_t len, X509 **ret, const char **ret_odd, const char **ret_why)
{
        const uint8_t *der;
        const char *odd = NULL;
        size_t n;
        X509 *x;
        int r = frame(p, len, &der, &n, ret_why);

        if (r < 0)
                return r;
        (void)ekcert_key_check(der, n, &odd);
        x = ekcert_x509(der, n);
        if (!x)
                return bad(ret_why, "it is no X.509 public key certificate");
        *ret = x;
        if (ret_odd)
                *ret_odd = odd;
        return 0;
}

static bool looks_pem(const void *p, size_t len)
{
        return memmem(p, len, "-----BEGIN ", 11) != NULL;
}

static int no_password(char *buf, int size, int rw, void *u)
{
        (void)buf;
        (void)size;
        (void)rw;
        (void)u;
        return 0;
}

static int pem_to_der(const void *p, size_t len, unsigned char **ret, long *ret_len, const char **ret_why)
{
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(p, (int)len);

        if (!bio)
                return -ENOMEM;
        if (PEM_bytes_read_bio(ret, ret_len, NULL, PEM_STRING_X509, bio, no_password, NULL) != 1)
                return bad(ret_why, "it holds no certificate in PEM");
        return 0;
}

int ekcert_read(const void *p, size_t len, X509 **ret, const char **ret_odd, const char **ret_why)
{
        unsigned char *der = NULL;
        long n = 0;
        int r;

        if (!looks_pem(p, len))
                return read_der(p, len, ret, ret_odd, ret_why);
        r = pem_to_der(p, len, &der, &n, ret_why);
        if (r == 0)
                r = read_der(der, (size_t)n, ret, ret_odd, ret_why);
        OPENSSL_free(der);
        return r;
}

int ekcert_take(const void *p, size_t len, struct buf *ret, const char **ret_why)
{
        unsigned char *pem = NULL;
        const uint8_t *der;
        size_t n = len;
        long pem_len = 0;
        int r = 0;

        if (looks_pem(p, len)) {
                r = pem_to_der(p, len, &pem, &pem_len, ret_why);
                p = pem;
                n = (size_t)pem_len;
        }
        if (r == 0)
                r = frame(p, n, &der, &n, ret_why);
        if (r == 0)
                r = check_unread(der, n, ret_why);
        if (r == 0) {
                ret->p = malloc(n);
                ret->len = n;
                if (ret->p)
                        memcpy(ret->p, der, n);
                else
                        r = -ENOMEM;
        }
        OPENSSL_free(pem);
        return r;
}

/* Re-encoded: an id-RSAES-OAEP key becomes a plain RSA key. */
static EVP_PKEY *cert_key(X509 *x, bool *ret_oaep)
{
        EVP_PKEY *key = X509_get_pubkey(x);
        ASN1_OBJECT *alg = NULL;
        const uint8_t *p = NULL;
        int n = 0;

        *ret_oaep = false;
        if (key)
                return key;
        if (X509_PUBKEY_get0_param(&alg, &p, &n, NULL, X509_get_X509_PUBKEY(x)) != 1 ||
            OBJ_obj2nid(alg) != NID_rsaesOaep)
                return NULL;
        *ret_oaep = true;
        return d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, n);
}

static bool eku_has_ek(X509 *x)
{
        EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
        char oid[64];
        bool found = false;

        for (int i = 0; eku && i < sk_ASN1_OBJECT_num(eku); i++)
                if (OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(eku, i), 1) > 0 &&
                    strcmp(oid, "2.23.133.8.1") == 0)
                        found = true;
        EXTENDED_KEY_USAGE_free(eku);
        return found;
}

/* An RSA key is given secrets by enciphering, an ECC key by agreement. */
static const char *why_not_used(uint32_t usage, int type)
{
        if (usage & (type == EVP_PKEY_RSA ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT))
                return NULL;
        if (usage & KU_KEY_ENCIPHERMENT)
                return "its key usage has keyEncipherment and not keyAgreement, which that of an ECC endorsement key has";
        if (usage & KU_KEY_AGREEMENT)
                return "its key usage has keyAgreement and not keyEncipherment, which that of an RSA endorsement key has";
        if (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION | KU_KEY_CERT_SIGN | KU_CRL_SIGN))
                return "its key is for signing only, so it is no endorsement key";
        return "its key usage has neither keyEncipherment nor keyAgreement, so it is no endorsement key";
}

/* A TPM may have further EKs (P-384, RSA-3072); the node id is never made of one of those. */
static bool used_by_clients(const EVP_PKEY *key, int type)
{
        int bits = EVP_PKEY_get_bits(key);

        return type == EVP_PKEY_RSA ? bits > 2040 && bits <= 2048 : bits == 256;
}

/* What is absent does not speak against it: old vendors left it all out. */
static const char *why_not_ek(X509 *x, const EVP_PKEY *key)
{
        uint32_t flags = X509_get_extension_flags(x);
        uint32_t usage = X509_get_key_usage(x);
        int type = EVP_PKEY_get_base_id(key);

        if (flags & EXFLAG_CA)
                return "it is a CA certificate, not an EK's";
        if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
                return "its key is neither RSA nor ECC";
        if ((flags & EXFLAG_KUSAGE) && why_not_used(usage, type))
                return why_not_used(usage, type);
        if (!used_by_clients(key, type))
                return "its key is neither ECC P-256 nor RSA-2048, and no node comes with another EK; "
                       "take the certificate of the TPM's ECC P-256 key, or of RSA-2048 where it has none";
        if ((flags & EXFLAG_XKUSAGE) && !eku_has_ek(x))
                return "its extended key usage is not that of an EK certificate";
        return NULL;
}

int ekcert_parse(const void *p, size_t len, struct ekcert *ret, const char **ret_why)
{
        _cleanup_(ekcert_free) struct ekcert c = { 0 };
        int r;

        if (len == 0 || len > EKCERT_MAX)
                return bad(ret_why, len ? "it is too large for a certificate" : "it is empty");
        r = ekcert_take(p, len, &c.der, ret_why);
        if (r < 0)
                return r;
        c.cert = ekcert_x509(c.der.p, c.der.len);
        if (!c.cert)
                return bad(ret_why, "it is no X.509 public key certificate");
        c.key = cert_key(c.cert, &c.oaep);
        if (!c.key)
                return bad(ret_why, "its public key is of no known kind");
        r = pkey_id(c.key, c.id);
        if (r < 0) {
                (void)bad(ret_why, "its public key cannot be encoded");
                return r;
        }
        c.not_ek = why_not_ek(c.cert, c.key);
        ERR_clear_error();
        *ret = c;
        c = (struct ekcert){ 0 };
        return 0;
}

void ekcert_free(struct ekcert *c)
{
        X509_free(c->cert);
        EVP_PKEY_free(c->key);
        buf_wipe(&c->der);
        c->cert = NULL;
        c->key = NULL;
}

/* Of "id:" and eight digits; false when it is something else. */
static bool maker_of(const ASN1_STRING *value, char ret[EKCERT_MAKER])
{
        const char *p = (const char *)ASN1_STRING_get0_data(value);
        size_t n = 0;

        if (ASN1_STRING_length(value) != 11 || strncmp(p, "id:", 3) != 0)
                return false;
        for (size_t i = 3; i < 11; i += 2) {
                static const char digits[] = "0123456789ABCDEF";
                const char *high = memchr(digits, toupper((unsigned char)p[i]), 16);
                const char *low = memchr(digits, toupper((unsigned char)p[i + 1]), 16);
                int c = high && low ? (int)(high - digits) * 16 + (int)(low - digits) : -1;

                if (c < 0)
                        return false;
                ret[n++] = (char)c;
        }
        while (n > 0 && (ret[n - 1] == '\0' || ret[n - 1] == ' '))
                n--;
        ret[n] = '\0';
        for (size_t i = 0; i < n; i++)
                if (ret[i] <= 0x20 || ret[i] > 0x7e)
                        return false;
        return n > 0;
}

static bool maker_in(const X509_NAME *name, char ret[EKCERT_MAKER])
{
        char oid[32];

        for (int i = 0; i < X509_NAME_entry_count(name); i++) {
                const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);

                if (OBJ_obj2txt(oid, sizeof(oid), X509_NAME_ENTRY_get_object(e), 1) > 0 &&
                    strcmp(oid, "2.23.133.2.1") == 0 && maker_of(X509_NAME_ENTRY_get_data(e), ret))
                        return true;
        }
        return false;
}

void ekcert_maker(const struct ekcert *c, char ret[EKCERT_MAKER])
{
        GENERAL_NAMES *names = X509_get_ext_d2i(c->cert, NID_subject_alt_name, NULL, NULL);
        bool found = false;

        ret[0] = '\0';
        for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && !found; i++) {
                const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

                found = n->type == GEN_DIRNAME && maker_in(n->d.directoryName, ret);
        }
        if (!found)
                ret[0] = '\0';
        GENERAL_NAMES_free(names);
        ERR_clear_error();
}
