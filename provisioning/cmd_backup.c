/* SPDX-License-Identifier: Apache-2.0 */
/* backup and restore */
#include "admin_client.h"
#include "backup.h"
#include "below.h"
#include "commands.h"
#include "files.h"
#include "rotate.h"
#include "version.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

enum { OPT_IMAGES = CLI_LONG, OPT_KEYS, OPT_ETC, OPT_STATE, OPT_USER, OPT_FORCE, OPT_ANY };

static const struct cli_option backup_options[] = {
        { "with-images", OPT_IMAGES, NULL, "the sealed images too" },
        { "with-keys", OPT_KEYS, NULL, "the private keys too: whoever reads the backup is then this parent" },
        { "etc", OPT_ETC, "DIR", "keys and configuration (/etc/muster)" },
        { "state", OPT_STATE, "DIR", "the state directory, without it the configuration's" },
        { 0 },
};

static const struct cli_command backup_command = {
        "backup", "DIR", "Copies the database, the configuration and the boot files into a new directory", backup_options,
};

static const struct cli_option restore_options[] = {
        { "etc", OPT_ETC, "DIR", "where keys and configuration go (/etc/muster)" },
        { "state", OPT_STATE, "DIR", "where the state goes, without it the backup's own place" },
        { "user", OPT_USER, "NAME", "the account of musterd, without it the configuration's" },
        { "force", OPT_FORCE, NULL, "replace the state that is there; it is kept beside" },
        { "unauthenticated", OPT_ANY, NULL, "a backup of which the store key does not say that nobody altered it, too" },
        { 0 },
};

static const struct cli_command restore_command = {
        "restore", "DIR", "Puts back what a backup holds, after checking all of it", restore_options,
};

/* From the running server; or, when there is none, from the file itself. */
static int snapshot(struct backup *b, const char *state, bool *ret_offline, struct fail *f)
{
        _cleanup_(store_closep) struct store *s = NULL;
        _cleanup_(admin_freep) struct admin *a = NULL;
        char to[PATH_MAX];
        char db[PATH_MAX];
        int rc = admin_open(cli_socket(), &a, f);

        (void)snprintf(to, sizeof(to), "%.3000s/muster.db", b->dir);
        if (rc == 0)
                return admin_download(a, "/v1/backup", to, f);
        *ret_offline = true;
        if (cli_database()[0])
                return fail_set(f, MUSTER_NO, "", "back it up with pg_dump; see muster(8)",
                                "musterd.conf names a PostgreSQL database");
        (void)snprintf(db, sizeof(db), "%.3000s/muster.db", state);
        if (access(db, R_OK) < 0 && errno != ENOENT)
                return rc; /* what the socket said */
        rc = below_state(state, f);
        if (rc)
                return rc;
        rc = store_sqlite_open(db, &s, f);
        if (rc < 0)
                return MUSTER_NO;
        rc = s->ops->copy(s, to);
        return rc < 0 ? fail_set(f, MUSTER_IO, "", "check the free space", "copy %s: %s", db, strerror(-rc)) : 0;
}

static int write_manifest(struct backup *b, const char *etc, struct json_object *o, struct fail *f)
{
        const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
        struct buf bytes = { (uint8_t *)text, text ? strlen(text) : 0 }; /* o's */
        char path[PATH_MAX];
        int e;

        (void)snprintf(path, sizeof(path), "%.3000s/manifest.json", b->dir);
        e = text ? file_make(path, text, strlen(text), 0600) : -ENOMEM;
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", "", "write %s: %s", path, strerror(-e));
        e = backup_mac_write(b->dir, etc, &bytes);
        b->authentic = e == 0;
        if (e < 0 && e != -ENOENT && e != -EACCES)
                return fail_set(f, MUSTER_IO, "", "look at store.key: it has 32 bytes", "authenticate %s with %s/pki/store.key: %s", path,
                                etc, strerror(-e));
        return 0;
}

static int fill(struct backup *b, const char *etc, const char *state, struct json_object *o, struct fail *f)
{
        char db[PATH_MAX];
        bool offline = false;
        int rc = snapshot(b, state, &offline, f);

        (void)snprintf(db, sizeof(db), "%.3000s/muster.db", b->dir);
        json_object_object_add(o, "version", json_object_new_int(BACKUP_VERSION));
        json_object_object_add(o, "created", json_object_new_int64((int64_t)time(NULL)));
        json_object_object_add(o, "muster", json_object_new_string(MUSTER_VERSION));
        json_object_object_add(o, "etc", json_object_new_string(etc));
        json_object_object_add(o, "state", json_object_new_string(state));
        json_object_object_add(o, "offline", json_object_new_boolean(offline));
        json_object_object_add(o, "with_keys", json_object_new_boolean(b->keys));
        json_object_object_add(o, "with_images", json_object_new_boolean(b->images));
        json_object_object_add(o, "files", json_object_get(b->files));
        json_object_object_add(o, "left_out", json_object_get(b->left_out));
        if (rc == 0)
                rc = backup_count(db, o, f);
        if (rc == 0)
                rc = backup_note(b, "muster.db", f);
        if (rc == 0)
                rc = backup_etc(b, etc, f);
        if (rc == 0)
                rc = backup_state(b, state, f);
        return rc ? rc : write_manifest(b, etc, o, f);
}

static int make(struct backup *b, const char *to, const char *etc, const char *state, struct json_object *o, struct fail *f)
{
        struct stat st;
        int rc;

        if (lstat(to, &st) == 0)
                return fail_set(f, MUSTER_NO, "", "name a new directory", "back up to %s: it exists", to);
        (void)snprintf(b->dir, sizeof(b->dir), "%.3000s.part-XXXXXX", to);
        if (!mkdtemp(b->dir))
                return fail_set(f, MUSTER_IO, "", "", "make the directory %s: %s", b->dir, strerror(errno));
        rc = fill(b, etc, state, o, f);
        if (rc == 0 && rename(b->dir, to) < 0)
                rc = fail_set(f, MUSTER_IO, "", "", "rename %s to %s: %s", b->dir, to, strerror(errno));
        if (rc)
                tree_remove(b->dir);
        else
                (void)dir_sync(to);
        return rc;
}

/* Until musterd has started with a new store key, images' keys are wrapped by
 * the previous one, which no restore puts back. */
static bool images_need_previous(const char *etc)
{
        _cleanup_(admin_freep) struct admin *a = NULL;
        _cleanup_(json_putp) struct json_object *status = NULL;
        struct rotate_state s;
        struct fail f = { 0 };
        char pki[PATH_MAX];

        (void)snprintf(pki, sizeof(pki), "%.3000s/pki", etc);
        if (rotate_look(pki, ROTATE_STORE, &s, &f) || !s.two)
                return false;
        return admin_open(cli_socket(), &a, &f) || admin_call(a, "GET", "/v1/status", NULL, &status, &f) ||
               admin_int(status, "started") <= s.since;
}

int cmd_backup(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        struct backup b = { .files = json_object_new_array(), .left_out = json_object_new_array() };
        struct json_object *left;
        const char *etc = "/etc/muster";
        const char *state = NULL;
        struct fail f = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&backup_command, argc, argv, &rc)) > 0) {
                b.images |= v == OPT_IMAGES;
                b.keys |= v == OPT_KEYS;
                if (v == OPT_ETC)
                        etc = optarg;
                if (v == OPT_STATE)
                        state = optarg;
        }
        if (v == 0)
                rc = cli_count(&backup_command, argc, argv, 1, 1);
        if (v < 0 || rc)
                return json_object_put(b.files), json_object_put(b.left_out), rc;
        rc = make(&b, argv[optind], etc, state ? state : cli_state_dir(), o, &f);
        json_object_put(b.files);
        json_object_put(b.left_out);
        if (rc)
                return cli_fail(rc, &f);
        if (!b.authentic)
                fprintf(stderr, "muster: warning: %s is not authenticated, since %s/pki/store.key cannot be read. Next: run it as root\n",
                        argv[optind], etc);
        if (images_need_previous(etc))
                fprintf(stderr, "muster: warning: the images' keys in %s are wrapped by the previous store key, which no restore puts back. "
                                "Next: systemctl restart musterd, then back up again\n", argv[optind]);
        if (b.keys)
                fprintf(stderr, "muster: warning: %s holds the private keys. Next: keep it offline, or encrypt it\n", argv[optind]);
        if (cli_json())
                return cli_print_json(o);
        cli_say("%s: %" PRId64 " nodes (%" PRId64 " revoked), journal up to event %" PRId64 "%s%s", argv[optind],
                admin_int(o, "nodes"), admin_int(o, "revoked"), admin_int(admin_get(o, "journal"), "seq"),
                b.images ? "" : ", without the images", b.keys ? "" : ", without the private keys");
        left = admin_get(o, "left_out");
        for (size_t i = 0; i < json_object_array_length(left); i++)
                cli_say("  left out, since %s: %s",
                        b.keys ? "its name is not of letters, digits and ._-+" : "it is not known to be public",
                        json_object_get_string(json_object_array_get_idx(left, i)));
        return MUSTER_OK;
}

static void tell(const struct restore *r)
{
        time_t t = (time_t)admin_int(r->manifest, "created");
        struct json_object *notes = admin_get(r->report, "notes");
        struct tm tm;
        char when[64];

        (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime_r(&t, &tm));
        cli_say("%s is as it was at %s: %" PRId64 " nodes, %" PRId64 " of them revoked", r->state, when,
                admin_int(r->manifest, "nodes"), admin_int(r->report, "revoked"));
        if (!r->authentic)
                cli_say("  THE BACKUP IS NOT AUTHENTICATED: whoever could write to it may have changed all of this");
        for (size_t i = 0; i < json_object_array_length(notes); i++)
                cli_say("  %s", json_object_get_string(json_object_array_get_idx(notes, i)));
        cli_say("WHAT WAS DONE AFTER %s IS NOT IN IT: revoke again what was revoked since, and approve again what was enrolled. "
                "Next: systemctl start musterd; muster log verify", when);
}

int cmd_restore(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *manifest = NULL;
        _cleanup_(json_putp) struct json_object *report = json_object_new_object();
        struct restore r = { .etc = "/etc/muster", .socket = cli_socket_given(), .report = report, .now = (int64_t)time(NULL) };
        struct fail f = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&restore_command, argc, argv, &rc)) > 0) {
                if (v == OPT_ETC)
                        r.etc = optarg;
                if (v == OPT_STATE)
                        r.state = optarg;
                if (v == OPT_USER)
                        r.user = optarg;
                r.force |= v == OPT_FORCE;
                r.any |= v == OPT_ANY;
        }
        if (v == 0)
                rc = cli_count(&restore_command, argc, argv, 1, 1);
        if (v < 0 || rc)
                return rc;
        r.socket = cli_socket_given();
        r.from = argv[optind];
        json_object_object_add(report, "notes", json_object_new_array());
        rc = cli_database()[0] ? fail_set(&f, MUSTER_NO, "", "restore PostgreSQL with its own tools, or take `database` out",
                                           "musterd.conf names a PostgreSQL database, and a backup holds SQLite's") : 0;
        if (rc == 0)
                rc = backup_verify(r.from, r.etc, r.any, &r.authentic, &manifest, &f);
        r.manifest = manifest;
        json_object_object_add(report, "authenticated", json_object_new_boolean(r.authentic));
        if (rc == 0 && !r.state)
                r.state = admin_text(manifest, "state");
        if (rc == 0)
                rc = restore_etc_check(&r, &f);
        if (rc == 0)
                rc = restore_state(&r, &f);
        if (rc == 0)
                rc = restore_etc(&r, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json()) {
                json_object_object_add(report, "state", json_object_new_string(r.state));
                json_object_object_add(report, "created", json_object_new_int64(admin_int(manifest, "created")));
                return cli_print_json(report);
        }
        tell(&r);
        return MUSTER_OK;
}
