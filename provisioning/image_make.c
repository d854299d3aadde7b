/* SPDX-License-Identifier: Apache-2.0 */
#include "below.h"
#include "files.h"
#include "image.h"
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>

struct watch {
        const struct image_job *job;
        const char *path;
};

#define LOCK_TRIES 50 /* of 100 ms */

/* One at a time looks for what is left over, or makes a directory that is not locked yet. false: somebody else holds it
 * for longer than that takes. */
static bool lock_dir(int dir)
{
        for (int i = 0; i < LOCK_TRIES; i++) {
                if (flock(dir, LOCK_EX | LOCK_NB) == 0)
                        return true;
                (void)usleep(100000);
        }
        return false;
}

/* A directory whose lock nobody holds is of a run that was killed. */
static void remove_left_over(int dir)
{
        int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = own < 0 ? NULL : fdopendir(own);
        struct dirent *e;

        if (!d)
                closep(&own);
        while (d && (e = readdir(d))) {
                _cleanup_(closep) int work = -1;
                struct stat st;

                if (strncmp(e->d_name, BELOW_WORK, strlen(BELOW_WORK)) != 0 || below_dir(dir, e->d_name, &work) < 0)
                        continue;
                if (fstat(work, &st) == 0 && st.st_uid == geteuid() && flock(work, LOCK_EX | LOCK_NB) == 0)
                        tree_remove_at(dir, e->d_name);
        }
        if (d)
                (void)closedir(d);
}

int image_job_begin(struct image_job *j, struct fail *f)
{
        int r = below_top(j->dir, &j->dir_fd);
        bool locked = r == 0 && lock_dir(j->dir_fd);

        if (locked)
                remove_left_over(j->dir_fd);
        if (r == 0)
                r = below_work(j->dir_fd, j->work_name, &j->work_fd);
        if (r == 0 && flock(j->work_fd, LOCK_EX | LOCK_NB) < 0)
                r = -errno;
        if (locked)
                (void)flock(j->dir_fd, LOCK_UN);
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

static int make_squashfs(const struct image_source *s, const char *out, struct watch *w, struct fail *f)
{
        bool tar = s->kind == IMAGE_TAR;
        /* of a tar's own root directory mksquashfs takes nothing, and makes it 0777 */
        const char *argv[] = { "mksquashfs",  tar ? "-" : s->path, out, "-noappend", "-no-progress", "-quiet", "-no-recovery",
                               "-comp", "zstd", "-Xcompression-level", "9", "-mkfs-time", "0", "-exit-on-error",
                               tar ? "-tar" : NULL, "-root-mode", "0755", "-root-uid", "0", "-root-gid", "0",
                               "-root-time", "0", NULL };

        return tar ? image_run_on_tar(s, argv, tick, w, f) : tool_run(argv, -1, tick, w, f);
}

int image_make(struct image_job *j, const struct image_source *s, char ret[PATH_MAX], struct fail *f)
{
        struct watch w = { j, ret };
        char what[PATH_MAX + 64];
        int rc;

        if (s->kind == IMAGE_SQUASHFS) {
                (void)snprintf(ret, PATH_MAX, "%s", s->path);
                return 0;
        }
        if (s->kind == IMAGE_DIR && access(s->path, R_OK | X_OK) < 0)
                return fail_set(f, MUSTER_IO, "", "use sudo", "read the image source %s: %s", s->path, strerror(errno));
        (void)snprintf(ret, PATH_MAX, "%.4000s/image", j->work);
        (void)snprintf(what, sizeof(what), "make a squashfs of %s", j->source ? j->source : s->path);
        rc = make_squashfs(s, ret, &w, f);
        image_progress_end(j);
        if (rc)
                image_explain(j, what, f);
        return rc;
}
