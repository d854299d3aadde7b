/* SPDX-License-Identifier: Apache-2.0 */
/* tpm_session.h - sessions: salted to the EK, and policies.
 *
 * All sessions are salted to the EK and carry AES-128-CFB parameter
 * encryption (PROTOCOL.md section 10). As in tpm_ctx.h for errors and
 * ownership. A policy session's policy is spent by each command that it
 * authorises; apply the policy again before the next. */
#ifndef MUSTER_TPM_SESSION_H
#define MUSTER_TPM_SESSION_H

#include "policy.h"
#include "tpm_ctx.h"

/* Which parameter of a command is secret on the bus. */
enum tpm_secret { TPM_SECRET_NONE, TPM_SECRET_COMMAND, TPM_SECRET_RESPONSE };

int tpm_session_policy(struct tpm *t, ESYS_TR ek, enum tpm_secret secret, struct tpm_obj *ret, struct fail *f);
int tpm_session_set_secret(const struct tpm_obj *session, enum tpm_secret secret, struct fail *f);
/* The same for the last command: once it has succeeded the TPM has closed
 * the session itself, and tpm_session_ended() says so here. */
int tpm_session_set_last(const struct tpm_obj *session, enum tpm_secret secret, struct fail *f);
void tpm_session_ended(struct tpm_obj *session);

/* The EK's own policy: PolicySecret(endorsement hierarchy, empty auth). */
int tpm_session_ek_auth(const struct tpm_obj *session, struct fail *f);

/* An approval of PROTOCOL.md section 5, checked by the TPM once. */
struct tpm_approval {
        uint8_t pcr_digest[DIGEST_LEN];
        uint8_t approved[DIGEST_LEN];
        struct policy_boot boot;
        uint8_t ref[DIGEST_LEN];
        TPM2B_NAME key_sign;
        TPMT_TK_VERIFIED ticket;
};

/* -EKEYREJECTED, E-PARENT: the policy key did not sign this. */
int tpm_approval_verify(struct tpm *t, const EVP_PKEY *policy_key, enum policy_purpose purpose,
                        const uint8_t node[DIGEST_LEN], const uint8_t pcrs[POLICY_PCRS][DIGEST_LEN],
                        struct policy_boot boot, const struct buf *signature,
                        struct tpm_approval *ret, struct fail *f);
int tpm_approval_apply(const struct tpm_obj *session, const struct tpm_approval *a, struct fail *f);

/* { SHA-256, PCRs 0-9, 11-15 } */
extern const TPML_PCR_SELECTION tpm_quoted_pcrs;

#endif
