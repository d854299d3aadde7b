/* SPDX-License-Identifier: Apache-2.0 */
/* journal.h - the append-only, hash-chained record of what was decided.
 *
 * hash = SHA-256("muster journal v1" ‖ previous hash ‖ seq (8) ‖ time (8) ‖
 * for node, name, event, code, incident, detail, explain: length (4) ‖
 * bytes); numbers big-endian, the first previous hash zero. The chain shows
 * that a row was changed or left out; that rows were cut off the end only
 * shows against a head noted elsewhere (status, metrics, the log).
 *
 * journal_append() is called inside a store transaction, which the caller
 * commits before anything it records is acted on. */
#ifndef MUSTER_JOURNAL_H
#define MUSTER_JOURNAL_H

#include "store.h"

#define INCIDENT_LEN 16 /* hex digits */

struct journal_entry {
        const char *node; /* id; NULL as "" everywhere here */
        const char *name;
        const char *event;
        const char *code;
        const char *incident;
        const char *detail;  /* JSON object text; NULL: {} */
        const char *explain; /* JSON array text; NULL: [] */
};

int journal_hash(const uint8_t prev[DIGEST_LEN], const struct event_row *e, uint8_t ret[DIGEST_LEN]);
int journal_append(struct store *s, int64_t now, const struct journal_entry *e, uint64_t *ret_seq);

/* Recomputes the chain behind event `after`, whose hash is taken as it is (0:
 * all of it). ret_bad is the first seq that does not hold, 0 when all do. */
int journal_verify(struct store *s, uint64_t after, uint64_t *ret_count, uint64_t *ret_bad);

/* At the start of a program: logs when one of the last events was altered. */
void journal_check_tail(struct store *s);

/* A new random incident id. */
int journal_incident(char ret[INCIDENT_LEN + 1]);

#endif
