/* SPDX-License-Identifier: Apache-2.0 */
/* The event log parser, one event at a time from any state it can be in,
 * over any log up to its limit of 1 MiB. Each step stays inside the bytes,
 * and one that succeeds consumes at least 16 of them: so parse_rest() ends
 * after at most 65,536 events, and sooner by EVLOG_MAX_EVENTS. */
#include "proof.h"

#include "cursor_contract.h"

#include "../../common/eventlog.c"

#ifndef BANKS
#define BANKS 4 /* no TPM has more active */
#endif

static const uint8_t *base;
static size_t size;

static bool view_in(const uint8_t *v, size_t n)
{
        return inside(v, n, base, size);
}

/* Whatever parse_spec_id() or parse_first() may have left behind. */
static struct parser any_parser(void)
{
        size_t at = nondet_size();
        struct parser p = { .log = { .startup_locality = -1 } };

        size = nondet_size();
        ASSUME(size > 0 && size <= EVLOG_MAX_SIZE && at <= size);
        base = any_bytes(size);
        p.c = (struct cursor){ base + at, size - at };
        contract_end = base + size;
        p.total = size;
        p.log.n_banks = nondet_size();
        ASSUME(p.log.n_banks >= 1 && p.log.n_banks <= BANKS);
        for (size_t i = 0; i < EVLOG_MAX_BANKS; i++) {
                p.log.banks[i] = (struct evlog_bank){ nondet_u16(), nondet_u16() };
                ASSUME(p.log.banks[i].size >= 1 && p.log.banks[i].size <= EVLOG_MAX_DIGEST);
        }
        p.log.startup_locality = nondet_bool() ? -1 : 3;
        p.log.agile = nondet_bool();
        return p;
}

__attribute__((unused)) static void event(void)
{
        struct parser p = any_parser();
        struct evlog_event e = { .offset = p.total - p.c.left };
        size_t left = p.c.left;
        int r;

        if (!p.log.agile)
                p.log.n_banks = 1;
        r = p.log.agile ? parse_agile_event(&p, &e) : parse_legacy_event(&p, &e);
        CLAIM(r == 0 || (r == -EBADMSG && p.why));
        CLAIM(p.c.left <= left);
        if (r < 0)
                return;
        CLAIM(left - p.c.left >= 16);
        CLAIM(view_in(e.data, e.size));
        for (size_t i = 0; i < EVLOG_MAX_BANKS; i++)
                if (i < p.log.n_banks && e.digest[i])
                        CLAIM(view_in(e.digest[i], p.log.agile ? p.log.banks[i].size : 20));
        r = note_event(&p, &e);
        CLAIM(r < 0 || e.type == EV_NO_ACTION || e.pcr < EVLOG_PCRS);
        CLAIM(p.log.startup_locality >= -1 && p.log.startup_locality <= 4);
}

__attribute__((unused)) static void spec_id_event(void)
{
        struct parser p = { .log = { .startup_locality = -1 } };
        struct evlog_event e = { 0 };
        int r;

        size = nondet_size();
        ASSUME(size >= 16 && size <= EVLOG_MAX_SIZE);
        base = any_bytes(size);
        e.data = base;
        e.size = size;
        r = parse_spec_id(&p, &e);
        CLAIM(p.log.n_banks <= EVLOG_MAX_BANKS);
        if (r < 0)
                return;
        CLAIM(p.log.n_banks >= 1 && p.log.agile);
        for (size_t i = 0; i < EVLOG_MAX_BANKS; i++) {
                if (i >= p.log.n_banks)
                        break;
                CLAIM(p.log.banks[i].size >= 1 && p.log.banks[i].size <= EVLOG_MAX_DIGEST);
                CLAIM(evlog_bank(&p.log, p.log.banks[i].alg) == (int)i); /* no algorithm twice */
        }
}

__attribute__((unused)) static void adding(void)
{
        struct parser p = any_parser();
        struct evlog_event e = { 0 };
        size_t n;

        p.cap = nondet_size();
        p.log.n_events = nondet_size();
        ASSUME(p.cap <= 2 * EVLOG_MAX_EVENTS && p.log.n_events <= p.cap);
        ASSUME(p.cap == 0 || p.cap >= 64);
        if (p.cap > 0) {
                p.log.events = malloc(p.cap * sizeof(*p.log.events));
                ASSUME(p.log.events);
        }
        n = p.log.n_events;
        CLAIM(add_event(&p, &e) < 0 || (p.log.n_events == n + 1 && p.log.n_events <= p.cap && n < EVLOG_MAX_EVENTS));
}

int main(void)
{
#if PART == 1
        event();
#elif PART == 2
        spec_id_event();
#else
        adding();
#endif
        return 0;
}
