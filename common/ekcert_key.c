/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the public key in a certificate and says whether it is of a bearable size and kind. */
#include "ekcert_impl.h"

#include "cursor.h"

enum { INTEGER = 0x02, BIT_STRING = 0x03, OID = 0x06, SEQUENCE = 0x30, VERSION = 0xa0 };

/* A modulus of 256 octets is one of 2041 to 2048 bits: makers did not always set the highest one. */
#define RSA_OCTETS_MIN 256
#define RSA_OCTETS_MAX 512
#define EXPONENT_OCTETS_MAX 4

static int length(struct cursor *c, size_t *ret)
{
        uint8_t first;
        uint8_t octet;
        size_t n = 0;

        if (cur_u8(c, &first) < 0)
                return -EBADMSG;
        if (first < 0x80) {
                *ret = first;
                return 0;
        }
        if (first == 0x80 || first > 0x83)
                return -EBADMSG;
        for (unsigned i = 0; i < (first & 0x7fu); i++) {
                if (cur_u8(c, &octet) < 0)
                        return -EBADMSG;
                n = n << 8 | octet;
        }
        *ret = n;
        return 0;
}

/* One element with this tag; `ret` is what it holds. */
static int element(struct cursor *c, uint8_t tag, struct cursor *ret)
{
        struct cursor t = *c;
        const uint8_t *p;
        uint8_t found;
        size_t n;

        if (cur_u8(&t, &found) < 0 || found != tag || length(&t, &n) < 0 || cur_take(&t, n, &p) < 0)
                return -EBADMSG;
        *ret = cur_of(p, n);
        *c = t;
        return 0;
}

/* Issuer and subject with their heads, and what the subjectPublicKeyInfo holds. */
static int find(const void *der, size_t len, struct ekcert_names *ret_names, struct cursor *ret_key)
{
        struct cursor file = cur_of(der, len);
        struct cursor cert, tbs, passed;

        if (element(&file, SEQUENCE, &cert) < 0 || element(&cert, SEQUENCE, &tbs) < 0)
                return -EBADMSG;
        (void)element(&tbs, VERSION, &passed);
        if (element(&tbs, INTEGER, &passed) < 0 || element(&tbs, SEQUENCE, &passed) < 0) /* serial number, algorithm */
                return -EBADMSG;
        ret_names->issuer = tbs.p;
        if (element(&tbs, SEQUENCE, &passed) < 0)
                return -EBADMSG;
        ret_names->issuer_len = (size_t)(tbs.p - ret_names->issuer);
        if (element(&tbs, SEQUENCE, &passed) < 0) /* validity */
                return -EBADMSG;
        ret_names->subject = tbs.p;
        if (element(&tbs, SEQUENCE, &passed) < 0)
                return -EBADMSG;
        ret_names->subject_len = (size_t)(tbs.p - ret_names->subject);
        return element(&tbs, SEQUENCE, ret_key);
}

int ekcert_names(const void *der, size_t len, struct ekcert_names *ret)
{
        struct cursor key;

        if (find(der, len, ret, &key) < 0 || ret->issuer_len > EKCERT_NAME_MAX || ret->subject_len > EKCERT_NAME_MAX)
                return -EBADMSG;
        return 0;
}

static bool is(struct cursor c, const void *p, size_t n)
{
        return c.left == n && memcmp(c.p, p, n) == 0;
}

static const char *why_not_rsa(struct cursor bits)
{
        struct cursor key, modulus, exponent;

        if (element(&bits, SEQUENCE, &key) < 0 || cur_end(&bits) < 0 || element(&key, INTEGER, &modulus) < 0 ||
            element(&key, INTEGER, &exponent) < 0 || cur_end(&key) < 0)
                return "its RSA key does not parse";
        while (modulus.left > 0 && modulus.p[0] == 0)
                (void)cur_skip(&modulus, 1);
        while (exponent.left > 0 && exponent.p[0] == 0)
                (void)cur_skip(&exponent, 1);
        if (modulus.left < RSA_OCTETS_MIN || modulus.left > RSA_OCTETS_MAX)
                return "its RSA key has not 2048 to 4096 bits";
        if (exponent.left == 0 || exponent.left > EXPONENT_OCTETS_MAX || !(exponent.p[exponent.left - 1] & 1) ||
            is(exponent, "\x01", 1))
                return "its RSA key's exponent is no odd number from 3 to 2^32";
        return NULL;
}

/* A curve by its name: parameters written out are for the library to check, at length. */
static const char *why_not_ecc(struct cursor params, struct cursor bits)
{
        static const struct {
                const char *oid;
                size_t oid_len, octets;
        } curves[] = {
                { "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8, 32 }, /* P-256 */
                { "\x2b\x81\x04\x00\x22", 5, 48 },             /* P-384 */
                { "\x2b\x81\x04\x00\x23", 5, 66 },             /* P-521 */
        };
        struct cursor name;

        if (element(&params, OID, &name) < 0 || cur_end(&params) < 0)
                return "its curve is not given by name";
        for (size_t i = 0; i < ELEMENTSOF(curves); i++)
                if (is(name, curves[i].oid, curves[i].oid_len))
                        return bits.left == 1 + 2 * curves[i].octets && bits.p[0] == 0x04
                                       ? NULL
                                       : "its point is no uncompressed one of its curve";
        return "its curve is none of P-256, P-384 and P-521";
}

static const char *why_not(struct cursor key)
{
        struct cursor alg, oid, bits;
        uint8_t unused;

        if (element(&key, SEQUENCE, &alg) < 0 || element(&alg, OID, &oid) < 0 || element(&key, BIT_STRING, &bits) < 0 ||
            cur_end(&key) < 0 || cur_u8(&bits, &unused) < 0 || unused != 0)
                return "its public key does not parse";
        if (is(oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9) || is(oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07", 9))
                return why_not_rsa(bits); /* rsaEncryption, id-RSAES-OAEP */
        if (is(oid, "\x2a\x86\x48\xce\x3d\x02\x01", 7))
                return why_not_ecc(alg, bits);
        return "its public key is neither RSA nor ECC";
}

int ekcert_key_check(const void *der, size_t len, const char **ret_why)
{
        struct ekcert_names names;
        struct cursor key = { 0 };
        const char *why = find(der, len, &names, &key) == 0 ? why_not(key) : "it is no X.509 public key certificate";

        if (why)
                *ret_why = why;
        return why ? -EBADMSG : 0;
}
