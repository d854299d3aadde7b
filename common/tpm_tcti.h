/* SPDX-License-Identifier: Apache-2.0 */
/* tpm_tcti.h - a TCTI around another one that counts commands by code.
 *
 * Passes everything through unchanged and knows nothing else. `inner` is
 * borrowed and outlives the wrapper; free the wrapper with
 * tpm_tcti_free(). The counts live in the caller's struct. -ENOMEM, or
 * -EINVAL for an inner TCTI of an unknown version. */
#ifndef MUSTER_TPM_TCTI_H
#define MUSTER_TPM_TCTI_H

#include "mem.h"

#include <tss2/tss2_tcti.h>

#define TPM_COUNTS_MAX 48

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

/* "TPM2_Quote", or NULL for a command that Muster never sends. */
const char *tpm_command_name(uint32_t code);

#endif
