/* SPDX-License-Identifier: Apache-2.0 */
#include "below.h"
#include "files.h"
#include "image.h"
#include "tool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

struct watch {
        const struct image_job *job;
        const char *path;
};

int image_job_begin(struct image_job *j, struct fail *f)
{
        int r = below_top(j->dir, &j->dir_fd);

        if (r == 0)
                r = below_work(j->dir_fd, j->work_name, &j->work_fd);
        if (r < 0)
                return fail_set(f, MUSTER_IO, "", r == -EACCES ? "use sudo" : "", "make a directory in the directory of images: %s",
                                below_why(r));
        below_path(j->work_fd, j->work);
        return 0;
}

void image_job_end(struct image_job *j)
{
        if (j->work[0]) {
                tree_remove_at(j->dir_fd, j->work_name);
                closep(&j->work_fd);
                closep(&j->dir_fd);
        }
        j->work[0] = '\0';
}

void image_progress(const struct image_job *j, const char *label, uint64_t done, uint64_t total)
{
        if (!j->progress)
                return;
        if (total) {
                unsigned percent = (unsigned)(done * 100 / total);
                char bar[41];

                for (unsigned i = 0; i < 40; i++)
                        bar[i] = i < percent * 40 / 100 ? '#' : '.';
                bar[40] = '\0';
                fprintf(stderr, "\r%-18s [%s] %3u %%\033[K", label, bar, percent);
        } else {
                fprintf(stderr, "\r%-18s %" PRIu64 " MiB\033[K", label, done >> 20);
        }
        (void)fflush(stderr);
}

void image_progress_end(const struct image_job *j)
{
        if (j->progress)
                fprintf(stderr, "\r\033[K");
}

static void tick(void *ctx)
{
        const struct watch *w = ctx;
        struct stat st;

        if (stat(w->path, &st) == 0)
                image_progress(w->job, "making the image", (uint64_t)st.st_size, 0);
}

static int open_source(const struct image_source *s, int *ret, struct fail *f)
{
        *ret = open(s->path, O_RDONLY | O_CLOEXEC);
        if (*ret < 0)
                return fail_set(f, MUSTER_IO, "", "", "read the image source %s: %s", s->path, strerror(errno));
        return 0;
}

/* Runs argv with the tar, unpacked, as its standard input. */
static int run_on_tar(const struct image_source *s, const char *const *argv, struct watch *w, struct fail *f)
{
        _cleanup_(tool_freep) struct tool *unpacker = NULL;
        _cleanup_(closep) int file = -1;
        _cleanup_(closep) int plain = -1;
        struct fail inner = { 0 };
        int rc = open_source(s, &file, f);

        if (rc == 0 && s->unpacker)
                rc = tool_start((const char *const[]){ s->unpacker, "-dc", NULL }, file, &plain, &unpacker, f);
        if (rc)
                return rc;
        rc = tool_run(argv, s->unpacker ? plain : file, tick, w, f);
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

static int make_squashfs(const struct image_source *s, const char *out, struct watch *w, struct fail *f)
{
        bool tar = s->kind == IMAGE_TAR;
        /* of a tar's own root directory mksquashfs takes nothing, and makes it 0777 */
        const char *argv[] = { "mksquashfs",  tar ? "-" : s->path, out, "-noappend", "-no-progress", "-quiet", "-no-recovery",
                               "-comp", "zstd", "-Xcompression-level", "9", "-mkfs-time", "0", "-exit-on-error",
                               tar ? "-tar" : NULL, "-root-mode", "0755", "-root-uid", "0", "-root-gid", "0",
                               "-root-time", "0", NULL };

        return tar ? run_on_tar(s, argv, w, f) : tool_run(argv, -1, tick, w, f);
}

/* Nodes mount squashfs only, so an erofs is unpacked and made into one. */
static int unpack_erofs(const struct image_job *j, const struct image_source *s, char ret[PATH_MAX], struct watch *w,
                        struct fail *f)
{
        char option[PATH_MAX];

        if (geteuid() != 0)
                return fail_set(f, MUSTER_IO, "", "use sudo, or give a directory, a tar or a squashfs",
                                "make a squashfs of the erofs %s: only root can unpack it with its owners", s->path);
        (void)snprintf(ret, PATH_MAX, "%.4000s/root", j->work);
        (void)snprintf(option, sizeof(option), "--extract=%.4000s/root", j->work);
        return tool_run((const char *const[]){ "fsck.erofs", option, "--preserve", s->path, NULL }, -1, tick, w, f);
}

int image_make(struct image_job *j, const struct image_source *s, char ret[PATH_MAX], struct fail *f)
{
        struct image_source from = *s;
        struct watch w = { j, ret };
        char root[PATH_MAX];
        int rc = 0;

        if (s->kind == IMAGE_SQUASHFS) {
                (void)snprintf(ret, PATH_MAX, "%s", s->path);
                return 0;
        }
        if (s->kind == IMAGE_DIR && access(s->path, R_OK | X_OK) < 0)
                return fail_set(f, MUSTER_IO, "", "use sudo", "read the image source %s: %s", s->path, strerror(errno));
        (void)snprintf(ret, PATH_MAX, "%.4000s/image", j->work);
        if (s->kind == IMAGE_EROFS) {
                rc = unpack_erofs(j, s, root, &w, f);
                from = (struct image_source){ .path = root, .kind = IMAGE_DIR };
        }
        if (rc == 0)
                rc = make_squashfs(&from, ret, &w, f);
        image_progress_end(j);
        if (rc && !f->next[0])
                (void)snprintf(f->next, sizeof(f->next), "check the source's permissions and the free space of %.150s",
                               j->dir);
        return rc;
}
