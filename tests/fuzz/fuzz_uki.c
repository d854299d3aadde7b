/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "uki.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        const char *why = NULL;
        struct uki_pred pred;
        struct uki uki;
        struct pe pe = { 0 };
        uint8_t digest[DIGEST_LEN];
        int r = pe_parse(p, n, &pe, &why);

        if (r < 0) {
                HOLDS(r != -EBADMSG || (why && fuzz_printable(why)));
                return 0;
        }
        HOLDS(pe.n_sections <= PE_MAX_SECTIONS);
        for (size_t i = 0; i < pe.n_sections; i++) {
                const struct pe_section *s = &pe.sections[i];

                HOLDS(s->raw_size <= n && s->offset <= n && s->offset + s->raw_size <= n);
        }
        (void)pe_authenticode(&pe, digest);
        r = uki_parse(p, n, &uki, &why);
        if (r < 0) {
                HOLDS((r != -EBADMSG && r != -ENOEXEC) || (why && fuzz_printable(why)));
                return 0;
        }
        HOLDS(uki.n_sections <= UKI_MAX_SECTIONS);
        (void)uki_predict(&uki, "r1.efi root=muster", false, &pred);
        if (uki_predict(&uki, NULL, true, &pred) == 0)
                HOLDS(pred.pcr4.n > 0 && pred.pcr11.n > 0);
        return 0;
}
