/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define SERIAL_BITS 127 /* positive in 16 octets */
#define HOST_MAX 253
#define LABEL_MAX 63
#define CN_MAX 64 /* ub-common-name */
#define HOUR 3600
#define YEAR 31557600

DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(ASN1_TIME *, ASN1_TIME_free)
DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free)
DEFINE_CLEANUP(X509_EXTENSION *, X509_EXTENSION_free)
DEFINE_CLEANUP(EXTENDED_KEY_USAGE *, EXTENDED_KEY_USAGE_free)
DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)

static bool is_alnum(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 1123 host name; no wildcard, no final dot; a dotted one must not end
 * in a number, or it could be taken for an address. */
static bool host_ok(const char *s)
{
        size_t n = strnlen(s, HOST_MAX + 1), label = 0;
        bool number = true, dot = false;

        if (n == 0 || n > HOST_MAX)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '.') {
                        if (label == 0 || s[i - 1] == '-')
                                return false;
                        label = 0;
                        number = true;
                        dot = true;
                        continue;
                }
                if ((!is_alnum(s[i]) && (s[i] != '-' || label == 0)) || ++label > LABEL_MAX)
                        return false;
                if (s[i] < '0' || s[i] > '9')
                        number = false;
        }
        return label > 0 && s[n - 1] != '-' && !(dot && number);
}

static int add_conf(X509 *cert, X509 *issuer, int nid, const char *value)
{
        _cleanup_(X509_EXTENSION_freep) X509_EXTENSION *ext = NULL;
        X509V3_CTX ctx;

        X509V3_set_ctx_nodb(&ctx);
        X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
        ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        return ext && X509_add_ext(cert, ext, -1) == 1 ? 0 : -EIO;
}

static int add_usage(EXTENDED_KEY_USAGE *eku, const char *oid)
{
        _cleanup_(ASN1_OBJECT_freep) ASN1_OBJECT *o = OBJ_txt2obj(oid, 0);

        if (!o || sk_ASN1_OBJECT_push(eku, o) <= 0)
                return -ENOMEM;
        o = NULL;
        return 0;
}

static int add_eku(X509 *cert, const char *first, const char *second)
{
        _cleanup_(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *eku = EXTENDED_KEY_USAGE_new();

        if (!eku || add_usage(eku, first) < 0 || add_usage(eku, second) < 0)
                return -ENOMEM;
        return X509_add1_ext_i2d(cert, NID_ext_key_usage, eku, 0, X509V3_ADD_DEFAULT) == 1 ? 0 : -EIO;
}

static int san_make(const char *san, GENERAL_NAME *ret)
{
        uint8_t address[16];
        int len = inet_pton(AF_INET, san, address) == 1 ? 4 : inet_pton(AF_INET6, san, address) == 1 ? 16 : 0;
        ASN1_STRING *value;

        if (len == 0 && !host_ok(san))
                return -EINVAL;
        value = len > 0 ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
        if (!value || ASN1_STRING_set(value, len > 0 ? (const void *)address : san, len > 0 ? len : -1) != 1) {
                ASN1_STRING_free(value);
                return -ENOMEM;
        }
        GENERAL_NAME_set0_value(ret, len > 0 ? GEN_IPADD : GEN_DNS, value);
        return 0;
}

static int add_sans(X509 *cert, const char *const *sans, size_t n)
{
        _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();
        int r;

        if (!names)
                return -ENOMEM;
        if (n < 1 || n > PKI_SANS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                GENERAL_NAME *name = GENERAL_NAME_new();

                if (!name)
                        return -ENOMEM;
                if ((r = san_make(sans[i], name)) < 0 || sk_GENERAL_NAME_push(names, name) <= 0) {
                        GENERAL_NAME_free(name);
                        return r < 0 ? r : -ENOMEM;
                }
        }
        return X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 ? 0 : -EIO;
}

static int set_serial(X509 *cert)
{
        _cleanup_(BN_freep) BIGNUM *n = BN_new();

        if (!n)
                return -ENOMEM;
        do
                if (BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1)
                        return -EIO;
        while (BN_is_zero(n));
        return BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) ? 0 : -EIO;
}

static int set_times(X509 *cert, time_t from, time_t to)
{
        _cleanup_(ASN1_TIME_freep) ASN1_TIME *a = NULL;
        _cleanup_(ASN1_TIME_freep) ASN1_TIME *b = NULL;

        if (from >= to)
                return -EINVAL;
        a = ASN1_TIME_set(NULL, from);
        b = ASN1_TIME_set(NULL, to);
        return a && b && X509_set1_notBefore(cert, a) == 1 && X509_set1_notAfter(cert, b) == 1 ? 0 : -EIO;
}

/* Version, serial, subject, times and key: what every certificate has. */
static int cert_start(const EVP_PKEY *subject, const char *common_name, time_t from, time_t to, X509 **ret)
{
        _cleanup_(X509_freep) X509 *cert = X509_new();
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *public = NULL;
        uint8_t point[PKI_POINT_LEN] = { 4 };
        enum pki_type type;
        size_t n = strnlen(common_name, CN_MAX + 1);
        int r;

        if (!cert)
                return -ENOMEM;
        if (pki_key_type(subject, &type) < 0 || type != PKI_P256 || n == 0 || n > CN_MAX)
                return -EINVAL;
        /* a copy of the public part only: the certificate keeps what it is given */
        if ((r = pki_p256_xy(subject, point + 1, point + 1 + PKI_RAW_LEN)) < 0 ||
            (r = pki_p256_from_point(point, &public)) < 0 || (r = set_serial(cert)) < 0 || (r = set_times(cert, from, to)) < 0)
                return r;
        if (X509_set_version(cert, X509_VERSION_3) != 1 || X509_set_pubkey(cert, public) != 1)
                return -EIO;
        if (X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, MBSTRING_UTF8,
                                       (const uint8_t *)common_name, (int)n, -1, 0) != 1) {
                ERR_clear_error();
                return -EINVAL; /* not UTF-8 */
        }
        *ret = take_ptr(cert);
        return 0;
}

int pki_ca_new(EVP_PKEY *key, const char *common_name, time_t now, X509 **ret)
{
        _cleanup_(X509_freep) X509 *cert = NULL;
        int r;

        if ((r = cert_start(key, common_name, now - HOUR, now + (time_t)PKI_CA_YEARS * YEAR, &cert)) < 0)
                return r;
        if (X509_set_issuer_name(cert, X509_get_subject_name(cert)) != 1)
                return -EIO;
        if ((r = add_conf(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0")) < 0 ||
            (r = add_conf(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign")) < 0 ||
            (r = add_conf(cert, cert, NID_subject_key_identifier, "hash")) < 0)
                return r;
        if (X509_sign(cert, key, EVP_sha256()) <= 0)
                return -EIO;
        *ret = take_ptr(cert);
        return 0;
}

/* A leaf with its alternative names and second key usage, signed. */
static int issue(const struct pki_ca *ca, const EVP_PKEY *subject, const char *common_name, const char *const *sans,
                 size_t n_sans, const char *usage, time_t from, time_t to, X509 **ret)
{
        _cleanup_(X509_freep) X509 *cert = NULL;
        int r;

        if ((r = pki_cert_has_key(ca->certificate, ca->key)) < 0 ||
            (r = cert_start(subject, common_name, from, to, &cert)) < 0)
                return r;
        if (X509_set_issuer_name(cert, X509_get_subject_name(ca->certificate)) != 1)
                return -EIO;
        if ((r = add_conf(cert, ca->certificate, NID_basic_constraints, "critical,CA:FALSE")) < 0 ||
            (r = add_conf(cert, ca->certificate, NID_key_usage, "critical,digitalSignature")) < 0 ||
            (r = add_eku(cert, "serverAuth", usage)) < 0 || (r = add_sans(cert, sans, n_sans)) < 0 ||
            (r = add_conf(cert, ca->certificate, NID_subject_key_identifier, "hash")) < 0 ||
            (r = add_conf(cert, ca->certificate, NID_authority_key_identifier, "keyid:always")) < 0)
                return r;
        if (X509_sign(cert, ca->key, EVP_sha256()) <= 0)
                return -EIO;
        *ret = take_ptr(cert);
        return 0;
}

int pki_issue_parent(const struct pki_ca *ca, const EVP_PKEY *subject, const char *common_name,
                     const char *const *sans, size_t n_sans, time_t from, time_t to, X509 **ret)
{
        return issue(ca, subject, common_name, sans, n_sans, PKI_OID_PARENT, from, to, ret);
}

/* A subjectAltName as san_make() takes it. */
static int san_text(const GENERAL_NAME *name, char ret[HOST_MAX + 1])
{
        int type = 0;
        const ASN1_STRING *v = GENERAL_NAME_get0_value(name, &type);
        int len = v ? ASN1_STRING_length(v) : 0;
        const uint8_t *p = v ? ASN1_STRING_get0_data(v) : NULL;

        if (type == GEN_IPADD && (len == 4 || len == 16))
                return inet_ntop(len == 4 ? AF_INET : AF_INET6, p, ret, HOST_MAX + 1) ? 0 : -EINVAL;
        if (type != GEN_DNS || len < 1 || len > HOST_MAX || memchr(p, '\0', (size_t)len))
                return -EINVAL;
        memcpy(ret, p, (size_t)len);
        ret[len] = '\0';
        return 0;
}

int pki_reissue_parent(const struct pki_ca *ca, const X509 *old, const EVP_PKEY *subject, time_t from, time_t to, X509 **ret)
{
        _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = X509_get_ext_d2i(old, NID_subject_alt_name, NULL, NULL);
        char text[PKI_SANS_MAX][HOST_MAX + 1];
        const char *sans[PKI_SANS_MAX];
        char common_name[CN_MAX + 1];
        int n = names ? sk_GENERAL_NAME_num(names) : 0;
        int r = 0;

        if (n < 1 || n > PKI_SANS_MAX ||
            X509_NAME_get_text_by_NID(X509_get_subject_name(old), NID_commonName, common_name, sizeof(common_name)) < 1)
                return -EINVAL;
        for (int i = 0; i < n && r == 0; i++) {
                r = san_text(sk_GENERAL_NAME_value(names, i), text[i]);
                sans[i] = text[i];
        }
        return r < 0 ? r : pki_issue_parent(ca, subject, common_name, sans, (size_t)n, from, to, ret);
}

int pki_issue_node_names(const struct pki_ca *ca, const EVP_PKEY *subject, const char *const *names, size_t n, time_t from,
                         time_t to, X509 **ret)
{
        if (n < 1 || !host_ok(names[0]))
                return -EINVAL;
        return issue(ca, subject, names[0], names, n, "clientAuth", from, to, ret);
}

int pki_issue_node(const struct pki_ca *ca, const EVP_PKEY *subject, const char *name, time_t from, time_t to,
                   X509 **ret)
{
        return pki_issue_node_names(ca, subject, &name, 1, from, to, ret);
}

bool pki_is_parent_cert(const X509 *cert)
{
        _cleanup_(ASN1_OBJECT_freep) ASN1_OBJECT *want = OBJ_txt2obj(PKI_OID_PARENT, 1);
        _cleanup_(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *eku = NULL;

        eku = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
        if (!want || !eku)
                return false;
        for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++)
                if (OBJ_cmp(sk_ASN1_OBJECT_value(eku, i), want) == 0)
                        return true;
        return false;
}

int pki_cert_has_key(const X509 *cert, const EVP_PKEY *key)
{
        const EVP_PKEY *have = X509_get0_pubkey(cert);

        return have && EVP_PKEY_eq(have, key) == 1 ? 0 : -EKEYREJECTED;
}

static int unix_time(const ASN1_TIME *t, time_t *ret)
{
        struct tm tm;

        if (ASN1_TIME_to_tm(t, &tm) != 1)
                return -EBADMSG;
        *ret = timegm(&tm);
        return 0;
}

int pki_cert_times(const X509 *cert, time_t *ret_from, time_t *ret_to)
{
        time_t from, to;
        int r;

        if ((r = unix_time(X509_get0_notBefore(cert), &from)) < 0 ||
            (r = unix_time(X509_get0_notAfter(cert), &to)) < 0)
                return r;
        *ret_from = from;
        *ret_to = to;
        return 0;
}
