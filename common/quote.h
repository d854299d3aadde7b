/* SPDX-License-Identifier: Apache-2.0 */
/* quote.h - TPM quotes: parse TPMS_ATTEST and TPMT_SIGNATURE, verify.
 *
 * Pure. Parsed structures view the caller's bytes, which must outlive
 * them; nothing to free. Trailing bytes are refused. Every function
 * returns QUOTE_OK (0) or a quote_err; quote_strerror() puts it in words.
 *
 * Order of use: quote_parse, quote_sig_parse, quote_verify (the key's one
 * pinned scheme) or quote_verify_with, quote_extra_is, quote_selects, quote_pcrs_are. */
#ifndef MUSTER_QUOTE_H
#define MUSTER_QUOTE_H

#include "mem.h"
#include "tpmpub.h"

#define QUOTE_MAX_BANKS 16
#define QUOTE_MAX_ATTEST 2048

enum quote_err {
        QUOTE_OK = 0,
        QUOTE_E_STRUCT,    /* not a TPMS_ATTEST, or cut short */
        QUOTE_E_MAGIC,     /* not made by a TPM */
        QUOTE_E_TYPE,      /* an attestation, but not a quote */
        QUOTE_E_TRAILING,  /* bytes after the TPMS_ATTEST */
        QUOTE_E_SIG_STRUCT,/* not a TPMT_SIGNATURE, or cut short */
        QUOTE_E_SIG_TRAILING,
        QUOTE_E_SCHEME,    /* not the scheme or hash pinned for the key */
        QUOTE_E_SIGNATURE, /* not by this key */
        QUOTE_E_QUALIFICATION,
        QUOTE_E_SELECTION, /* not exactly the PCRs asked for */
        QUOTE_E_PCR_DIGEST,
        QUOTE_E_SIGNER,    /* the key is of another hierarchy, or beneath another key */
        QUOTE_E_INTERNAL,  /* OpenSSL failed */
};

struct quote_bank {
        uint16_t alg;
        uint32_t mask; /* bit n: PCR n */
};

struct quote {
        const uint8_t *raw;
        size_t raw_len;
        const uint8_t *signer; /* qualifiedSigner, a Name */
        size_t signer_len;
        const uint8_t *extra; /* extraData: the qualification */
        size_t extra_len;
        uint64_t clock;
        uint32_t reset_count, restart_count;
        bool safe;
        uint64_t firmware;
        struct quote_bank banks[QUOTE_MAX_BANKS]; /* in signed order */
        size_t n_banks;
        const uint8_t *pcr_digest;
        size_t pcr_digest_len;
};

struct quote_scheme {
        uint16_t alg;  /* TPM_ALG_ECDSA, TPM_ALG_RSASSA, TPM_ALG_RSAPSS */
        uint16_t hash; /* TPM_SHA256, … */
};

struct quote_sig {
        struct quote_scheme scheme;
        const uint8_t *r, *s; /* ECDSA */
        size_t r_len, s_len;
        const uint8_t *rsa; /* RSASSA, RSAPSS */
        size_t rsa_len;
        const uint8_t *der; /* ECDSA, from a bare DER signature */
        size_t der_len;
};

enum quote_err quote_parse(const void *p, size_t len, struct quote *ret);
enum quote_err quote_sig_parse(const void *p, size_t len, struct quote_sig *ret);
/* A bare signature, as tpm2_quote -f plain writes it: ECDSA DER or RSA
 * bytes of the key's size. `scheme` says what it is to be. */
enum quote_err quote_sig_plain(const void *p, size_t len, struct quote_scheme scheme, struct quote_sig *ret);

/* The scheme fixed in an AK's public area; QUOTE_E_SCHEME if it has none. */
enum quote_err quote_scheme_of(const struct tpmpub *ak, struct quote_scheme *ret);

/* A key made ready for its one scheme, which costs a tenth of a signature.
 * One thread at a time; a copy is another's. SHA-1 is never accepted. */
struct quote_verifier {
        EVP_PKEY_CTX *ctx; /* NULL: none */
        struct quote_scheme pinned;
};

enum quote_err quote_verifier_make(EVP_PKEY *key, struct quote_scheme pinned, struct quote_verifier *ret);
int quote_verifier_copy(const struct quote_verifier *v, struct quote_verifier *ret); /* 0 or -ENOMEM */
static inline void quote_verifier_free(struct quote_verifier *v)
{
        EVP_PKEY_CTX_free(v->ctx);
        v->ctx = NULL;
}

enum quote_err quote_verify_with(const struct quote *q, const struct quote_sig *sig, const struct quote_verifier *v);
enum quote_err quote_verify(const struct quote *q, const struct quote_sig *sig, EVP_PKEY *key,
                            struct quote_scheme pinned);
enum quote_err quote_extra_is(const struct quote *q, const void *p, size_t len);
/* Exactly these PCRs of exactly this one bank. */
enum quote_err quote_selects(const struct quote *q, uint16_t alg, uint32_t mask);
/* pcrDigest == H(values), H the signature's hash; `values` are the selected
 * PCRs' values concatenated in the selection's order. */
enum quote_err quote_pcrs_are(const struct quote *q, uint16_t hash, const void *values, size_t len);

/* Its key is a primary of the endorsement hierarchy with this Name (SHA-256,
 * 34 bytes): qualifiedSigner == nameAlg ‖ H(TPM_RH_ENDORSEMENT ‖ Name), TPM 2.0
 * Part 1, "Qualified Name". Only there are the counters not obfuscated. */
enum quote_err quote_signer_is_endorsed(const struct quote *q, const uint8_t name[34]);

const char *quote_strerror(enum quote_err e);

#endif
