/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        static struct profile a, b;
        struct buf json = { 0 };
        char err[JTAB_ERR] = "";

        if (profile_json_parse(p, n, &a, err) < 0) {
                HOLDS(fuzz_printable(err));
                return 0;
        }
        HOLDS(a.n_steps <= PROFILE_SEQ_MAX && a.n_events <= PROFILE_EVENTS_MAX);
        HOLDS(profile_json_build(&a, &json) == 0);
        HOLDS(profile_json_parse(json.p, json.len, &b, err) == 0);
        HOLDS(a.n_steps == b.n_steps && a.n_events == b.n_events && memcmp(a.pcr, b.pcr, sizeof(a.pcr)) == 0);
        buf_wipe(&json);
        return 0;
}
