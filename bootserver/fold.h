/* SPDX-License-Identifier: Apache-2.0 */
/* fold.h - many refusals of one kind into one journal entry.
 *
 * Pure; the caller locks, and gives the time in seconds. Refusals are of
 * one kind when they come from one source (a client's address, or a node
 * that signed them) with one code. Of a kind the first FOLD_FULL within a
 * FOLD_SECONDS window are written in full; over all kinds no more than
 * FOLD_BURST at once and FOLD_PER_MINUTE in the long run. The others are
 * counted, answered with the incident id that their kind got first, and
 * become one entry with their number when the window ends: nothing is lost
 * without a trace, and a flood cannot fill the disk. Beyond FOLD_KINDS
 * kinds at a time, sources are not told apart any more. */
#ifndef MUSTER_FOLD_H
#define MUSTER_FOLD_H

#include "mem.h"

#define FOLD_FULL 4
#define FOLD_SECONDS 60
#define FOLD_BURST 200
#define FOLD_PER_MINUTE 20
#define FOLD_KINDS 64   /* of which the last FOLD_SHARED take what has no place */
#define FOLD_SHARED 24
#define FOLD_SOURCE 65  /* a node id, or an address, and NUL */
#define FOLD_INCIDENT 17

struct folded {
        char source[FOLD_SOURCE]; /* "": several */
        char code[16];
        char incident[FOLD_INCIDENT];
        int64_t since; /* 0: not in use */
        unsigned full;
        uint64_t count; /* not written in full */
};

struct fold {
        struct folded kind[FOLD_KINDS];
        double tokens; /* set by fold_init() */
        int64_t last;
};

void fold_init(struct fold *f);

/* true: write it in full, under `incident`. false: it was counted; answer
 * with the id in ret_incident. */
bool fold_note(struct fold *f, int64_t now, const char *source, const char *code, const char *incident,
               char ret_incident[FOLD_INCIDENT]);

/* Takes the kinds whose window ended (all: every one) and which counted
 * something. Returns how many. */
size_t fold_take(struct fold *f, int64_t now, bool all, struct folded ret[FOLD_KINDS]);

#endif
