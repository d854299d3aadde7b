/* SPDX-License-Identifier: Apache-2.0 */
/* ek_recheck.h - what the nodes' records say of their EK chains, after the
 * CAs changed. */
#ifndef MUSTER_EK_RECHECK_H
#define MUSTER_EK_RECHECK_H

#include "server.h"

/* Each kept certificate against the CAs as they are now. A record that said
 * otherwise is changed and journalled (`ek-chain`); a chain that nothing is
 * kept of counts as none. Decisions do not wait for it: they check anew.
 * Returns how many changed, or negative. */
int ek_recheck(struct server *srv);

#endif
