/* SPDX-License-Identifier: Apache-2.0 */
#include "backup.h"

#include "admin_client.h"
#include "below.h"
#include "files.h"
#include "hex.h"
#include "journal.h"
#include "store_sqlite.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#define BLOCK ((size_t)1 << 20)
#define MANIFEST_MAX ((size_t)16 << 20)

int backup_digest(const char *path, char ret[65], int64_t *ret_size)
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
        _cleanup_(freep) uint8_t *block = malloc(BLOCK);
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        uint8_t digest[DIGEST_LEN];
        int64_t size = 0;
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        if (!md || !block || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        while ((n = read(fd, block, BLOCK)) > 0) {
                size += n;
                if (EVP_DigestUpdate(md, block, (size_t)n) != 1)
                        return -EIO;
        }
        if (n < 0)
                return -errno;
        if (EVP_DigestFinal_ex(md, digest, NULL) != 1)
                return -EIO;
        hex_encode(digest, DIGEST_LEN, ret);
        *ret_size = size;
        return 0;
}

int backup_note(struct backup *b, const char *rel, struct fail *f)
{
        struct json_object *o = json_object_new_object();
        char path[PATH_MAX];
        char hex[65] = "";
        int64_t size = 0;
        int e;

        (void)snprintf(path, sizeof(path), "%.3000s/%.1000s", b->dir, rel);
        e = backup_digest(path, hex, &size);
        json_object_object_add(o, "path", json_object_new_string(rel));
        json_object_object_add(o, "size", json_object_new_int64(size));
        json_object_object_add(o, "sha256", json_object_new_string(hex));
        json_object_array_add(b->files, o);
        return e < 0 ? fail_set(f, MUSTER_IO, "", "", "read back %s: %s", path, strerror(-e)) : 0;
}

static int copy_one(struct backup *b, int dir, const char *from, const char *name, const char *rel, mode_t mode, struct fail *f)
{
        _cleanup_(closep) int in = -1;
        uint8_t digest[DIGEST_LEN];
        char to[PATH_MAX];
        int e = below_read(dir, name, &in);

        (void)snprintf(to, sizeof(to), "%.3000s/%.1000s", b->dir, rel);
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", e == -EACCES ? "use sudo" : "look who put it there", "back up %s/%s: %s", from,
                                name, below_why(e));
        e = file_copy_from(in, to, mode, digest);
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", "check the free space", "copy %s/%s to %s: %s", from, name, to, strerror(-e));
        return backup_note(b, rel, f);
}

/* What may be private is only taken with the keys. */
static bool is_wanted(struct backup *b, const char *rel, enum backup_sort sort)
{
        bool private = sort == BACKUP_KEY || sort == BACKUP_KEPT;
        bool wanted = sort != BACKUP_FOREIGN && (b->keys || !private);

        if (!wanted && sort != BACKUP_KEY)
                json_object_array_add(b->left_out, json_object_new_string(rel));
        return wanted;
}

/* The plain files of from/, which is `sub` of a directory whose place is
 * trusted, without those that begin with a dot. */
static int copy_dir(struct backup *b, const char *top, const char *sub, const char *rel, struct fail *f)
{
        _cleanup_(closep) int above = -1;
        char path[PATH_MAX];
        char from[PATH_MAX];
        char name[1000];
        struct dirent *e;
        struct stat st;
        int dir = -1;
        int rc = 0;
        DIR *d;

        (void)snprintf(from, sizeof(from), "%.3000s%s%.100s", top, *sub ? "/" : "", sub);
        (void)snprintf(path, sizeof(path), "%.3000s/%.1000s", b->dir, rel);
        if (dir_make(path, 0700) < 0)
                return fail_set(f, MUSTER_IO, "", "", "make the directory %s: %s", path, strerror(errno));
        rc = below_top(top, &above);
        if (rc == 0)
                rc = below_dir(above, *sub ? sub : ".", &dir);
        if (rc == -ENOENT)
                return 0;
        d = rc < 0 ? NULL : fdopendir(dir);
        if (!d) {
                closep(&dir);
                return fail_set(f, MUSTER_IO, "", rc == -EACCES ? "use sudo" : "", "back up %s: %s", from, below_why(rc));
        }
        while (rc == 0 && (e = readdir(d))) {
                enum backup_sort sort;

                if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                (void)snprintf(name, sizeof(name), "%s/%s", rel, e->d_name);
                sort = backup_sort(name);
                if (is_wanted(b, name, sort))
                        rc = copy_one(b, dirfd(d), from, e->d_name, name, backup_mode(sort), f);
        }
        (void)closedir(d);
        return rc;
}

int backup_etc(struct backup *b, const char *etc, struct fail *f)
{
        static const char *const dirs[] = { "", "pki", "ek-ca" };
        int rc = 0;

        for (size_t i = 0; i < ELEMENTSOF(dirs) && rc == 0; i++) {
                char rel[16];

                (void)snprintf(rel, sizeof(rel), "etc%s%s", *dirs[i] ? "/" : "", dirs[i]);
                rc = copy_dir(b, etc, dirs[i], rel, f);
        }
        return rc;
}

int backup_state(struct backup *b, const char *state, struct fail *f)
{
        static const char *const dirs[] = { "boot", "ipxe", "images" };
        int rc = 0;

        for (size_t i = 0; i < (b->images ? 3 : 2) && rc == 0; i++) {
                char rel[16];

                (void)snprintf(rel, sizeof(rel), "state/%s", dirs[i]);
                if (i == 0) {
                        char up[PATH_MAX];

                        (void)snprintf(up, sizeof(up), "%.3000s/state", b->dir);
                        (void)dir_make(up, 0700);
                }
                rc = copy_dir(b, state, dirs[i], rel, f);
        }
        return rc;
}

bool backup_is_older(const char *db)
{
        _cleanup_(closep) int fd = open(db, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        uint8_t v[4]; /* PRAGMA user_version */

        return fd >= 0 && pread(fd, v, sizeof(v), 60) == (ssize_t)sizeof(v) && !v[0] && !v[1] && !v[2] && v[3] > 0 &&
               v[3] < STORE_SCHEMA_VERSION;
}

int backup_count(const char *db, struct json_object *o, struct fail *f)
{
        _cleanup_(store_closep) struct store *s = NULL;
        struct json_object *journal = json_object_new_object();
        uint64_t counts[NODE_STATES] = { 0 };
        uint8_t head[DIGEST_LEN];
        char hex[65];
        uint64_t total = 0;
        uint64_t count = 0;
        uint64_t seq = 0;
        uint64_t bad = 0;

        json_object_object_add(o, "journal", journal);
        if (store_sqlite_view(db, &s, f) < 0 || store_sqlite_check(s, f) < 0)
                return MUSTER_NO;
        if (s->ops->event_head(s, &seq, head) < 0 || s->ops->node_counts(s, counts) < 0 ||
            journal_verify(s, 0, &count, &bad) < 0)
                return fail_set(f, MUSTER_NO, "", "", "the database is damaged: %s cannot be read", db);
        if (bad)
                return fail_set(f, MUSTER_NO, "", "restore an older backup; find out who changed the database",
                                "the journal in %s was altered: event %" PRIu64, db, bad);
        hex_encode(head, DIGEST_LEN, hex);
        json_object_object_add(journal, "seq", json_object_new_int64((int64_t)seq));
        json_object_object_add(journal, "head", json_object_new_string(hex));
        for (size_t i = 0; i < NODE_STATES; i++)
                total += counts[i];
        json_object_object_add(o, "nodes", json_object_new_int64((int64_t)total));
        json_object_object_add(o, "revoked", json_object_new_int64((int64_t)counts[NODE_REVOKED]));
        return 0;
}

static int verify_file(const char *dir, struct json_object *o, struct fail *f)
{
        const char *rel = admin_str(o, "path");
        const char *want = admin_text(o, "sha256");
        char path[PATH_MAX];
        char hex[65] = "";
        char word[200];
        int64_t size = 0;
        int e;

        if (!rel || backup_sort(rel) == BACKUP_FOREIGN)
                return fail_set(f, MUSTER_NO, "", "look who wrote to it; take another backup",
                                "verify the backup %s: its manifest names a file that no backup holds: %s", dir,
                                rel ? log_escape(rel, strlen(rel), word, sizeof(word)) : "");
        (void)snprintf(path, sizeof(path), "%.3000s/%s", dir, rel);
        e = backup_digest(path, hex, &size);
        if (e < 0 || size != admin_int(o, "size") || strcmp(hex, want) != 0)
                return fail_set(f, MUSTER_NO, "", "take another backup", "verify the backup %s: %s %s", dir, rel,
                                e < 0 ? strerror(-e) : "is not the file that was backed up");
        return 0;
}

static int verify_mac(const char *dir, const char *etc, bool any, const struct buf *text, bool *ret_authentic, struct fail *f)
{
        enum backup_proof proof = backup_mac_check(dir, etc, text);

        *ret_authentic = proof == BACKUP_AUTHENTIC;
        if (any || proof == BACKUP_AUTHENTIC)
                return 0;
        if (proof == BACKUP_NO_KEY)
                return fail_set(f, MUSTER_NO, "",
                                "put store.key there first, from where you keep it, mode 0600; or give --unauthenticated when "
                                "nobody else can have written to the backup",
                                "verify the backup %s: without %s/pki/store.key nobody can tell whether it was altered", dir, etc);
        return fail_set(f, MUSTER_NO, "",
                        "take another backup; or give --unauthenticated when the store key was replaced since and nobody else can "
                        "have written to the backup",
                        "verify the backup %s: it was altered, or not made under the store key in %s/pki", dir, etc);
}

int backup_verify(const char *dir, const char *etc, bool any, bool *ret_authentic, struct json_object **ret, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        _cleanup_(json_putp) struct json_object *found = json_object_new_object();
        _cleanup_(buf_wipe) struct buf text = { 0 };
        struct json_object *files;
        char path[PATH_MAX];
        int rc = 0;
        int e;

        (void)snprintf(path, sizeof(path), "%.3000s/manifest.json", dir);
        e = file_read(path, MANIFEST_MAX, &text);
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", "give a directory that `muster backup` made", "read %s: %s", path,
                                strerror(-e));
        rc = verify_mac(dir, etc, any, &text, ret_authentic, f);
        if (rc)
                return rc;
        o = json_tokener_parse((const char *)text.p);
        files = admin_get(o, "files");
        if (admin_int(o, "version") != BACKUP_VERSION || !json_object_is_type(files, json_type_array))
                return fail_set(f, MUSTER_NO, "", "is it of a newer muster?", "verify the backup %s: manifest.json is not understood",
                                dir);
        for (size_t i = 0; i < json_object_array_length(files) && rc == 0; i++)
                rc = verify_file(dir, json_object_array_get_idx(files, i), f);
        (void)snprintf(path, sizeof(path), "%.3000s/muster.db", dir);
        if (rc == 0 && backup_is_older(path)) { /* its journal is verified once it has been brought up to date */
                *ret = take_ptr(o);
                return 0;
        }
        if (rc == 0)
                rc = backup_count(path, found, f);
        if (rc == 0 && strcmp(admin_text(admin_get(o, "journal"), "head"), admin_text(admin_get(found, "journal"), "head")) != 0)
                rc = fail_set(f, MUSTER_NO, "", "take another backup", "verify the backup %s: its journal ends elsewhere", dir);
        if (rc == 0)
                *ret = take_ptr(o);
        return rc;
}
