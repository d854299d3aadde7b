/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h - what musterd tells its service manager, as sd_notify(3) does;
 * all of it is nothing when there is none.
 *
 * notify_alive() takes the store's and the catalogue's locks once and reads
 * the journal's end, and awaits the sync of what is committed, on the
 * caller's thread, and only then says WATCHDOG=1:
 * where these hang no node boots any more, and the manager starts musterd
 * anew. It asks nothing of the network, so that a flood cannot have a busy
 * musterd killed. */
#ifndef MUSTER_NOTIFY_H
#define MUSTER_NOTIFY_H

#include "server.h"

/* While sockets can still be made and connected. */
void notify_open(void);
void notify(const char *state);
/* Seconds between two calls of notify_alive(): half of what the manager
 * allows, at most 5. */
unsigned notify_interval(void);
void notify_alive(struct server *srv);

#endif
