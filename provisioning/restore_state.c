/* SPDX-License-Identifier: Apache-2.0 */
#include "backup.h"

#include "admin_client.h"
#include "conf.h"
#include "files.h"
#include "jout.h"
#include "journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/stat.h>

static void note(struct restore *r, const char *fmt, ...) _printf_(2, 3);
static void note(struct restore *r, const char *fmt, ...)
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
        char path[PATH_MAX];
        int fd;

        (void)snprintf(path, sizeof(path), "%.3000s/muster.db-lock", state);
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : fail_set(f, MUSTER_IO, "", "use sudo", "open %s: %s", path, strerror(errno));
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

static int put_files(const struct restore *r, const char *dir, struct fail *f)
{
        static const char *const dirs[] = { "boot", "images", "ipxe" };
        struct json_object *files = admin_get(r->manifest, "files");

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                char path[PATH_MAX];

                (void)snprintf(path, sizeof(path), "%.3000s/%s", dir, dirs[i]);
                if (dir_make(path, 0700) < 0)
                        return fail_set(f, MUSTER_IO, "", "", "make the directory %s", path);
        }
        for (size_t i = 0; i < json_object_array_length(files); i++) {
                const char *rel = admin_text(json_object_array_get_idx(files, i), "path");
                uint8_t digest[DIGEST_LEN];
                char from[PATH_MAX];
                char to[PATH_MAX];
                int e;

                if (strncmp(rel, "state/", 6) != 0 && strcmp(rel, "muster.db") != 0)
                        continue;
                (void)snprintf(from, sizeof(from), "%.3000s/%s", r->from, rel);
                (void)snprintf(to, sizeof(to), "%.3000s/%s", dir, rel[0] == 's' ? rel + 6 : rel);
                e = file_copy(from, to, rel[0] == 's' ? 0644 : 0600, digest);
                if (e < 0)
                        return fail_set(f, MUSTER_IO, "", "check the free space", "copy %s to %s: %s", from, to, strerror(-e));
        }
        return 0;
}

struct carry {
        struct store *to;
        int64_t now;
        int n;
        int error;
};

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
        }
        if (r == 0)
                r = journal_append(c->to, c->now, &e, NULL);
        c->n += r == 0;
        return r;
}

static int carry_over(struct restore *r, struct store *to)
{
        _cleanup_(store_closep) struct store *old = NULL;
        struct carry c = { .to = to, .now = r->now };
        char db[PATH_MAX];
        struct fail f;
        int e;

        (void)snprintf(db, sizeof(db), "%.3000s/muster.db", r->state);
        e = access(db, F_OK) < 0 ? -ENOENT : store_sqlite_view(db, &old, &f);
        if (e == 0)
                e = old->ops->node_list(old, NODE_REVOKED, NULL, STORE_ALL, carry_one, &c);
        if (e == 0)
                e = old->ops->node_list(old, NODE_QUARANTINED, NULL, STORE_ALL, carry_one, &c);
        if (e == -ENOENT)
                return 0;
        if (e < 0)
                note(r, "the database that was there cannot be read: revocations in it are LOST");
        else if (c.n > 0)
                note(r, "revoked or quarantined nodes carried over from the state that was there: %d", c.n);
        return 0;
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

/* The chain goes on behind the backup's last event. */
static int go_on(struct restore *r, const char *dir, struct fail *f)
{
        _cleanup_(store_closep) struct store *s = NULL;
        uint64_t counts[NODE_STATES] = { 0 };
        char db[PATH_MAX];
        int e;

        (void)snprintf(db, sizeof(db), "%.3000s/muster.db", dir);
        if (store_sqlite_open(db, &s, f) < 0)
                return MUSTER_NO;
        {
                _cleanup_(store_tx_end) struct store_tx tx = { 0 };

                e = store_tx_begin(&tx, s);
                if (e == 0)
                        e = write_down(r, s);
                if (e == 0)
                        e = carry_over(r, s);
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
        const char *dir;
        int missing;
};

/* An image that the backup lacks is taken from the state that was there. */
static int want_image(void *ctx, const struct image_row *i)
{
        struct images *m = ctx;
        char from[PATH_MAX];
        char to[PATH_MAX];

        (void)snprintf(from, sizeof(from), "%.3000s/images/%s", m->r->state, i->file);
        (void)snprintf(to, sizeof(to), "%.3000s/images/%s", m->dir, i->file);
        if (access(to, F_OK) == 0 || link(from, to) == 0)
                return 0;
        note(m->r, "image %s is not in the backup: put %s into %s/images before musterd starts, or add it again", i->name,
             i->file, m->r->state);
        return 0;
}

static int own_tree(const char *dir, const char *user, struct fail *f)
{
        static const char *const dirs[] = { "", "/boot", "/images", "/ipxe" };
        struct passwd *pw = geteuid() == 0 ? getpwnam(user) : NULL;
        bool bad = false;

        if (geteuid() != 0)
                return 0;
        if (!pw)
                return fail_set(f, MUSTER_NO, "", "make the account, or give --user NAME", "give %s to user %s: no such user", dir,
                                user);
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                char path[PATH_MAX];
                struct dirent *e;
                DIR *d;

                (void)snprintf(path, sizeof(path), "%.3000s%s", dir, dirs[i]);
                d = opendir(path);
                if (!d || fchown(dirfd(d), pw->pw_uid, pw->pw_gid) < 0)
                        return fail_set(f, MUSTER_IO, "", "", "give %s to user %s: %s", path, user, strerror(errno));
                while ((e = readdir(d)) && !bad)
                        bad = strcmp(e->d_name, "..") != 0 &&
                              fchownat(dirfd(d), e->d_name, pw->pw_uid, pw->pw_gid, AT_SYMLINK_NOFOLLOW) < 0;
                (void)closedir(d);
                if (bad)
                        return fail_set(f, MUSTER_IO, "", "", "give the files in %s to user %s: %s", path, user, strerror(errno));
        }
        return 0;
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
                note(r, "the state that was there is kept as %s", kept);
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
        struct images m = { .r = r };
        char made[PATH_MAX];
        char user[64];
        int e;
        int rc = not_running(r->state, f);

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
        m.dir = made;
        if (rc == 0) {
                char db[PATH_MAX];

                (void)snprintf(db, sizeof(db), "%.3000s/muster.db", made);
                if (store_sqlite_view(db, &s, f) == 0)
                        (void)s->ops->image_list(s, want_image, &m);
                store_close(take_ptr(s));
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
