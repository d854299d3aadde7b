/* SPDX-License-Identifier: Apache-2.0 */
/* What a restore keeps of the state that was there: who was shut out stays
 * shut out. */
#include "backup.h"

#include "admin_client.h"
#include "below.h"
#include "files.h"
#include "journal.h"

#include <fcntl.h>
#include <inttypes.h>

struct carry {
        struct restore *r;
        struct store *old;
        struct store *to;
        struct json_object *back; /* by node id: what a node was and is again */
        int n;
        int failed; /* of the store that is written: nothing is put in place then */
};

static int note_failed(struct carry *c, int r)
{
        if (r < 0)
                c->failed = r;
        return r;
}

static bool is_shut_out(const struct node *n)
{
        return n->state == NODE_QUARANTINED || n->state == NODE_REVOKED;
}

/* How far from being let in: what goes down by the restore is told. */
static int strictness(enum node_state s)
{
        return s == NODE_REVOKED ? 3 : s == NODE_QUARANTINED ? 2 : s == NODE_PENDING || s == NODE_REFUSED ? 1 : 0;
}

static void tell_back(struct carry *c, const struct node *n, const char *was)
{
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "name", json_object_new_string(n->name));
        json_object_object_add(o, "was", json_object_new_string(was));
        json_object_object_add(o, "is", json_object_new_string(node_state_text(n->state)));
        json_object_object_add(c->back, n->id, o);
}

/* Another node has its name in the backup: then it is shut out without one. */
static int put_nameless(struct carry *c, const struct node *n)
{
        struct node nameless = *n; /* nothing of it is freed here */

        nameless.name[0] = '\0';
        restore_note(c->r, "%s (%.12s) stays %s, without its name: the backup knows another node by it", n->name, n->id,
                     node_state_text(n->state));
        return c->to->ops->node_put(c->to, &nameless, NULL, 0);
}

/* What was refused stays refused, whatever the backup knew of it. */
static int carry_one(void *ctx, const struct node *n)
{
        struct carry *c = ctx;
        _cleanup_(node_wipe) struct node had = { 0 };
        struct journal_entry e = { .node = n->id, .name = n->name, .event = node_state_text(n->state),
                                   .detail = "{\"carried_over\":true}" };
        int r = c->to->ops->node_get(c->to, n->id, &had);

        if (r == 0 && (had.state == n->state || had.state == NODE_REVOKED))
                return 0;
        if (r == 0) {
                had.state = n->state;
                (void)snprintf(had.reason, sizeof(had.reason), "%s", n->reason);
                r = c->to->ops->node_put(c->to, &had, NULL, 0);
        } else if (r == -ENOENT) {
                r = c->to->ops->node_put(c->to, n, NULL, 0);
                if (r == -EEXIST)
                        r = put_nameless(c, n);
        }
        if (r == 0)
                r = journal_append(c->to, c->r->now, &e, NULL);
        c->n += r == 0;
        return note_failed(c, r);
}

/* A node that was removed, perhaps revoked before, and that the backup still
 * knows: the state that was there would not have let it in. */
static int carry_removed(void *ctx, const struct event_row *ev)
{
        struct carry *c = ctx;
        _cleanup_(node_wipe) struct node had = { 0 };
        _cleanup_(node_wipe) struct node last = { 0 };
        struct journal_entry e = { .event = "quarantined", .detail = "{\"carried_over\":true,\"removed\":true}" };
        int r;

        if (strcmp(ev->event, "removed") != 0 || json_object_object_get_ex(c->back, ev->node, NULL))
                return 0;
        r = c->old->ops->node_get(c->old, ev->node, &last);
        if (r == 0 && last.state != NODE_PENDING)
                return 0; /* approved again since */
        if (r < 0 && r != -ENOENT)
                return r;
        r = c->to->ops->node_get(c->to, ev->node, &had);
        if (r < 0)
                return r == -ENOENT ? 0 : note_failed(c, r);
        if (!is_shut_out(&had)) {
                had.state = NODE_QUARANTINED;
                had.reason[0] = '\0';
                e.node = had.id;
                e.name = had.name;
                r = c->to->ops->node_put(c->to, &had, NULL, 0);
                if (r == 0)
                        r = journal_append(c->to, c->r->now, &e, NULL);
        }
        if (r == 0)
                tell_back(c, &had, "removed");
        return note_failed(c, r);
}

static int carry_removals(struct carry *c)
{
        struct event_filter f = { .limit = 1000 };
        uint8_t head[DIGEST_LEN];
        uint64_t last = 0;
        int e = c->old->ops->event_head(c->old, &last, head);

        for (; e == 0 && f.after < last; f.after += f.limit)
                e = c->old->ops->event_list(c->old, &f, carry_removed, c);
        return e;
}

/* What the restored state lets in more easily than the one that was there. */
static int compare_one(void *ctx, const struct node *n)
{
        struct carry *c = ctx;
        _cleanup_(node_wipe) struct node has = { 0 };
        int r = c->to->ops->node_get(c->to, n->id, &has);

        if (r == 0 && strictness(has.state) < strictness(n->state) && !json_object_object_get_ex(c->back, n->id, NULL))
                tell_back(c, &has, node_state_text(n->state));
        return r == -ENOENT ? 0 : note_failed(c, r);
}

#define BACK_SHOWN 50 /* all are in the JSON */

static void note_back(struct restore *r, struct json_object *back)
{
        int n = json_object_object_length(back);
        int shown = 0;

        if (n > 0)
                restore_note(r, "nodes that go back to a laxer state, or come back though they were removed: %d", n);
        json_object_object_foreach(back, id, o)
        {
                const char *name = admin_text(o, "name");

                if (shown++ < BACK_SHOWN)
                        restore_note(r, "  %s (%.12s): was %s, is %s", *name ? name : "-", id, admin_text(o, "was"), admin_text(o, "is"));
        }
        if (n > BACK_SHOWN)
                restore_note(r, "  and %d more, which -o json lists", n - BACK_SHOWN);
}

/* Each by itself: what cannot be read of one takes nothing of the others. */
static int carry_all(struct carry *c, bool *ret_lost)
{
        struct store *old = c->old;
        uint64_t count = 0;
        uint64_t bad = 0;
        bool lost = old->ops->node_list(old, NODE_REVOKED, NULL, STORE_ALL, carry_one, c) < 0;

        if (!c->failed)
                lost |= old->ops->node_list(old, NODE_QUARANTINED, NULL, STORE_ALL, carry_one, c) < 0;
        lost |= journal_verify(old, 0, &count, &bad) < 0;
        if (!c->failed)
                lost |= carry_removals(c) < 0;
        if (!c->failed)
                note_failed(c, restore_choices(c->r, old, c->to, &lost));
        if (!c->failed)
                note_failed(c, restore_counters(c->r, old, c->to, &lost));
        if (!c->failed)
                lost |= old->ops->node_list(old, -1, NULL, STORE_ALL, compare_one, c) < 0;
        if (!c->failed)
                restore_tell_back(c->r, old, c->to, &lost);
        if (bad)
                restore_note(c->r, "the journal that was there was altered at event %" PRIu64 ": removals in it may be LOST", bad);
        *ret_lost = lost;
        return c->failed;
}

/* An older musterd's database is read in a copy that is brought up to date. */
static int open_old(const struct restore *r, const char *made, struct store **ret)
{
        static const char *const names[] = { "muster.db", "muster.db-wal" };
        _cleanup_(closep) int dir = -1;
        char db[PATH_MAX];
        struct fail f;
        int e;

        (void)snprintf(db, sizeof(db), "%.3000s/muster.db", r->state);
        if (!backup_is_older(db))
                return store_sqlite_view(db, ret, &f);
        (void)snprintf(db, sizeof(db), "%.3000s/" RESTORE_OLD_COPY, made);
        e = dir_make(db, 0700);
        if (e >= 0)
                e = below_top(r->state, &dir);
        for (size_t i = 0; i < ELEMENTSOF(names) && e >= 0; i++) {
                _cleanup_(closep) int in = -1;
                uint8_t digest[DIGEST_LEN];

                e = below_read(dir, names[i], &in);
                (void)snprintf(db, sizeof(db), "%.3000s/" RESTORE_OLD_COPY "/%s", made, names[i]);
                e = e == -ENOENT && i > 0 ? 0 : e < 0 ? e : file_copy_from(in, db, 0600, digest);
        }
        (void)snprintf(db, sizeof(db), "%.3000s/" RESTORE_OLD_COPY "/muster.db", made);
        return e < 0 ? e : store_sqlite_open(db, ret, &f);
}

int restore_nodes(struct restore *r, const char *made, struct store *to)
{
        _cleanup_(store_closep) struct store *old = NULL;
        struct carry c = { .r = r, .to = to, .back = json_object_new_object() };
        bool lost = true;
        char db[PATH_MAX];
        int e = 0;

        json_object_object_add(r->report, "laxer", c.back);
        (void)snprintf(db, sizeof(db), "%.3000s/muster.db", r->state);
        if (access(db, F_OK) < 0 && errno == ENOENT)
                return 0;
        if (open_old(r, made, &old) == 0) {
                c.old = old;
                e = carry_all(&c, &lost);
        }
        if (lost)
                restore_note(r, "the database that was there cannot be read: revocations and removals in it are LOST");
        if (c.n > 0)
                restore_note(r, "revoked or quarantined nodes carried over from the state that was there: %d", c.n);
        note_back(r, c.back);
        return e;
}
