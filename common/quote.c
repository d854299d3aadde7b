/* SPDX-License-Identifier: Apache-2.0 */
#include "quote.h"

#include "cursor.h"

#define TPM_GENERATED 0xff544347u
#define TPM_ST_ATTEST_QUOTE 0x8018

static enum quote_err parse_selection(struct cursor *c, struct quote *q)
{
        uint32_t count;

        if (cur_u32be(c, &count) < 0 || count > QUOTE_MAX_BANKS)
                return QUOTE_E_STRUCT;
        for (uint32_t i = 0; i < count; i++) {
                struct quote_bank *b = &q->banks[i];
                const uint8_t *bits;
                uint8_t n;

                if (cur_u16be(c, &b->alg) < 0 || cur_u8(c, &n) < 0 || n > 4 || cur_take(c, n, &bits) < 0)
                        return QUOTE_E_STRUCT;
                b->mask = 0;
                for (unsigned k = 0; k < n; k++)
                        b->mask |= (uint32_t)bits[k] << (8 * k);
        }
        q->n_banks = count;
        return QUOTE_OK;
}

enum quote_err quote_parse(const void *p, size_t len, struct quote *ret)
{
        struct cursor c = cur_of(p, len);
        struct quote q = { .raw = c.p, .raw_len = len };
        uint32_t magic;
        uint16_t type;
        uint8_t safe;
        enum quote_err e;

        if (len > QUOTE_MAX_ATTEST || cur_u32be(&c, &magic) < 0)
                return QUOTE_E_STRUCT;
        if (magic != TPM_GENERATED)
                return QUOTE_E_MAGIC;
        if (cur_u16be(&c, &type) < 0)
                return QUOTE_E_STRUCT;
        if (cur_tpm2b(&c, &q.signer, &q.signer_len) < 0 || cur_tpm2b(&c, &q.extra, &q.extra_len) < 0 ||
            cur_u64be(&c, &q.clock) < 0 || cur_u32be(&c, &q.reset_count) < 0 ||
            cur_u32be(&c, &q.restart_count) < 0 || cur_u8(&c, &safe) < 0 || safe > 1 || cur_u64be(&c, &q.firmware) < 0)
                return QUOTE_E_STRUCT;
        if (type != TPM_ST_ATTEST_QUOTE)
                return QUOTE_E_TYPE;
        q.safe = safe == 1;
        e = parse_selection(&c, &q);
        if (e != QUOTE_OK)
                return e;
        if (cur_tpm2b(&c, &q.pcr_digest, &q.pcr_digest_len) < 0 || q.pcr_digest_len > 64)
                return QUOTE_E_STRUCT;
        if (cur_end(&c) < 0)
                return QUOTE_E_TRAILING;
        *ret = q;
        return QUOTE_OK;
}

enum quote_err quote_sig_parse(const void *p, size_t len, struct quote_sig *ret)
{
        struct cursor c = cur_of(p, len);
        struct quote_sig s = { 0 };

        if (cur_u16be(&c, &s.scheme.alg) < 0 || cur_u16be(&c, &s.scheme.hash) < 0)
                return QUOTE_E_SIG_STRUCT;
        switch (s.scheme.alg) {
        case TPM_ALG_ECDSA:
                if (cur_tpm2b(&c, &s.r, &s.r_len) < 0 || cur_tpm2b(&c, &s.s, &s.s_len) < 0 || s.r_len == 0 ||
                    s.s_len == 0 || s.r_len > 66 || s.s_len > 66)
                        return QUOTE_E_SIG_STRUCT;
                break;
        case TPM_ALG_RSASSA:
        case TPM_ALG_RSAPSS:
                if (cur_tpm2b(&c, &s.rsa, &s.rsa_len) < 0 || s.rsa_len == 0 || s.rsa_len > 1024)
                        return QUOTE_E_SIG_STRUCT;
                break;
        default:
                return QUOTE_E_SIG_STRUCT;
        }
        if (cur_end(&c) < 0)
                return QUOTE_E_SIG_TRAILING;
        *ret = s;
        return QUOTE_OK;
}

enum quote_err quote_sig_plain(const void *p, size_t len, struct quote_scheme scheme, struct quote_sig *ret)
{
        struct quote_sig s = { .scheme = scheme };

        if (len == 0 || len > 1024)
                return QUOTE_E_SIG_STRUCT;
        switch (scheme.alg) {
        case TPM_ALG_ECDSA:
                s.der = p;
                s.der_len = len;
                break;
        case TPM_ALG_RSASSA:
        case TPM_ALG_RSAPSS:
                s.rsa = p;
                s.rsa_len = len;
                break;
        default:
                return QUOTE_E_SCHEME;
        }
        *ret = s;
        return QUOTE_OK;
}

enum quote_err quote_scheme_of(const struct tpmpub *ak, struct quote_scheme *ret)
{
        switch (ak->scheme) {
        case TPM_ALG_ECDSA:
                if (ak->type != TPM_ALG_ECC)
                        return QUOTE_E_SCHEME;
                break;
        case TPM_ALG_RSASSA:
        case TPM_ALG_RSAPSS:
                if (ak->type != TPM_ALG_RSA)
                        return QUOTE_E_SCHEME;
                break;
        default:
                return QUOTE_E_SCHEME;
        }
        *ret = (struct quote_scheme){ ak->scheme, ak->scheme_hash };
        return QUOTE_OK;
}

enum quote_err quote_extra_is(const struct quote *q, const void *p, size_t len)
{
        return same_bytes(q->extra, q->extra_len, p, len) ? QUOTE_OK : QUOTE_E_QUALIFICATION;
}

enum quote_err quote_selects(const struct quote *q, uint16_t alg, uint32_t mask)
{
        return q->n_banks == 1 && q->banks[0].alg == alg && q->banks[0].mask == mask ? QUOTE_OK : QUOTE_E_SELECTION;
}

const char *quote_strerror(enum quote_err e)
{
        switch (e) {
        case QUOTE_OK:
                return "the quote holds";
        case QUOTE_E_STRUCT:
                return "the attestation is malformed or cut short";
        case QUOTE_E_MAGIC:
                return "the attestation was not made by a TPM (bad magic)";
        case QUOTE_E_TYPE:
                return "the attestation is not a quote";
        case QUOTE_E_TRAILING:
                return "there are trailing bytes after the attestation";
        case QUOTE_E_SIG_STRUCT:
                return "the signature is malformed or cut short";
        case QUOTE_E_SIG_TRAILING:
                return "there are trailing bytes after the signature";
        case QUOTE_E_SCHEME:
                return "the signature is not of the scheme and hash accepted for this key";
        case QUOTE_E_SIGNATURE:
                return "the signature is not by this key over this quote";
        case QUOTE_E_QUALIFICATION:
                return "the qualification (nonce) is not the expected one";
        case QUOTE_E_SELECTION:
                return "the quote does not select exactly the expected PCRs";
        case QUOTE_E_PCR_DIGEST:
                return "the PCR values are not those that were quoted";
        case QUOTE_E_SIGNER:
                return "the key that signed it is no primary key of the endorsement hierarchy";
        case QUOTE_E_INTERNAL:
        default:
                return "internal error in the cryptographic library";
        }
}
