/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - Muster's TPM policies: digests, the policy key, approvals.
 *
 * Pure; PROTOCOL.md sections 2, 3 and 5. PCR values come in the order of
 * policy_pcrs[]. All outputs are fixed-size, written only on success.
 * Return 0, -EINVAL (not a P-256 key), -EBADMSG (an approval of another
 * shape), -EKEYREJECTED (an approval that the key did not sign) or -EIO
 * (OpenSSL failed), -ENOMEM. A policy key is borrowed, never freed here; only
 * policy_sign() and policy_approve() need its private part. */
#ifndef MUSTER_POLICY_H
#define MUSTER_POLICY_H

#include "mem.h"

#define POLICY_PCRS 15           /* 0-9 and 11-15 */
#define POLICY_SELECT_LEN 3      /* sizeofSelect */
#define POLICY_NAME_LEN 34       /* nameAlg and SHA-256 */
#define POLICY_KEY_PUBLIC_LEN 88 /* TPM2B_PUBLIC, its size field included */
#define POLICY_APPROVAL_LEN 72   /* TPMT_SIGNATURE, r and s of 32 bytes */

enum policy_purpose {
        POLICY_NV = 1, /* the two NV indices: "muster nv v2" */
        POLICY_BUNDLE, /* the sealed K: "muster bundle v2" */
};

extern const uint8_t policy_pcrs[POLICY_PCRS];
extern const uint8_t policy_select[POLICY_SELECT_LEN]; /* ff fb 00 */

/* policyRef R(P, node) = H(label of the purpose ‖ node id): what is sealed for
 * one node cannot be opened with an approval for another node. */
int policy_ref(enum policy_purpose purpose, const uint8_t node[DIGEST_LEN], uint8_t ret[DIGEST_LEN]);

/* H of the values: a quote's pcrDigest and TPM2_PolicyPCR's. */
int policy_pcr_digest(const uint8_t values[POLICY_PCRS][DIGEST_LEN], uint8_t ret[DIGEST_LEN]);

/* A TPM's counters, which together name one boot: a TPM Reset counts
 * resetCount up, a TPM Restart (a power cycle after TPM2_Shutdown(STATE)) and
 * a TPM Resume count restartCount up. */
struct policy_boot {
        uint32_t reset_count, restart_count;
};

/* approvedPolicy: PolicyPCR, then PolicyCounterTimer(resetCount ‖ restartCount ==). */
int policy_approved(const uint8_t values[POLICY_PCRS][DIGEST_LEN], struct policy_boot boot, uint8_t ret[DIGEST_LEN]);

/* operandB of that PolicyCounterTimer, at offset POLICY_COUNTERS_OFFSET of TPMS_TIME_INFO. */
#define POLICY_COUNTERS_LEN 8
#define POLICY_COUNTERS_OFFSET 16
void policy_counters(struct policy_boot boot, uint8_t ret[POLICY_COUNTERS_LEN]);

/* The policy key as the TPM object that TPM2_LoadExternal takes; keySign. */
int policy_key_public(const EVP_PKEY *key, uint8_t ret[POLICY_KEY_PUBLIC_LEN]);
int policy_key_name(const EVP_PKEY *key, uint8_t ret[POLICY_NAME_LEN]);

/* authPolicy: PolicyAuthorize(keySign, policyRef) on an empty session. */
int policy_auth_digest(const uint8_t name[POLICY_NAME_LEN], const uint8_t ref[DIGEST_LEN], uint8_t ret[DIGEST_LEN]);

/* aHash: what is signed, and what TPM2_VerifySignature gets as digest. */
int policy_ahash(const uint8_t approved[DIGEST_LEN], const uint8_t ref[DIGEST_LEN], uint8_t ret[DIGEST_LEN]);

/* TPMT_SIGNATURE, ECDSA with SHA-256 over these bytes, by a P-256 key: an
 * approval, or what a TPM makes of a quote. */
int policy_sign(EVP_PKEY *key, const void *p, size_t len, uint8_t ret[POLICY_APPROVAL_LEN]);

int policy_approve(EVP_PKEY *key, const uint8_t approved[DIGEST_LEN], const uint8_t ref[DIGEST_LEN],
                   uint8_t ret[POLICY_APPROVAL_LEN]);
int policy_approval_verify(EVP_PKEY *key, const uint8_t approved[DIGEST_LEN], const uint8_t ref[DIGEST_LEN],
                           const uint8_t *sig, size_t len);

#endif
