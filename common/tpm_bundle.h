/* SPDX-License-Identifier: Apache-2.0 */
/* tpm_bundle.h - the bundle's key K out of the TPM: PROTOCOL.md section 6.
 *
 * Import and Load under the EK, then Unseal with the approval, K encrypted
 * on the bus, all in one policy session, which after a failure may hold half
 * a policy: end it. Errors as in tpm_ctx.h, with E-BUNDLE. The caller wipes
 * K; nothing else stays in the TPM. */
#ifndef MUSTER_TPM_BUNDLE_H
#define MUSTER_TPM_BUNDLE_H

#include "bundle.h"
#include "tpm_keys.h"
#include "tpm_session.h"
#include "wire_verdict.h"

int tpm_bundle_unseal(const struct tpm_key *ek, const struct tpm_obj *session, const struct wire_bundle *b,
                      const struct tpm_approval *approval, uint8_t ret_k[BUNDLE_K_LEN], struct fail *f);

#endif
