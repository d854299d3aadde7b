/* SPDX-License-Identifier: Apache-2.0 */
#include "tpmpub.h"

#include "digest.h"

#include <openssl/bn.h>

DEFINE_CLEANUP(BIGNUM *, BN_free)

static int parse_symmetric(struct cursor *c, struct tpmpub *p)
{
        int r = cur_u16be(c, &p->sym_alg);

        if (r < 0 || p->sym_alg == TPM_ALG_NULL)
                return r;
        if (p->sym_alg != TPM_ALG_AES)
                return -EPROTONOSUPPORT;
        r = cur_u16be(c, &p->sym_bits);
        return r < 0 ? r : cur_u16be(c, &p->sym_mode);
}

static int parse_scheme(struct cursor *c, struct tpmpub *p)
{
        int r = cur_u16be(c, &p->scheme);

        if (r < 0)
                return r;
        switch (p->scheme) {
        case TPM_ALG_NULL:
        case TPM_ALG_RSAES:
                return 0;
        case TPM_ALG_RSASSA:
        case TPM_ALG_RSAPSS:
        case TPM_ALG_OAEP:
        case TPM_ALG_ECDSA:
        case TPM_ALG_ECDH:
                return cur_u16be(c, &p->scheme_hash);
        default:
                return -EPROTONOSUPPORT;
        }
}

static int parse_rsa(struct cursor *c, struct tpmpub *p)
{
        int r;

        if ((r = cur_u16be(c, &p->bits)) < 0 || (r = cur_u32be(c, &p->exponent)) < 0 ||
            (r = cur_tpm2b(c, &p->n, &p->n_len)) < 0)
                return r;
        if (p->bits != 2048 && p->bits != 3072 && p->bits != 4096)
                return -EPROTONOSUPPORT;
        if (p->exponent == 0)
                p->exponent = 65537;
        if (p->exponent < 3 || p->exponent % 2 == 0)
                return -EBADMSG;
        return p->n_len == p->bits / 8 && (p->n[0] & 0x80) && (p->n[p->n_len - 1] & 1) ? 0 : -EBADMSG;
}

static int parse_ecc(struct cursor *c, struct tpmpub *p)
{
        uint16_t hash;
        int r;

        if ((r = cur_u16be(c, &p->curve)) < 0 || (r = cur_u16be(c, &p->kdf)) < 0)
                return r;
        if (p->kdf != TPM_ALG_NULL && (r = cur_u16be(c, &hash)) < 0)
                return r;
        if ((r = cur_tpm2b(c, &p->x, &p->x_len)) < 0 || (r = cur_tpm2b(c, &p->y, &p->y_len)) < 0)
                return r;
        if (p->curve != TPM_ECC_P256 && p->curve != TPM_ECC_P384)
                return -EPROTONOSUPPORT;
        p->bits = p->curve == TPM_ECC_P256 ? 256 : 384;
        /* some TPMs drop a coordinate's leading zeros */
        if (p->x_len == 0 || p->y_len == 0 || p->x_len > p->bits / 8u || p->y_len > p->bits / 8u)
                return -EBADMSG;
        return 0;
}

int tpmpub_parse(const void *tpmt, size_t len, struct tpmpub *ret)
{
        struct cursor c = cur_of(tpmt, len);
        struct tpmpub p = { .raw = c.p, .raw_len = len };
        int r;

        if (len > TPMPUB_MAX)
                return -EBADMSG;
        if ((r = cur_u16be(&c, &p.type)) < 0 || (r = cur_u16be(&c, &p.name_alg)) < 0 ||
            (r = cur_u32be(&c, &p.attributes)) < 0 || (r = cur_tpm2b(&c, &p.policy, &p.policy_len)) < 0)
                return r;
        if (p.type != TPM_ALG_RSA && p.type != TPM_ALG_ECC)
                return -EPROTONOSUPPORT;
        if (p.policy_len > 64)
                return -EBADMSG;
        if ((r = parse_symmetric(&c, &p)) < 0 || (r = parse_scheme(&c, &p)) < 0)
                return r;
        r = p.type == TPM_ALG_RSA ? parse_rsa(&c, &p) : parse_ecc(&c, &p);
        if (r < 0 || (r = cur_end(&c)) < 0)
                return r;
        *ret = p;
        return 0;
}

int tpmpub_parse_2b(const void *tpm2b, size_t len, struct tpmpub *ret)
{
        struct cursor c = cur_of(tpm2b, len);
        const uint8_t *p;
        size_t n;
        int r;

        if ((r = cur_tpm2b(&c, &p, &n)) < 0 || (r = cur_end(&c)) < 0)
                return r;
        return tpmpub_parse(p, n, ret);
}

int tpmpub_parse_any(const void *p, size_t len, struct tpmpub *ret)
{
        const uint8_t *b = p;

        /* a TPMT begins with its type, which is no size such a file has */
        if (len >= 2 && (size_t)(b[0] << 8 | b[1]) == len - 2)
                return tpmpub_parse_2b(p, len, ret);
        return tpmpub_parse(p, len, ret);
}

int tpmpub_name(const struct tpmpub *pub, uint8_t ret[TPMPUB_NAME_MAX], size_t *ret_len)
{
        bool known = pub->name_alg == 0x0004 || (pub->name_alg >= 0x000b && pub->name_alg <= 0x000d);
        const EVP_MD *md = known ? digest_md(pub->name_alg) : NULL;
        unsigned n;

        if (!md)
                return -EPROTONOSUPPORT;
        ret[0] = (uint8_t)(pub->name_alg >> 8);
        ret[1] = (uint8_t)pub->name_alg;
        if (EVP_Digest(pub->raw, pub->raw_len, ret + 2, &n, md, NULL) != 1)
                return -EIO;
        *ret_len = 2u + n;
        return 0;
}

struct profile {
        uint32_t must, must_not;
        const char *why;
};

static int check_attributes(const struct tpmpub *p, const struct profile *rows, const char **ret_why)
{
        for (; rows->why; rows++)
                if ((p->attributes & rows->must) != rows->must || (p->attributes & rows->must_not)) {
                        *ret_why = rows->why;
                        return -EKEYREJECTED;
                }
        return 0;
}

static int reject(const char **ret_why, const char *why)
{
        *ret_why = why;
        return -EKEYREJECTED;
}

#define AK_ATTRIBUTES \
        (TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_ORIGIN | TPMA_USER_WITH_AUTH | TPMA_RESTRICTED | TPMA_SIGN)

int tpmpub_is_ak(const struct tpmpub *p, const char **ret_why)
{
        static const struct profile rows[] = {
                { TPMA_RESTRICTED, 0, "the key is not restricted: it would sign forged attestations" },
                { TPMA_SIGN, 0, "the key is no signing key" },
                { 0, TPMA_DECRYPT, "the key may decrypt" },
                { TPMA_FIXED_TPM | TPMA_FIXED_PARENT, 0, "the key may leave its TPM" },
                { TPMA_SENSITIVE_ORIGIN, 0, "the key was not made in the TPM" },
                { 0 },
        };
        const char *dummy;
        int r;

        if (!ret_why)
                ret_why = &dummy;
        r = check_attributes(p, rows, ret_why);
        if (r < 0)
                return r;
        if (p->type != TPM_ALG_ECC || p->curve != TPM_ECC_P256)
                return reject(ret_why, "the key is not ECC P-256");
        if (p->name_alg != 0x000b)
                return reject(ret_why, "the key's Name is not made with SHA-256");
        if (p->scheme != TPM_ALG_ECDSA || p->scheme_hash != 0x000b)
                return reject(ret_why, "the key's scheme is not ECDSA with SHA-256");
        if (p->sym_alg != TPM_ALG_NULL || p->kdf != TPM_ALG_NULL)
                return reject(ret_why, "a signing key with a symmetric algorithm");
        if ((p->attributes & ~TPMA_NO_DA) != AK_ATTRIBUTES)
                return reject(ret_why, "the key has other attributes than Muster's attestation keys");
        if (p->policy_len != 0)
                return reject(ret_why, "the key has a policy");
        return 0;
}

/* TCG EK Credential Profile: PolicyA, PolicySecret(TPM_RH_ENDORSEMENT) */
static const uint8_t policy_a[DIGEST_LEN] = {
        0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
        0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};

#define EK_ATTRIBUTES \
        (TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_SENSITIVE_ORIGIN | TPMA_ADMIN_WITH_POLICY | TPMA_RESTRICTED | \
         TPMA_DECRYPT)

int tpmpub_is_ek(const struct tpmpub *p, const char **ret_why)
{
        const char *dummy;

        if (!ret_why)
                ret_why = &dummy;
        if (!(p->type == TPM_ALG_ECC && p->curve == TPM_ECC_P256) && !(p->type == TPM_ALG_RSA && p->bits == 2048))
                return reject(ret_why, "the EK is neither ECC P-256 nor RSA-2048");
        if (p->attributes != EK_ATTRIBUTES)
                return reject(ret_why, "the EK's attributes are not those of the TCG template");
        if (p->name_alg != 0x000b)
                return reject(ret_why, "the EK's Name is not made with SHA-256");
        if (!same_bytes(p->policy, p->policy_len, policy_a, sizeof(policy_a)))
                return reject(ret_why, "the EK's policy is not the TCG template's");
        if (p->sym_alg != TPM_ALG_AES || p->sym_bits != 128 || p->sym_mode != TPM_ALG_CFB)
                return reject(ret_why, "the EK's symmetric algorithm is not AES-128-CFB");
        if (p->scheme != TPM_ALG_NULL || (p->type == TPM_ALG_ECC && p->kdf != TPM_ALG_NULL))
                return reject(ret_why, "the EK has a scheme, the TCG template has none");
        if (p->type == TPM_ALG_RSA && p->exponent != 65537)
                return reject(ret_why, "the EK's exponent is not 65537");
        return 0;
}

int tpmpub_ek_from_pkey(const EVP_PKEY *key, uint8_t ret[TPMPUB_MAX], size_t *ret_len)
{
        struct wbuf w = wb_of(ret, TPMPUB_MAX);
        bool ecc = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
        uint8_t point[65];
        size_t n = 0;

        wb_u16be(&w, ecc ? TPM_ALG_ECC : TPM_ALG_RSA);
        wb_u16be(&w, 0x000b);
        wb_u32be(&w, EK_ATTRIBUTES);
        wb_tpm2b(&w, policy_a, sizeof(policy_a));
        wb_u16be(&w, TPM_ALG_AES);
        wb_u16be(&w, 128);
        wb_u16be(&w, TPM_ALG_CFB);
        wb_u16be(&w, TPM_ALG_NULL);
        if (ecc) {
                if (EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", point, sizeof(point), &n) != 1 ||
                    n != 65 || point[0] != 4)
                        return -EPROTONOSUPPORT;
                wb_u16be(&w, TPM_ECC_P256);
                wb_u16be(&w, TPM_ALG_NULL);
                wb_tpm2b(&w, point + 1, 32);
                wb_tpm2b(&w, point + 33, 32);
        } else {
                _cleanup_(BN_freep) BIGNUM *m = NULL;
                _cleanup_(BN_freep) BIGNUM *e = NULL;
                uint8_t mod[256];

                if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) != 2048 ||
                    EVP_PKEY_get_bn_param(key, "n", &m) != 1 || EVP_PKEY_get_bn_param(key, "e", &e) != 1 ||
                    BN_is_word(e, 65537) != 1 || BN_bn2binpad(m, mod, sizeof(mod)) != (int)sizeof(mod))
                        return -EPROTONOSUPPORT;
                wb_u16be(&w, 2048);
                wb_u32be(&w, 0);
                wb_tpm2b(&w, mod, sizeof(mod));
        }
        return wb_end(&w, ret_len);
}
