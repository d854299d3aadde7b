/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "eventlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        const char *why = NULL;
        struct evlog log = { 0 };
        size_t offset = 0;
        int r = evlog_parse(p, n, &log, &why, &offset);

        if (r < 0) {
                HOLDS(r != -EBADMSG || (why && fuzz_printable(why)));
                HOLDS(offset <= n);
                return 0;
        }
        HOLDS(log.n_banks >= 1 && log.n_banks <= EVLOG_MAX_BANKS && log.padding <= n);
        for (size_t i = 0; i < log.n_events; i++) {
                const struct evlog_event *e = &log.events[i];
                char text[64];

                HOLDS(e->offset < n && e->size <= n && e->data);
                HOLDS(e->size == 0 || (e->data >= p && e->data + e->size <= p + n));
                (void)evlog_describe(e, text, sizeof(text));
                HOLDS(strlen(text) < sizeof(text) && fuzz_printable(text));
                for (size_t b = 0; b < log.n_banks; b++)
                        (void)evlog_data_matches(&log, e, log.banks[b].alg);
        }
        for (size_t b = 0; b < log.n_banks; b++) {
                struct evlog_pcrs pcrs;
                char name[7];

                (void)evlog_replay(&log, log.banks[b].alg, &pcrs);
                HOLDS(fuzz_printable(evlog_alg_name(log.banks[b].alg, name)));
        }
        evlog_free(&log);
        return 0;
}
