/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration and keys of a backup, where there are none yet. */
#include "backup.h"

#include "admin_client.h"
#include "below.h"
#include "digest.h"
#include "files.h"
#include "hex.h"

#include <dirent.h>
#include <fcntl.h>

#define FILE_MAX ((size_t)1 << 20)

static void note(struct restore *r, const char *what, const char *path)
{
        char text[700];

        (void)snprintf(text, sizeof(text), "%s: %.500s", what, path);
        json_object_array_add(admin_get(r->report, "notes"), json_object_new_string(text));
}

static bool same_file(const char *a, const char *b)
{
        char x[65];
        char y[65];
        int64_t n;

        return backup_digest(a, x, &n) == 0 && backup_digest(b, y, &n) == 0 && strcmp(x, y) == 0;
}

int restore_etc_check(const struct restore *r, struct fail *f)
{
        char ours[PATH_MAX];
        char theirs[PATH_MAX];

        (void)snprintf(ours, sizeof(ours), "%.3000s/pki/ca.pem", r->etc);
        (void)snprintf(theirs, sizeof(theirs), "%.3000s/etc/pki/ca.pem", r->from);
        if (r->authentic) /* this cluster's, though its CA may have been replaced since */
                return 0;
        if (access(ours, F_OK) == 0 && access(theirs, F_OK) == 0 && !same_file(ours, theirs))
                return fail_set(f, MUSTER_NO, "", "move that directory away, or give another --etc",
                                "restore: %s is another cluster's CA", ours);
        return 0;
}

/* What a key of musterd.conf is on this machine; NULL: as it was. */
static const char *moved(const struct restore *r, const char *key, char out[PATH_MAX])
{
        static const struct {
                const char *key;
                const char *name;
        } below[] = { { "pki-dir", "pki" }, { "ek-ca-dir", "ek-ca" }, { "hooks-dir", "hooks.d" } };
        bool other_etc = strcmp(r->etc, admin_text(r->manifest, "etc")) != 0;

        for (size_t i = 0; i < ELEMENTSOF(below); i++) {
                if (other_etc && strcmp(key, below[i].key) == 0) {
                        (void)snprintf(out, PATH_MAX, "%.3000s/%s", r->etc, below[i].name);
                        return out;
                }
        }
        if (strcmp(key, "state-dir") == 0)
                return r->state;
        if (strcmp(key, "admin-socket") == 0)
                return r->socket;
        return strcmp(key, "user") == 0 || strcmp(key, "group") == 0 ? r->user : NULL;
}

/* Line by line; what is not moved stays, comments too. */
static int put_conf(struct restore *r, struct buf *b, const char *to, struct fail *f)
{
        _cleanup_(freep) char *text = NULL;
        _cleanup_(fclosep) FILE *out = NULL;
        size_t len = 0;
        int e;

        out = open_memstream(&text, &len);
        if (!out)
                return fail_set(f, MUSTER_IO, "", "", "write %s: %s", to, strerror(ENOMEM));
        for (char *save = NULL, *line = strtok_r((char *)b->p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char path[PATH_MAX];
                char key[64] = "";
                const char *value = sscanf(line, " %63[a-z-] =", key) == 1 && strchr(line, '=') ? moved(r, key, path) : NULL;

                if (value)
                        (void)fprintf(out, "%s = %s\n", key, value);
                else
                        (void)fprintf(out, "%s\n", line);
        }
        (void)fflush(out);
        e = file_make(to, text, len, 0644);
        return e < 0 ? fail_set(f, MUSTER_IO, "", "", "write %s: %s", to, strerror(-e)) : 0;
}

/* The bytes that were verified, under the mode of that name. */
static int put_file(struct restore *r, int backup, struct json_object *o, const char *to, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        _cleanup_(closep) int in = -1;
        const char *rel = admin_text(o, "path");
        char hex[HEX_LEN(DIGEST_LEN)];
        uint8_t digest[DIGEST_LEN];
        char self[32];
        int e = below_open(backup, rel, O_RDONLY | O_NONBLOCK, 0, &in);

        (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", in);
        if (e == 0)
                e = file_read(self, FILE_MAX, &b);
        if (e == 0)
                e = digest_sha256(b.p, b.len, digest);
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", "", "read %s/%s: %s", r->from, rel, below_why(e));
        hex_encode(digest, DIGEST_LEN, hex);
        if (strcmp(hex, admin_text(o, "sha256")) != 0)
                return fail_set(f, MUSTER_IO, "", "take another backup", "read %s/%s: it changed meanwhile", r->from, rel);
        if (strcmp(rel, "etc/musterd.conf") == 0)
                return put_conf(r, &b, to, f);
        e = file_make(to, b.p, b.len, backup_mode(backup_sort(rel)));
        return e < 0 ? fail_set(f, MUSTER_IO, "", "", "write %s: %s", to, strerror(-e)) : 0;
}

/* Is there anything that was put there, and not only private keys? Those an
 * admin puts back first. */
static bool is_filled(const struct restore *r, const char *sub)
{
        char path[PATH_MAX];
        struct dirent *e;
        bool filled = false;
        DIR *d;

        (void)snprintf(path, sizeof(path), "%.3000s/%s", r->etc, sub);
        d = opendir(path);
        while (d && !filled && (e = readdir(d))) {
                filled = e->d_name[0] != '.';
                for (size_t i = 0; filled && strcmp(sub, "pki") == 0 && backup_keys[i]; i++)
                        filled = strcmp(e->d_name, backup_keys[i]) != 0;
        }
        if (d)
                (void)closedir(d);
        return filled;
}

struct places {
        int backup;
        bool pki, ek_ca; /* filled: nothing is added, for who took a file out of it had a reason */
};

static int put_one(struct restore *r, const struct places *p, struct json_object *o, struct fail *f)
{
        const char *rel = admin_text(o, "path");
        enum backup_sort sort = backup_sort(rel);
        char from[PATH_MAX];
        char to[PATH_MAX];
        int rc;

        (void)snprintf(from, sizeof(from), "%.3000s/%s", r->from, rel);
        (void)snprintf(to, sizeof(to), "%.3000s/%s", r->etc, rel + strlen("etc/"));
        if (access(to, F_OK) == 0) {
                if (!same_file(from, to))
                        note(r, "kept as it is, though the backup has another", to);
                return 0;
        }
        if (sort != BACKUP_OPEN && sort != BACKUP_KEY) {
                note(r, "not put back, only by hand: the backup holds", rel);
                return 0;
        }
        if ((p->pki && strncmp(rel, "etc/pki/", 8) == 0) || (p->ek_ca && strncmp(rel, "etc/ek-ca/", 10) == 0)) {
                note(r, "not put back, since its directory is in use and does without; the backup holds", rel);
                return 0;
        }
        rc = put_file(r, p->backup, o, to, f);
        if (rc == 0)
                note(r, "put in place", to);
        return rc;
}

int restore_etc(struct restore *r, struct fail *f)
{
        static const char *const dirs[] = { "", "/pki", "/ek-ca" };
        struct json_object *files = admin_get(r->manifest, "files");
        struct places p = { .backup = -1 };
        _cleanup_(closep) int backup = -1;
        char path[PATH_MAX];
        int rc = 0;

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                (void)snprintf(path, sizeof(path), "%.3000s%s", r->etc, dirs[i]);
                if (dir_make(path, 0755) < 0)
                        return fail_set(f, MUSTER_IO, "", "use sudo, or give --etc", "make the directory %s", path);
        }
        if (below_top(r->from, &backup) < 0)
                return fail_set(f, MUSTER_IO, "", "", "read %s: %s", r->from, strerror(errno));
        p = (struct places){ backup, is_filled(r, "pki"), is_filled(r, "ek-ca") };
        for (size_t i = 0; i < json_object_array_length(files) && rc == 0; i++) {
                struct json_object *o = json_object_array_get_idx(files, i);

                if (strncmp(admin_text(o, "path"), "etc/", 4) == 0)
                        rc = put_one(r, &p, o, f);
        }
        for (size_t i = 0; backup_keys[i] && rc == 0; i++) {
                (void)snprintf(path, sizeof(path), "%.3000s/pki/%s", r->etc, backup_keys[i]);
                if (access(path, F_OK) < 0)
                        note(r, "musterd cannot start before this private key is put back, from where you keep it, mode 0600", path);
        }
        return rc;
}
