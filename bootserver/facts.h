/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h - what a machine says of itself, compared with what it said before.
 *
 * Pure. Serial number, UUID and MAC addresses stand for a machine. Nothing
 * proves them, but a TPM whose machine changes was moved, or there are two of
 * it: DESIGN section 10, cloned TPM state. MAC addresses are a set: neither
 * order nor letter case nor one named twice counts, one more or less does. */
#ifndef MUSTER_FACTS_H
#define MUSTER_FACTS_H

#include "jout.h"
#include "wire_attest.h"

enum { FACT_SERIAL = 1, FACT_UUID = 2, FACT_MACS = 4, FACT_ALL = 7 };

unsigned facts_changed(const struct attest_facts *before, const struct attest_facts *now);

/* The same for facts as the store keeps them. NULL: none were known, so
 * nothing changed. A text that is no facts: all of them count as changed. */
unsigned facts_changed_text(const char *before, const struct attest_facts *now);

/* Is this UUID (of whatever letter case) one that board makers leave in many
 * boards, so that it names no machine? */
bool uuid_is_filler(const char *uuid);
/* The same for a serial number: "To be filled by O.E.M." and the like. */
bool serial_is_filler(const char *serial);

/* "serial, macs" */
const char *facts_words(unsigned changed, char buf[32]);
void facts_names_out(struct jout *o, const char *key, unsigned changed); /* an array */

/* {"changed":[…],"before":{"serial","uuid","macs"}|null,"after":{…},"from"}: the
 * address that the machine attested from is the last member. */
int facts_change_json(const char *before, const struct attest_facts *now, unsigned changed, const char *from, struct buf *ret);

#endif
