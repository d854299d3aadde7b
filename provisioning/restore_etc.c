/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration and keys of a backup, where there are none yet. */
#include "backup.h"

#include "admin_client.h"
#include "files.h"

#define CONF_MAX ((size_t)65536)

static const char *const private_keys[] = { "ca.key", "server.key", "policy.key", "ssh_ca", "store.key" };

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
static int put_conf(struct restore *r, const char *from, const char *to, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        _cleanup_(freep) char *text = NULL;
        _cleanup_(fclosep) FILE *out = NULL;
        size_t len = 0;
        int e = file_read(from, CONF_MAX, &b);

        out = e < 0 ? NULL : open_memstream(&text, &len);
        if (!out)
                return fail_set(f, MUSTER_IO, "", "", "read %s: %s", from, strerror(e < 0 ? -e : ENOMEM));
        for (char *save = NULL, *line = strtok_r((char *)b.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
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

static int put_one(struct restore *r, const char *rel, struct fail *f)
{
        uint8_t digest[DIGEST_LEN];
        char from[PATH_MAX];
        char to[PATH_MAX];
        int e;

        (void)snprintf(from, sizeof(from), "%.3000s/%s", r->from, rel);
        (void)snprintf(to, sizeof(to), "%.3000s/%s", r->etc, rel + strlen("etc/"));
        if (access(to, F_OK) == 0) {
                if (!same_file(from, to))
                        note(r, "kept as it is, though the backup has another", to);
                return 0;
        }
        if (strcmp(rel, "etc/musterd.conf") == 0)
                return put_conf(r, from, to, f);
        e = file_copy(from, to, backup_mode(backup_sort(rel)), digest);
        return e < 0 ? fail_set(f, MUSTER_IO, "", "", "copy %s to %s: %s", from, to, strerror(-e)) : 0;
}

int restore_etc(struct restore *r, struct fail *f)
{
        static const char *const dirs[] = { "", "/pki", "/ek-ca" };
        struct json_object *files = admin_get(r->manifest, "files");
        char path[PATH_MAX];
        int rc = 0;

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                (void)snprintf(path, sizeof(path), "%.3000s%s", r->etc, dirs[i]);
                if (dir_make(path, 0755) < 0)
                        return fail_set(f, MUSTER_IO, "", "use sudo, or give --etc", "make the directory %s", path);
        }
        for (size_t i = 0; i < json_object_array_length(files) && rc == 0; i++) {
                const char *rel = admin_text(json_object_array_get_idx(files, i), "path");

                if (strncmp(rel, "etc/", 4) == 0)
                        rc = put_one(r, rel, f);
        }
        for (size_t i = 0; i < ELEMENTSOF(private_keys) && rc == 0; i++) {
                (void)snprintf(path, sizeof(path), "%.3000s/pki/%s", r->etc, private_keys[i]);
                if (access(path, F_OK) < 0)
                        note(r, "musterd cannot start before this private key is put back, from where you keep it, mode 0600", path);
        }
        return rc;
}
