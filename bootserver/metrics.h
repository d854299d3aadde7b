/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h - counters for Prometheus. Lock-free; start from zeroes. */
#ifndef MUSTER_METRICS_H
#define MUSTER_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define METRIC_CODES 40

enum metric {
        M_REQUESTS_BOOT,
        M_REQUESTS_ATTEST,
        M_REQUESTS_ADMIN,
        M_VERDICT_OK,
        M_VERDICT_PENDING,
        M_VERDICT_CHALLENGE,
        M_VERDICT_REFUSED,
        M_VERDICT_MALFORMED,
        M_VERDICT_BUSY,
        M_BUNDLES_MADE,
        M_BUNDLES_SENT,
        M_CERTIFICATES,
        M_HTTP_REFUSED,
        M_CONNECTIONS_ATTEST,
        M_DECIDE_US, /* microseconds spent in decisions, and releases */
        M_SYNCS,     /* of the journal, for releases */
        M_DROP_RATE,    /* connections not let in: too fast, */
        M_DROP_ADDRESS, /* too many of one address, */
        M_DROP_FULL,    /* or no place for one more */
        M_DROP_EVICTED, /* connections cut: for one with a better claim, */
        M_DROP_HEADER,  /* no whole request in time, */
        M_DROP_BODY,    /* no whole body in time, */
        M_DROP_READER,  /* too slow a reader, */
        M_DROP_MEMORY,  /* bodies were at their limit */
        M_DROP_WORK,    /* attest requests beyond a rate, answered M-BUSY */
        M_BYTES_BOOT,   /* of files; what was cut off: as far as it came */
        M_BYTES_IMAGE,
        M_IMAGE_BUSY,   /* there were image-sends already: 503 */
        M_OPEN_BOOT,    /* gauges */
        M_OPEN_ATTEST,
        M_IMAGE_SENDS,
        M_WAITING, /* of those, for their turn */
        METRICS
};

struct metrics {
        atomic_uint_fast64_t v[METRICS];
        atomic_uint_fast64_t code[METRIC_CODES];
};

static inline void metric_add(struct metrics *m, enum metric which, uint64_t n)
{
        (void)atomic_fetch_add_explicit(&m->v[which], n, memory_order_relaxed);
}

static inline void metric_set(struct metrics *m, enum metric which, uint64_t n)
{
        atomic_store_explicit(&m->v[which], n, memory_order_relaxed);
}

/* Counts a refusal by its code; unknown codes count as "other". */
void metric_code(struct metrics *m, const char *code);

/* Writes Prometheus text into out[n]; returns the length, or -ENOBUFS. */
long metrics_text(struct metrics *m, char *out, size_t n);

#endif
