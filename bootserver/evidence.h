/* SPDX-License-Identifier: Apache-2.0 */
/* evidence.h - an attest request taken apart: keys, quote, event log.
 *
 * Pure. evidence_parse() reads the structure of keys and quote,
 * evidence_read_log() that of the event log, and replays it. Nothing in it is judged or
 * trusted before decide_evidence() said so. It borrows the request, which
 * must outlive it. Each part that does not parse is left absent and its
 * `*_why` says why; decide_evidence() turns that into the right code. Only
 * -ENOMEM and -EIO are returned. */
#ifndef MUSTER_EVIDENCE_H
#define MUSTER_EVIDENCE_H

#include "wire_attest.h"

struct evidence;
struct tpmpub; /* tpmpub.h */
struct evlog;  /* the event log's header */

int evidence_parse(const struct attest_request *req, struct evidence **ret);
/* The first time; later it returns what it did then. Its cost grows with the
 * request, so it waits until a signature vouches for the request. */
int evidence_read_log(struct evidence *ev);
void evidence_free(struct evidence *ev);
DEFINE_CLEANUP(struct evidence *, evidence_free)

const struct attest_request *evidence_request(const struct evidence *ev);
const struct tpmpub *evidence_ek(const struct evidence *ev);          /* NULL: does not parse */
const struct tpmpub *evidence_ak(const struct evidence *ev);          /* NULL: does not parse */
const uint8_t *evidence_ak_name(const struct evidence *ev);           /* 34 bytes, or NULL */
struct policy_boot evidence_counters(const struct evidence *ev);      /* zero when the quote does not parse */
uint64_t evidence_tpm_firmware(const struct evidence *ev);            /* firmwareVersion of the quote, likewise */
uint64_t evidence_clock(const struct evidence *ev); /* milliseconds; 0: there is no quote */
bool evidence_clock_safe(const struct evidence *ev);                  /* recorded, not judged */
const uint8_t *evidence_pcr(const struct evidence *ev, unsigned pcr); /* quoted; NULL: not in the selection */

#endif
