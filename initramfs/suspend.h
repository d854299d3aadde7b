/* SPDX-License-Identifier: Apache-2.0 */
/* suspend.h - what suspend to RAM does to this machine's TPM, tried out. */
#ifndef MUSTER_SUSPEND_H
#define MUSTER_SUSPEND_H

#include "log.h"
#include "policy.h"

/* What a TPM shows of itself. */
struct tpm_look {
        struct policy_boot counters;
        uint64_t clock; /* ms */
        bool clock_safe;
        uint8_t pcrs[POLICY_PCRS][DIGEST_LEN];
};

enum suspend_result {
        SUSPEND_ABSENT,  /* the kernel offers no suspend to RAM */
        SUSPEND_AWAKE,   /* the machine never slept */
        SUSPEND_POWERED, /* the TPM kept its power */
        SUSPEND_RESUME,  /* it lost its power; PCRs and read locks were brought back */
        SUSPEND_RESTART, /* PCRs and read locks are gone; resetCount stays */
        SUSPEND_RESET,   /* the same, and resetCount rose */
        SUSPEND_UNCLEAR, /* a counter went back: the TPM was cleared, or is another one */
        SUSPEND_RESULTS
};

/* Has a PCR been extended? Where none has, a look cannot tell kept PCRs from lost ones. */
bool suspend_measured(const struct tpm_look *look);
/* Two looks at one TPM, and for how long the machine slept in between. */
enum suspend_result suspend_judge(const struct tpm_look *before, const struct tpm_look *after, int64_t slept_ms);
const char *suspend_name(enum suspend_result r);

/* Puts the machine to sleep by the kernel's files below these directories, with the clock's alarm to wake it up, and
 * leaves them as they were. -EOPNOTSUPP: the kernel offers no suspend to RAM, and nothing was touched. Other errors are
 * in `f`. */
int suspend_try(const char *power, const char *rtc, int64_t *ret_slept_ms, struct fail *f);

/* Is `word` one of the words of this file of `dir`? "[deep]", the one that is chosen, counts as "deep". */
bool power_offers(const char *dir, const char *name, const char *word);

#endif
