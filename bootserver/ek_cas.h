/* SPDX-License-Identifier: Apache-2.0 */
/* ek_cas.h - the TPM vendors' CA certificates, replaceable while serving.
 *
 * An empty or missing directory is no error: then no chain is ever `ok`. */
#ifndef MUSTER_EK_CAS_H
#define MUSTER_EK_CAS_H

#include "ekcert.h"
#include "unused.h"
#include "wire_attest.h"

struct ek_cas;

int ek_cas_new(const char *dir, struct ek_cas **ret);
void ek_cas_free(struct ek_cas *c);
/* How many certificates there are in the directory; each file that is not used
 * is logged and named, and all others are in the set. Negative: the directory
 * itself cannot be read. */
int ek_cas_read(const char *dir, struct ekca **ret, struct unused *ret_unused);
int ek_cas_reload(struct ek_cas *c); /* the same; when it is negative the set in use stays */
size_t ek_cas_now(struct ek_cas *c, struct unused *ret_unused); /* how many are in use */

/* Of the set in use, to tell whether it is the one of before. */
int ek_cas_digest(struct ek_cas *c, uint8_t ret[DIGEST_LEN]);

/* The leaf must be for the key that `node` names; the others are
 * intermediates. */
enum ek_chain ek_cas_check(struct ek_cas *c, const struct jbufs *certs, const uint8_t node[DIGEST_LEN]);

#endif
