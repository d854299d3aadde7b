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
                        e = restore_nodes(r, dir, s);
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
        (void)snprintf(old, sizeof(old), "%.3000s/" RESTORE_OLD_COPY, made);
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
