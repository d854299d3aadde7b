/* SPDX-License-Identifier: Apache-2.0 */
/* evlog_parse() as a whole, over any log of at most LOG_MAX bytes: room for
 * a Spec ID event and two more, or for three legacy ones. */
#include "proof.h"

#include "../../common/eventlog.c"

#define LOG_MAX 104

int main(void)
{
        size_t len = nondet_size();
        const char *why = NULL;
        struct evlog log = { 0 };
        size_t offset = 0;
        uint8_t *p;
        int r;

        ASSUME(len > 0 && len <= LOG_MAX);
        p = any_bytes(len);
        r = evlog_parse(p, len, &log, &why, &offset);
        CLAIM(r == 0 || r == -EBADMSG || r == -ENOMEM);
        CLAIM(r == 0 || (why && offset <= len && !log.events));
        if (r == 0) {
                CLAIM(log.n_events >= 1 && log.n_events <= LOG_MAX / 16);
                CLAIM(log.padding < len);
                evlog_free(&log);
        }
        return 0;
}
