/* SPDX-License-Identifier: Apache-2.0 */
/* ek_recheck.h - what the nodes' records say of their EK chains, after the
 * CAs changed.
 *
 * Each kept certificate against the CAs as they are now, in a thread of its
 * own, a page of nodes at a time: nobody waits for it. A record that said
 * otherwise is changed and journalled (`ek-chain`); a chain that nothing is
 * kept of counts as none. Decisions do not wait for it either: they check
 * anew. The set of CAs that all nodes were checked against is noted in the
 * store, so that a start with the same ones reads no node. */
#ifndef MUSTER_EK_RECHECK_H
#define MUSTER_EK_RECHECK_H

#include "server.h"

/* Begins anew when it is under way; always: even with the CAs of before. */
void ek_recheck_start(struct server *srv, bool always);
void ek_recheck_stop(struct server *srv);

/* By the CAs of now, of the certificates that are kept of this node, or that its
 * stored evidence has. Nobody has to wait until the node asks again. */
enum ek_chain ek_recheck_chain(struct server *srv, const char *id);

#endif
