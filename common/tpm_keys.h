/* SPDX-License-Identifier: Apache-2.0 */
/* tpm_keys.h - the machine's EK and its certificates, Muster's AK, quotes.
 *
 * PROTOCOL.md section 2. Errors and ownership as in tpm_ctx.h. Nothing here
 * is secret. struct tpm_key is freed with tpm_key_close(): persistent keys
 * stay in the TPM, only the handle's record goes. */
#ifndef MUSTER_TPM_KEYS_H
#define MUSTER_TPM_KEYS_H

#include "policy.h"
#include "tpm_ctx.h"

#define TPM_EK_HANDLE 0x8101C000u
#define TPM_AK_HANDLE 0x8101C001u
#define TPM_EK_CERTS 8
#define TPM_EK_CERT_MAX 4096

struct tpm_key {
        struct tpm *t;
        ESYS_TR tr;
        TPM2_HANDLE handle;
        uint8_t public[1024]; /* TPM2B_PUBLIC */
        size_t public_len;
        bool endorsement; /* a primary of the endorsement hierarchy */
};

void tpm_key_close(struct tpm_key *k);

/* What is persistent at `handle`, as one answer of the TPM gave it: the
 * public area here is the very one that sessions get salted to, so that the
 * key whose id a parent accepts and the key of the sessions are one, whoever
 * sits on the bus. -ENOENT: nothing there. */
int tpm_key_look(struct tpm *t, TPM2_HANDLE handle, struct tpm_key *ret, TPM2B_PUBLIC *ret_public, struct fail *f);

struct tpm_ek_certs {
        struct buf der[TPM_EK_CERTS]; /* the leaf first */
        size_t n;
};

void tpm_ek_certs_free(struct tpm_ek_certs *c);

/* The EK whose certificate is in NV, ECC before RSA; without one, ECC
 * where the TPM can. Found persistent, else made and made persistent. */
int tpm_ek_open(struct tpm *t, struct tpm_key *ret, struct tpm_ek_certs *ret_certs, struct fail *f);

/* Muster's AK; made once, and again when it is not as it should be. */
int tpm_ak_open(struct tpm *t, struct tpm_key *ret, struct fail *f);
/* Replaces an AK that nobody can use: a new one in *ak. */
int tpm_ak_renew(struct tpm *t, struct tpm_key *ak, struct fail *f);

/* E-BANK when the TPM has not all of them in SHA-256. */
int tpm_pcr_read(struct tpm *t, uint8_t ret[POLICY_PCRS][DIGEST_LEN], struct fail *f);

/* TPMS_ATTEST and TPMT_SIGNATURE; the caller buf_wipe()s them. -EAGAIN:
 * the PCRs are no longer those of `pcrs`; read them again. -EKEYREJECTED:
 * this AK has a password. */
int tpm_quote(const struct tpm_key *ak, const uint8_t qualifying[DIGEST_LEN],
              const uint8_t pcrs[POLICY_PCRS][DIGEST_LEN], struct buf *ret_quote, struct buf *ret_signature,
              struct policy_boot *ret_counters, struct fail *f);

/* TPM2_ActivateCredential: wire structures in, the 32-byte secret out,
 * encrypted on the bus. After a failure end the policy session. */
int tpm_activate(const struct tpm_key *ek, const struct tpm_key *ak, const struct tpm_obj *session,
                 const struct buf *id_object, const struct buf *secret, uint8_t ret[DIGEST_LEN], struct fail *f);

#endif
