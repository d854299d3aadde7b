/* SPDX-License-Identifier: Apache-2.0 */
/* tpm_nv.h - Muster's two NV indices in a TPM: PROTOCOL.md section 8.
 *
 * Reading and writing need an approval; looking and removing do not. An
 * index is used only when its Name is the computed one, and that Name is
 * part of what the salted session authenticates, so an index exchanged on
 * the way is refused by the HMAC. Errors and ownership as in tpm_ctx.h.
 * Contents are secret: the caller buf_wipe()s them. */
#ifndef MUSTER_TPM_NV_H
#define MUSTER_TPM_NV_H

#include "nvdata.h"
#include "tpm_session.h"
#include "wire_attest.h"

/* present, absent, altered, or none when the TPM cannot hold the index or
 * it was locked earlier in this boot. */
int tpm_nv_look(struct tpm *t, enum nv_purpose purpose, const uint8_t auth_policy[DIGEST_LEN], enum nv_state *ret,
                struct fail *f);

/* The same without looking: one that exists is `present` until tpm_nv_read()
 * fails. It gets the computed Name, which the TPM then compares with its own. */
int tpm_nv_presume(struct tpm *t, enum nv_purpose purpose, const uint8_t auth_policy[DIGEST_LEN], enum nv_state *ret,
                   struct fail *f);

/* The index's TPMA_NV; -ENOENT: there is none. */
int tpm_nv_attributes(struct tpm *t, enum nv_purpose purpose, uint32_t *ret, struct fail *f);

/* One salted session for all work of this boot on the indices. */
struct tpm_nv {
        struct tpm *t;
        const struct tpm_approval *approval; /* POLICY_NV */
        const uint8_t *auth_policy;          /* DIGEST_LEN bytes */
        struct tpm_obj session;
};

int tpm_nv_start(struct tpm *t, ESYS_TR ek, const struct tpm_approval *approval,
                 const uint8_t auth_policy[DIGEST_LEN], struct tpm_nv *ret, struct fail *f);
void tpm_nv_end(struct tpm_nv *n);

/* All nvdata_size() bytes, the padding as zeroes whatever it is. The length
 * of the certificate that is expected there only saves commands. -ESTALE:
 * not present with the right Name. */
int tpm_nv_read(struct tpm_nv *n, enum nv_purpose purpose, size_t certificate_len, struct buf *ret, struct fail *f);

/* Makes the index anew unless it is present, then writes all of it.
 * -ENOSPC: the TPM has no room, does not let itself be written, or keeps an
 * altered index that the owner may not remove; the bundle must do on each
 * boot. After a failure the session is ended: start another. */
int tpm_nv_write(struct tpm_nv *n, enum nv_purpose purpose, const uint8_t *p, size_t len, struct fail *f);

/* NV_ReadLock, until the next TPM reset. Against writing the cap is enough:
 * no policy is satisfied any more. E-CAP. */
int tpm_nv_lock(struct tpm_nv *n, enum nv_purpose purpose, struct fail *f);

/* Extends a PCR with H(data), at most 1,024 bytes, under the session's HMAC:
 * PCR_Event, since unlike PCR_Extend's its parameter can be encrypted, which
 * is what lets a policy session go with it. 0 means that the TPM did it,
 * whoever sits on the bus, and the session ended with it. E-CAP. */
int tpm_nv_cap(struct tpm_nv *n, unsigned pcr, const void *data, size_t len, struct fail *f);

#endif
