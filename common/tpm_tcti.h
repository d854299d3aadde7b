/* SPDX-License-Identifier: Apache-2.0 */
/* tpm_tcti.h - a TCTI around another one: counts, waits, cleans up.
 *
 * Counts commands by code. A TPM that answers that it is busy (RETRY,
 * YIELDED, TESTING, NV_RATE, NV_UNAVAILABLE) gets the same command again,
 * with a growing pause, for TPM_BUSY_MS (for a second once that was in
 * vain); then its answer is passed on: this is the one place that waits for
 * a TPM. An answer whose lengths do not fit it (tpmanswer.h) is
 * TSS2_TCTI_RC_MALFORMED_RESPONSE and goes no further. Remembers which transient objects
 * and sessions are open, whatever the layers above made of the answers, so
 * that none stays in the TPM. `inner` is borrowed and outlives the wrapper;
 * free the wrapper with tpm_tcti_free(). The counts live in the caller's
 * struct. -ENOMEM, or -EINVAL for an inner TCTI of an unknown version. */
#ifndef MUSTER_TPM_TCTI_H
#define MUSTER_TPM_TCTI_H

#include "mem.h"

#include <tss2/tss2_tcti.h>

#define TPM_COUNTS_MAX 48
#define TPM_BUSY_MS 10000

struct tpm_counts {
        struct {
                uint32_t code; /* TPM_CC */
                uint32_t n;
        } by[TPM_COUNTS_MAX];
        size_t n_by;
        uint32_t total;
};

int tpm_tcti_wrap(TSS2_TCTI_CONTEXT *inner, struct tpm_counts *counts, TSS2_TCTI_CONTEXT **ret);
void tpm_tcti_free(TSS2_TCTI_CONTEXT *tcti);

/* The last answer, header included, until the next command. */
const uint8_t *tpm_tcti_answer(const TSS2_TCTI_CONTEXT *tcti, size_t *ret_len);

/* Wipes the last command and answer, here and in the buffer of the layer
 * above, where that put the decrypted parameter. */
void tpm_tcti_forget(TSS2_TCTI_CONTEXT *tcti);

/* This session is no more: it went with its last command. */
void tpm_tcti_ended(TSS2_TCTI_CONTEXT *tcti, uint32_t handle);

/* TPM2_FlushContext for all that is still open. NULL-safe. */
void tpm_tcti_flush(TSS2_TCTI_CONTEXT *tcti);

/* What TPM_RC says that the TPM is busy and nothing was done. */
bool tpm_rc_busy(uint32_t rc);

/* "TPM2_Quote", or NULL for a command that Muster never sends. */
const char *tpm_command_name(uint32_t code);

#endif
