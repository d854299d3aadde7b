/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.h - verdicts that wait until their journal entry is on disk.
 *
 * A handler that committed a release with store_ops.commit_soon() puts its
 * connection here. One thread syncs for all that wait, outside of the store's
 * lock, and resumes those whose ticket is on disk; before, gather() may wait
 * for others that are about to come, to share the sync. The handler then runs again
 * and finds `result`: 0, or negative when the sync failed: then nothing may
 * leave. A sync that fails fails for all that wait at that moment.
 *
 * outbox_hold(): 0: suspended, `me` is the outbox's until it is resumed.
 * -ENOSPC (`limit` wait) and -ESHUTDOWN (outbox_stop() was called): not
 * suspended; the caller syncs on its own thread. */
#ifndef MUSTER_OUTBOX_H
#define MUSTER_OUTBOX_H

#include <stdint.h>

struct outbox;

struct outbox_wait {
        struct outbox_wait *next;
        void *conn;
        uint64_t ticket;
        int result;
};

/* What it works with. suspend() and resume() are called with its lock held. */
struct outbox_ops {
        int (*sync)(void *ctx, uint64_t *ret_lost, uint64_t *ret_ticket); /* all commits so far, as store.h has it */
        void (*tidy)(void *ctx);   /* while nobody waits for it */
        void (*gather)(void *ctx); /* before a sync, for some milliseconds at most */
        void (*suspend)(void *conn);
        void (*resume)(void *conn);
};

int outbox_start(const struct outbox_ops *ops, void *ctx, unsigned limit, struct outbox **ret);
int outbox_hold(struct outbox *o, struct outbox_wait *me, void *conn, uint64_t ticket);
unsigned outbox_count(struct outbox *o);
/* Refuses further holds, syncs for those that wait, resumes them all, and ends
 * the thread; before the daemons are stopped. Returns how many it was for. */
unsigned outbox_stop(struct outbox *o);
void outbox_free(struct outbox *o);

#endif
