/* SPDX-License-Identifier: Apache-2.0 */
/* PCR values from a file, as `muster quote` reads them; the first two bytes
 * choose a selection. */
#include "fuzz.h"

#include "offline_pcrs.h"
#include "eventlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        static uint8_t values[OFFLINE_PCRS_MAX];
        struct quote q = { .n_banks = 1, .banks = { { TPM_SHA256, 0 } } };
        const char *why = NULL;
        struct buf file;
        size_t len = 0;

        if (n < 2)
                return 0;
        q.banks[0].mask = (uint32_t)p[0] | (uint32_t)p[1] << 8;
        file = (struct buf){ (uint8_t *)fuzz_text(p + 2, n - 2), n - 2 };
        if (offline_pcrs(&file, &q, values, &len, &why) < 0)
                HOLDS(why && fuzz_printable(why));
        else
                HOLDS(len == (size_t)__builtin_popcount(q.banks[0].mask) * 32);
        buf_wipe(&file);
        return 0;
}
