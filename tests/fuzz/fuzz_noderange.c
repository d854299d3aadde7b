/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "noderange.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        _cleanup_(freep) char *text = fuzz_text(p, n);
        struct noderange r = { 0 };
        const char *why = NULL;

        (void)noderange_is_single(text);
        if (noderange_parse(text, &r, &why) < 0) {
                HOLDS(why && fuzz_printable(why) && !r.name);
                return 0;
        }
        HOLDS(r.n >= 1 && r.n <= NODERANGE_MAX);
        for (size_t i = 0; i < r.n && i < 100; i++) {
                HOLDS(strlen(r.name[i]) >= 1 && strlen(r.name[i]) <= NODERANGE_NAME_MAX && fuzz_printable(r.name[i]));
                HOLDS(noderange_has(&r, r.name[i]));
        }
        noderange_wipe(&r);
        return 0;
}
