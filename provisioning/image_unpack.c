/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Why a tar is unpacked
 * mksquashfs and mkfs.erofs read tars with readers of their own: the first of
 * two entries of one name wins there, sparse files and late times stop them.
 * GNU tar's own reading of a tar is what an admin expects, so it unpacks into
 * a private directory. It is not given -P: a link that is absolute or leads
 * up is made last, entries with ".." are refused, and nothing is written
 * outside that directory. */
#include "files.h"
#include "image.h"
#include "tool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#define TAR_BLOCK 512

bool image_can_own(void)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        uint64_t from, to, n;

        if (geteuid() != 0)
                return false;
        /* a user namespace without all ids */
        return file_read("/proc/self/uid_map", 4096, &b) < 0 ||
               (sscanf((const char *)b.p, "%" SCNu64 " %" SCNu64 " %" SCNu64, &from, &to, &n) == 3 && from == 0 && n == UINT32_MAX);
}

bool image_says_truncated(const char *words)
{
        static const char *const ends[] = { "Unexpected EOF", "unexpected end of file", "Unexpected end of input", "premature end",
                                            "unexpected EOF", "ends unexpectedly" };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (strstr(words, ends[i]))
                        return true;
        return false;
}

void image_explain(const struct image_job *j, const char *what, struct fail *f)
{
        static const struct {
                const char *word;
                const char *next;
        } known[] = {
                { "is not installed", NULL },
                { "interrupted", "" },
                { "Permission denied", "use sudo" },
                { "Member name contains '..'", "make the archive again: it has an entry that leaves its directory" },
                { "Not a directory", "make the archive again: it has an entry below what is no directory, or a link that leads out of it" },
                { "Operation not permitted", "use sudo, on the host itself: files could not be given their owners or devices be made" },
        };
        struct fail said = *f;

        if (image_says_truncated(said.what)) {
                (void)fail_set(f, 0, "", "make or copy it again", "%s: it is truncated: the archive ends in the middle of an entry", what);
                return;
        }
        (void)fail_set(f, 0, "", said.next, "%s: %s", what, said.what);
        if (strstr(said.what, strerror(ENOSPC)))
                (void)snprintf(f->next, sizeof(f->next), "make room on the disk of %.150s, e.g. with muster image prune", j->dir);
        for (size_t i = 0; i < ELEMENTSOF(known) && !f->next[0]; i++)
                if (strstr(said.what, known[i].word) && known[i].next)
                        (void)snprintf(f->next, sizeof(f->next), "%s", known[i].next);
}

struct reading {
        const struct image_job *job;
        int file; /* whose offset the reader moves */
        uint64_t size;
};

static void tick(void *ctx)
{
        const struct reading *r = ctx;
        off_t at = lseek(r->file, 0, SEEK_CUR);

        if (at >= 0)
                image_progress(r->job, "unpacking", (uint64_t)at, r->size);
}

static int open_source(const struct image_source *s, int *ret, struct fail *f)
{
        *ret = open(s->path, O_RDONLY | O_CLOEXEC);
        if (*ret < 0)
                return fail_set(f, MUSTER_IO, "", "", "read the image source %s: %s", s->path, strerror(errno));
        return 0;
}

/* said: what argv had to say though it succeeded */
static int run_on(const struct image_source *s, int file, const char *const *argv, tool_tick_fn on_tick, void *ctx,
                  char said[512], struct fail *f)
{
        _cleanup_(tool_freep) struct tool *unpacker = NULL;
        _cleanup_(tool_freep) struct tool *reader = NULL;
        _cleanup_(closep) int plain = -1;
        struct fail inner = { 0 };
        int rc = 0;

        if (s->unpacker)
                rc = tool_start((const char *const[]){ s->unpacker, "-dc", NULL }, file, &plain, &unpacker, f);
        if (rc == 0)
                rc = tool_start(argv, s->unpacker ? plain : file, NULL, &reader, f);
        if (rc == 0)
                rc = tool_finish(reader, on_tick, ctx, f);
        if (reader)
                (void)snprintf(said, 512, "%s", rc ? "" : tool_words(reader));
        if (!unpacker || (rc && tool_interrupted()))
                return rc;
        closep(&plain);
        plain = -1;
        if (rc == 0)
                return tool_finish(unpacker, NULL, NULL, f);
        /* a damaged archive is the better reason, if that is one */
        if (tool_finish(unpacker, NULL, NULL, &inner) != 0 && !strstr(inner.what, "signal"))
                *f = inner;
        return rc;
}

int image_run_on_tar(const struct image_source *s, const char *const *argv, tool_tick_fn on_tick, void *ctx, struct fail *f)
{
        _cleanup_(closep) int file = -1;
        char said[512] = "";
        int rc = open_source(s, &file, f);

        return rc ? rc : run_on(s, file, argv, on_tick, ctx, said, f);
}

/* The end of a tar is a block of zeros; one without was cut off between two entries, or written so. */
static bool ends_as_a_tar(int file, uint64_t size)
{
        static const uint8_t zeros[TAR_BLOCK];
        uint8_t last[TAR_BLOCK];

        return size >= sizeof(last) && pread(file, last, sizeof(last), (off_t)(size - sizeof(last))) == (ssize_t)sizeof(last) &&
               memcmp(last, zeros, sizeof(last)) == 0;
}

static int unpack_tar(const struct image_job *j, const struct image_source *s, const char *root, struct fail *f)
{
        const char *const argv[] = { "tar", "-x", "-f", "-", "-C", root, "--numeric-owner", "--same-owner", "-p", "--acls", "--xattrs",
                                     "--xattrs-include=*", "--warning=no-timestamp", "--warning=no-unknown-keyword", NULL };
        _cleanup_(closep) int file = -1;
        struct reading r = { .job = j };
        char what[PATH_MAX + 64];
        char said[512] = "";
        struct stat st;
        int rc = open_source(s, &file, f);

        if (rc)
                return rc;
        r.file = file;
        r.size = fstat(file, &st) == 0 ? (uint64_t)st.st_size : 0;
        (void)snprintf(what, sizeof(what), "unpack the tar %s", s->path);
        if (!s->unpacker && r.size % TAR_BLOCK != 0) /* tar passes over a part of a block */
                rc = fail_set(f, MUSTER_IO, "", "", "unexpected end of file");
        if (rc == 0)
                rc = run_on(s, file, argv, tick, &r, said, f);
        image_progress_end(j);
        if (rc)
                image_explain(j, what, f);
        else if (said[0])
                fprintf(stderr, "muster: warning: %s: %s\n", what, said);
        if (rc == 0 && !s->unpacker && !ends_as_a_tar(file, r.size))
                fprintf(stderr, "muster: warning: %s: it does not end as a tar ends: it may be truncated between two files. "
                        "Next: compare it with its origin\n", what);
        return rc;
}

static int unpack_erofs(const struct image_job *j, const struct image_source *s, const char *root, struct fail *f)
{
        char option[PATH_MAX + 32];
        char what[PATH_MAX + 64];
        int rc;

        if (geteuid() != 0)
                return fail_set(f, MUSTER_IO, "", "use sudo, or give a directory, a tar or a squashfs",
                                "make a squashfs of the erofs %s: only root can unpack it with its owners", s->path);
        (void)snprintf(option, sizeof(option), "--extract=%s", root);
        rc = tool_run((const char *const[]){ "fsck.erofs", option, "--overwrite", "--preserve", s->path, NULL }, -1, NULL, NULL, f);
        (void)snprintf(what, sizeof(what), "unpack the erofs %s", s->path);
        if (rc)
                image_explain(j, what, f);
        return rc;
}

int image_unpack(struct image_job *j, const struct image_source *s, char ret_root[PATH_MAX], struct image_source *ret,
                 struct fail *f)
{
        int rc;

        *ret = *s;
        if (s->kind == IMAGE_DIR || s->kind == IMAGE_SQUASHFS)
                return 0;
        if (s->kind == IMAGE_TAR && !image_can_own()) {
                fprintf(stderr, "muster: warning: unpack the tar %s: only root can give its files to their owners, so mksquashfs reads "
                        "it, which takes the first of two entries of one name. Next: use sudo if it has such\n", s->path);
                return 0;
        }
        (void)snprintf(ret_root, PATH_MAX, "%.4000s/root", j->work);
        if (mkdir(ret_root, 0755) < 0 || chmod(ret_root, 0755) < 0)
                return fail_set(f, MUSTER_IO, "", "", "make a directory in %s: %s", j->dir, strerror(errno));
        rc = s->kind == IMAGE_TAR ? unpack_tar(j, s, ret_root, f) : unpack_erofs(j, s, ret_root, f);
        /* a tar of a temporary directory says 0700 of it, which would keep everybody but root out */
        if (rc == 0 && s->kind == IMAGE_TAR && (chmod(ret_root, 0755) < 0 || lchown(ret_root, 0, 0) < 0))
                rc = fail_set(f, MUSTER_IO, "", "", "unpack the tar %s: %s", s->path, strerror(errno));
        *ret = (struct image_source){ .path = ret_root, .kind = IMAGE_DIR };
        return rc;
}
