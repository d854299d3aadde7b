/* SPDX-License-Identifier: Apache-2.0 */
/* Commits that are not waited for, and their sync.
 *
 * DOC: one flush for many commits
 * Such a transaction has synchronous_commit off. A session of its own commits
 * something with it on: PostgreSQL then flushes all of its log up to there,
 * whichever session wrote it, and waits for the standbys as configured; the
 * first session goes on meanwhile.
 *
 * A server that dies takes what was not flushed with it, and ends all its
 * sessions. So commits are left to the second session only while that one is
 * connected, to the same start of the same server; when it is lost, or does
 * not answer, nothing is known of any commit that it had not synced: they are
 * `lost`, those included that nobody waits for yet. Until it is connected
 * again, which pg_sync_link() sees to, each commit is waited for. */
#include "store_pg.h"

/* With `lock`. */
static bool usable(const struct pg_store *s)
{
        return s->soon && s->conn && strcmp(s->instance, s->sync_instance) == 0;
}

uint64_t pg_sync_ticket(const struct pg_store *s)
{
        return usable(s) ? s->commits + 1 : 0;
}

/* With both locks. */
static void give_up(struct pg_store *s)
{
        s->soon = false;
        if (s->synced < s->commits)
                s->lost_upto = s->synced = s->commits;
}

static int sync_up_to(struct pg_store *s, uint64_t ticket)
{
        int r = pg_run_one(&s->syncer->store, PQ_SYNC);

        if (r == 0) {
                s->synced = ticket;
                return 0;
        }
        (void)pthread_mutex_lock(&s->lock);
        give_up(s);
        (void)pthread_mutex_unlock(&s->lock);
        return r;
}

int pg_sync(struct store *st, uint64_t *ret_lost, uint64_t *ret_ticket)
{
        struct pg_store *s = pg_of(st);
        uint64_t ticket;
        int r = 0;

        (void)pthread_mutex_lock(&s->sync_lock);
        (void)pthread_mutex_lock(&s->lock);
        ticket = s->commits;
        (void)pthread_mutex_unlock(&s->lock);
        if (s->synced < ticket)
                r = sync_up_to(s, ticket);
        if (r == 0) {
                *ret_lost = s->lost_upto;
                *ret_ticket = s->synced;
        }
        (void)pthread_mutex_unlock(&s->sync_lock);
        return r;
}

int pg_event_synced(struct store *st, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN])
{
        uint64_t lost;
        uint64_t ticket;
        int r = pg_event_head(st, ret_seq, ret_hash);

        return r < 0 ? r : pg_sync(st, &lost, &ticket);
}

static int connect_it(struct pg_store *s)
{
        struct fail f = { 0 };

        if (!s->syncer)
                s->syncer = pg_alloc();
        if (!s->syncer)
                return -ENOMEM;
        s->syncer->quiet = true;
        s->syncer->params = s->params;
        return pg_link(s->syncer, &f); /* what is wrong, the first session says too */
}

void pg_sync_link(struct pg_store *s)
{
        bool wanted;

        if (pthread_mutex_trylock(&s->sync_lock) != 0)
                return;
        (void)pthread_mutex_lock(&s->lock);
        wanted = s->conn && !s->view && !usable(s);
        if (wanted && s->soon) { /* it is another server's */
                give_up(s);
                pg_drop(s->syncer);
        }
        (void)pthread_mutex_unlock(&s->lock);
        if (wanted && connect_it(s) == 0) {
                (void)pthread_mutex_lock(&s->lock);
                memcpy(s->sync_instance, s->syncer->instance, sizeof(s->sync_instance));
                s->soon = true;
                (void)pthread_mutex_unlock(&s->lock);
        }
        (void)pthread_mutex_unlock(&s->sync_lock);
}

void pg_sync_close(struct pg_store *s)
{
        if (!s->syncer)
                return;
        pg_drop(s->syncer);
        (void)pthread_mutex_destroy(&s->syncer->lock);
        (void)pthread_mutex_destroy(&s->syncer->sync_lock);
        free(s->syncer);
}
