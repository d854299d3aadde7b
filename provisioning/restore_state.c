/* SPDX-License-Identifier: Apache-2.0 */
#include "backup.h"

#include "admin_client.h"
#include "below.h"
#include "conf.h"
#include "files.h"
#include "hex.h"
#include "jout.h"
#include "journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/stat.h>

void restore_note(struct restore *r, const char *fmt, ...)
{
        char text[600];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        json_object_array_add(admin_get(r->report, "notes"), json_object_new_string(text));
}

/* A musterd that runs holds this lock; so does this program until it ends. */
static int not_running(const char *state, struct fail *f)
{
        struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        _cleanup_(closep) int dir = -1;
        int fd = -1;
        int e = below_top(state, &dir);

        if (e == 0)
                e = below_open(dir, "muster.db-lock", O_RDWR | O_NONBLOCK, 0, &fd);
        if (e == -ENOENT)
                return 0;
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", e == -EACCES ? "use sudo" : "look who put it there", "open %s/muster.db-lock: %s",
                                state, below_why(e));
        if (fcntl(fd, F_SETLK, &all) < 0)
                return fail_set(f, MUSTER_NO, "", "stop musterd first", "restore into %s: it is in use", state);
        return 0; /* kept open on purpose */
}

static bool is_empty(const char *dir)
{
        DIR *d = opendir(dir);
        struct dirent *e;
        bool empty = true;

        while (d && empty && (e = readdir(d)))
                empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, "lost+found") == 0;
        if (d)
                (void)closedir(d);
        return empty;
}

/* The bytes that were verified, or none. */
static int put_one(int backup, struct json_object *o, const char *to, mode_t mode)
{
        _cleanup_(closep) int in = -1;
        uint8_t digest[DIGEST_LEN];
        char hex[HEX_LEN(DIGEST_LEN)];
        int e = below_open(backup, admin_text(o, "path"), O_RDONLY | O_NONBLOCK, 0, &in);

        if (e == 0)
                e = file_copy_from(in, to, mode, digest);
        if (e < 0)
                return e;
        hex_encode(digest, DIGEST_LEN, hex);
        return strcmp(hex, admin_text(o, "sha256")) == 0 ? 0 : -ESTALE;
}

static int put_files(const struct restore *r, const char *dir, struct fail *f)
{
        static const char *const dirs[] = { "boot", "images", "ipxe" };
        _cleanup_(closep) int backup = -1;
        struct json_object *files = admin_get(r->manifest, "files");

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                char path[PATH_MAX];

                (void)snprintf(path, sizeof(path), "%.3000s/%s", dir, dirs[i]);
                if (dir_make(path, 0700) < 0)
                        return fail_set(f, MUSTER_IO, "", "", "make the directory %s", path);
        }
        if (below_top(r->from, &backup) < 0)
                return fail_set(f, MUSTER_IO, "", "", "read %s: %s", r->from, strerror(errno));
        for (size_t i = 0; i < json_object_array_length(files); i++) {
                struct json_object *o = json_object_array_get_idx(files, i);
                const char *rel = admin_text(o, "path");
                char to[PATH_MAX];
                int e;

                if (strncmp(rel, "state/", 6) != 0 && strcmp(rel, "muster.db") != 0)
                        continue;
                (void)snprintf(to, sizeof(to), "%.3000s/%s", dir, rel[0] == 's' ? rel + 6 : rel);
                e = put_one(backup, o, to, rel[0] == 's' ? 0644 : 0600);
                if (e < 0)
                        return fail_set(f, MUSTER_IO, "", "check the free space", "copy %s/%s to %s: %s", r->from, rel, to,
                                        e == -ESTALE ? "it changed meanwhile" : below_why(e));
        }
        return 0;
}

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

#define OLD_COPY ".old" /* in the state that is being made */

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
        (void)snprintf(db, sizeof(db), "%.3000s/" OLD_COPY, made);
        e = dir_make(db, 0700);
        if (e >= 0)
                e = below_top(r->state, &dir);
        for (size_t i = 0; i < ELEMENTSOF(names) && e >= 0; i++) {
                _cleanup_(closep) int in = -1;
                uint8_t digest[DIGEST_LEN];

                e = below_read(dir, names[i], &in);
                (void)snprintf(db, sizeof(db), "%.3000s/" OLD_COPY "/%s", made, names[i]);
                e = e == -ENOENT && i > 0 ? 0 : e < 0 ? e : file_copy_from(in, db, 0600, digest);
        }
        (void)snprintf(db, sizeof(db), "%.3000s/" OLD_COPY "/muster.db", made);
        return e < 0 ? e : store_sqlite_open(db, ret, &f);
}

static int carry_over(struct restore *r, const char *made, struct store *to)
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

static int write_down(struct restore *r, struct store *s)
{
        _cleanup_(buf_wipe) struct buf detail = { 0 };
        struct jout o = { 0 };
        struct journal_entry e = { .event = "restored" };
        int rc;

        jout_obj(&o, NULL);
        jout_int(&o, "backup_created", admin_int(r->manifest, "created"));
        jout_int(&o, "backup_seq", admin_int(admin_get(r->manifest, "journal"), "seq"));
        jout_str(&o, "backup_head", admin_text(admin_get(r->manifest, "journal"), "head"));
        jout_int(&o, "uid", (int64_t)geteuid());
        jout_end(&o, '}');
        rc = jout_take(&o, &detail);
        jout_wipe(&o);
        if (rc < 0)
                return rc;
        e.detail = (const char *)detail.p;
        return journal_append(s, r->now, &e, NULL);
}

struct last_event {
        const char *head; /* of the manifest, hex */
        bool found;
};

static int on_last_event(void *ctx, const struct event_row *e)
{
        struct last_event *l = ctx;
        char hex[HEX_LEN(DIGEST_LEN)];

        hex_encode(e->hash, DIGEST_LEN, hex);
        l->found = strcmp(hex, l->head) == 0;
        return 0;
}

/* What backup_verify() asks of a database of this version. */
static int check_older(const struct restore *r, struct store *s, struct fail *f)
{
        struct json_object *journal = admin_get(r->manifest, "journal");
        int64_t seq = admin_int(journal, "seq");
        struct last_event l = { .head = admin_text(journal, "head"), .found = seq == 0 };
        struct event_filter filter = { .after = seq > 0 ? (uint64_t)seq - 1 : 0, .limit = 1 };
        uint64_t count = 0;
        uint64_t bad = 0;

        if (journal_verify(s, 0, &count, &bad) < 0 || (seq > 0 && s->ops->event_list(s, &filter, on_last_event, &l) < 0))
                return fail_set(f, MUSTER_NO, "", "", "the database in %s is damaged", r->from);
        if (bad || !l.found)
                return fail_set(f, MUSTER_NO, "", "restore an older backup; find out who changed the database",
                                "the journal in %s was altered: event %" PRIu64, r->from, bad ? bad : (uint64_t)seq);
        return 0;
}

/* The chain goes on behind the backup's last event. */
static int go_on(struct restore *r, const char *dir, struct fail *f)
{
        _cleanup_(store_closep) struct store *s = NULL;
        uint64_t counts[NODE_STATES] = { 0 };
        char db[PATH_MAX];
        bool older;
        int e;

        (void)snprintf(db, sizeof(db), "%.3000s/muster.db", dir);
        older = backup_is_older(db);
        if (store_sqlite_open(db, &s, f) < 0 || (older && check_older(r, s, f) != 0))
                return MUSTER_NO;
        {
                _cleanup_(store_tx_end) struct store_tx tx = { 0 };

                e = store_tx_begin(&tx, s);
                if (e == 0)
                        e = write_down(r, s);
                if (e == 0)
                        e = carry_over(r, dir, s);
                if (e == 0)
                        e = store_tx_commit(&tx);
        }
        if (e == 0)
                e = s->ops->node_counts(s, counts);
        json_object_object_add(r->report, "revoked", json_object_new_int64((int64_t)counts[NODE_REVOKED]));
        return e < 0 ? fail_set(f, MUSTER_IO, "", "check the free space", "write to %s: %s", db, strerror(-e)) : 0;
}

struct images {
        struct restore *r;
        int from; /* images/ of the state that was there, or -1 */
        int to;
};

/* An image that the backup lacks is taken from the state that was there. */
static int want_image(void *ctx, const struct image_row *i)
{
        struct images *m = ctx;
        _cleanup_(closep) int fd = -1;
        char self[32];

        if (!strchr(i->file, '/') && faccessat(m->to, i->file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        if (!strchr(i->file, '/') && m->from >= 0 && below_read(m->from, i->file, &fd) == 0) {
                (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd); /* this file, whatever has its name now */
                if (linkat(AT_FDCWD, self, m->to, i->file, AT_SYMLINK_FOLLOW) == 0)
                        return 0;
        }
        restore_note(m->r, "image %s is not in the backup: put %s into %s/images before musterd starts, or add it again", i->name,
             i->file, m->r->state);
        return 0;
}

static void open_images(const char *state, int *ret)
{
        _cleanup_(closep) int top = -1;

        if (below_top(state, &top) == 0)
                (void)below_dir(top, "images", ret);
}

/* The files that were made in dir. An image that is also in the state that
 * was there keeps its owner. */
static int own_files(int dir, const struct passwd *pw)
{
        int own = fcntl(dir, F_DUPFD_CLOEXEC, 0);
        DIR *d = own < 0 ? NULL : fdopendir(own);
        struct dirent *e;
        int r = d ? 0 : -errno;

        if (!d)
                closep(&own);
        while (r == 0 && d && (e = readdir(d))) {
                _cleanup_(closep) int fd = -1;
                struct stat st;

                r = below_open(dir, e->d_name, O_RDONLY | O_NONBLOCK, 0, &fd);
                if (e->d_name[0] == '.' && (r == -EXDEV || r == 0)) { /* "..", "." */
                        r = 0;
                        continue;
                }
                if (r == 0 && fstat(fd, &st) < 0)
                        r = -errno;
                if (r == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && fchown(fd, pw->pw_uid, pw->pw_gid) < 0)
                        r = -errno;
        }
        if (d)
                (void)closedir(d);
        return r;
}

/* While the directory is root's own nobody else is in it: it is given away last. */
static int own_tree(const char *path, const char *user, struct fail *f)
{
        static const char *const dirs[] = { "boot", "images", "ipxe", "." };
        struct passwd *pw = geteuid() == 0 ? getpwnam(user) : NULL;
        _cleanup_(closep) int top = -1;
        int e;

        if (geteuid() != 0)
                return 0;
        if (!pw)
                return fail_set(f, MUSTER_NO, "", "make the account, or give --user NAME", "give %s to user %s: no such user", path,
                                user);
        e = below_top(path, &top);
        for (size_t i = 0; i < ELEMENTSOF(dirs) && e == 0; i++) {
                _cleanup_(closep) int dir = -1;

                e = below_dir(top, dirs[i], &dir);
                if (e == 0)
                        e = own_files(dir, pw);
                if (e == 0 && fchown(dir, pw->pw_uid, pw->pw_gid) < 0)
                        e = -errno;
        }
        return e < 0 ? fail_set(f, MUSTER_IO, "", "", "give %s to user %s: %s", path, user, below_why(e)) : 0;
}

/* One step: the old state or the new one, never half of each. */
static int put_in_place(struct restore *r, const char *made, bool there, struct fail *f)
{
        char kept[PATH_MAX];

        if (!there) {
                (void)rmdir(r->state);
                if (rename(made, r->state) == 0)
                        return 0;
        } else if (renameat2(AT_FDCWD, made, AT_FDCWD, r->state, RENAME_EXCHANGE) == 0) {
                (void)snprintf(kept, sizeof(kept), "%.3000s.before-%" PRId64, r->state, r->now);
                if (rename(made, kept) < 0)
                        (void)snprintf(kept, sizeof(kept), "%.3000s", made);
                restore_note(r, "the state that was there is kept as %s", kept);
                return 0;
        }
        return fail_set(f, MUSTER_IO, "", errno == EBUSY ? "it is a mount point: restore into a directory on it with --state, and "
                                                           "set state-dir" : "", "put %s in place of %s: %s", made, r->state,
                        strerror(errno));
}

/* user = of the configuration: this machine's, else the backup's. */
static void conf_user(const struct restore *r, char ret[64])
{
        const char *const from[] = { r->etc, r->from };

        (void)snprintf(ret, 64, "%s", r->user ? r->user : "muster");
        for (size_t i = 0; i < 2 && !r->user; i++) {
                char path[PATH_MAX];
                struct conf conf;
                struct fail f;

                (void)snprintf(path, sizeof(path), "%.3000s%s/musterd.conf", from[i], i == 0 ? "" : "/etc");
                if (conf_load(path, &conf, &f) == 0) {
                        (void)snprintf(ret, 64, "%s", conf.user);
                        return;
                }
        }
}

int restore_state(struct restore *r, struct fail *f)
{
        _cleanup_(store_closep) struct store *s = NULL;
        bool there = !is_empty(r->state);
        struct images m = { .r = r, .from = -1, .to = -1 };
        char made[PATH_MAX];
        char old[PATH_MAX];
        char user[64];
        int e;
        int rc = not_running(r->state, f);

        if (rc == 0 && there)
                rc = below_state(r->state, f);
        if (rc)
                return rc;
        if (there && !r->force)
                return fail_set(f, MUSTER_NO, "", "give --force to replace it (it is kept beside), or another --state",
                                "restore into %s: it is not empty", r->state);
        (void)snprintf(made, sizeof(made), "%.3000s", r->state);
        e = dir_make(dirname(made), 0755);
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", "use sudo, or give --state", "make the directory above %s: %s", r->state,
                                strerror(-e));
        (void)snprintf(made, sizeof(made), "%.3000s.restore-XXXXXX", r->state);
        if (!mkdtemp(made))
                return fail_set(f, MUSTER_IO, "", "", "make the directory %s: %s", made, strerror(errno));
        rc = put_files(r, made, f);
        if (rc == 0)
                rc = go_on(r, made, f);
        (void)snprintf(old, sizeof(old), "%.3000s/" OLD_COPY, made);
        tree_remove(old);
        if (rc == 0) {
                char db[PATH_MAX];

                open_images(r->state, &m.from);
                open_images(made, &m.to);
                (void)snprintf(db, sizeof(db), "%.3000s/muster.db", made);
                if (store_sqlite_view(db, &s, f) == 0)
                        (void)s->ops->image_list(s, want_image, &m);
                store_close(take_ptr(s));
                closep(&m.from);
                closep(&m.to);
        }
        conf_user(r, user);
        if (rc == 0)
                rc = own_tree(made, user, f);
        if (rc == 0)
                rc = put_in_place(r, made, there, f);
        if (rc)
                tree_remove(made);
        else
                (void)dir_sync(r->state);
        return rc;
}
