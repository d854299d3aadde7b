/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"
#include "hex.h"
#include "image.h"
#include "tool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct sealing {
        struct image_job *job;
        struct seal_header header;
        struct seal *seal;
        int in;
        int out;
        const char *image;
        char temp[PATH_MAX];
};

static int read_exactly(int fd, uint8_t *p, size_t n)
{
        while (n > 0) {
                ssize_t k = read(fd, p, n);

                if (k < 0 && errno == EINTR && !tool_interrupted())
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        return -ENODATA;
                p += k;
                n -= (size_t)k;
        }
        return 0;
}

static int write_exactly(int fd, const uint8_t *p, size_t n)
{
        while (n > 0) {
                ssize_t k = write(fd, p, n);

                if (k < 0 && errno == EINTR && !tool_interrupted())
                        continue;
                if (k < 0)
                        return -errno;
                p += k;
                n -= (size_t)k;
        }
        return 0;
}

static int seal_all(struct sealing *s, struct fail *f)
{
        uint8_t *chunk = malloc(SEAL_CHUNK_SEALED);
        int r = chunk ? 0 : -ENOMEM;
        bool reading = false;

        for (uint64_t i = 0; r == 0 && i < s->header.chunks; i++) {
                uint64_t at;
                size_t n;

                r = seal_chunk_at(&s->header, i, &at, &n);
                if (r == 0) {
                        r = read_exactly(s->in, chunk, n);
                        reading = r < 0;
                }
                if (r == 0)
                        r = seal_chunk(s->seal, i, chunk, n + SEAL_TAG_LEN);
                if (r == 0)
                        r = write_exactly(s->out, chunk, n + SEAL_TAG_LEN);
                if (r == 0 && tool_interrupted())
                        r = -EINTR;
                if (i % 16 == 0)
                        image_progress(s->job, "sealing the image", i, s->header.chunks);
        }
        if (chunk)
                wipe(chunk, SEAL_CHUNK_SEALED);
        free(chunk);
        image_progress_end(s->job);
        if (r == -EINTR)
                return fail_set(f, MUSTER_IO, "", "", "seal the image %s: interrupted", s->image);
        if (r < 0)
                return fail_set(f, MUSTER_IO, "", reading ? "" : "make room, e.g. with muster image remove", "%s %s: %s",
                                reading ? "read the image" : "write the sealed image", reading ? s->image : s->temp,
                                r == -ENODATA ? "it became shorter meanwhile" : strerror(-r));
        return 0;
}

static int check_room(const struct image_job *j, uint64_t size, struct fail *f)
{
        struct statvfs vfs;
        uint64_t room;

        if (statvfs(j->dir, &vfs) < 0)
                return 0;
        room = (uint64_t)vfs.f_bavail * vfs.f_frsize;
        if (room >= size)
                return 0;
        return fail_set(f, MUSTER_IO, "", "make room, e.g. with muster image remove",
                        "write the sealed image in %s: it needs %" PRIu64 " MiB, %" PRIu64 " MiB are free", j->dir,
                        (size >> 20) + 1, room >> 20);
}

static int prepare(struct sealing *s, struct image_sealed *out, struct fail *f)
{
        struct stat st;
        int r;

        s->in = open(s->image, O_RDONLY | O_CLOEXEC);
        if (s->in < 0 || fstat(s->in, &st) < 0)
                return fail_set(f, MUSTER_IO, "", "", "read the image %s: %s", s->image, strerror(errno));
        if (st.st_size == 0)
                return fail_set(f, MUSTER_USAGE, "", "", "seal the image %s: it is empty", s->image);
        r = RAND_priv_bytes(out->key, sizeof(out->key)) == 1 ? 0 : -EIO;
        if (r == 0)
                r = seal_header_make((uint64_t)st.st_size, s->job->format, out->header);
        if (r == 0)
                r = seal_header_parse(out->header, sizeof(out->header), &s->header);
        if (r == 0)
                r = seal_new(out->key, out->header, true, &s->seal);
        if (r < 0)
                return fail_set(f, MUSTER_IO, "", "", "seal the image %s: %s", s->image, strerror(-r));
        r = check_room(s->job, s->header.sealed_size, f);
        if (r)
                return r;
        (void)snprintf(s->temp, sizeof(s->temp), "%.4000s/sealed", s->job->work);
        s->out = open(s->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (s->out < 0)
                return fail_set(f, MUSTER_IO, "", "", "write the sealed image %s: %s", s->temp, strerror(errno));
        return 0;
}

/* Into its place, whole and on disk. */
static int publish(struct sealing *s, const char *base, struct fail *f)
{
        char path[PATH_MAX + 256];
        int r = 0;

        (void)snprintf(path, sizeof(path), "%s/%s", s->job->dir, base);
        if (fchmod(s->out, 0644) < 0 || fsync(s->out) < 0)
                r = -errno;
        if (r == 0)
                r = file_own_like(s->temp, s->job->dir);
        if (r == 0 && rename(s->temp, path) < 0)
                r = -errno;
        if (r == 0)
                r = dir_sync(path);
        return r < 0 ? fail_set(f, MUSTER_IO, "", "", "write the sealed image %s: %s", path, strerror(-r)) : 0;
}

int image_seal(struct image_job *j, const char *image, struct image_sealed *ret, struct fail *f)
{
        struct sealing s = { .job = j, .in = -1, .out = -1, .image = image };
        struct image_sealed out = { 0 };
        char id[HEX_LEN(8)];
        int rc;

        rc = prepare(&s, &out, f);
        if (rc == 0) {
                int r = write_exactly(s.out, out.header, sizeof(out.header));

                rc = r < 0 ? fail_set(f, MUSTER_IO, "", "", "write the sealed image %s: %s", s.temp, strerror(-r))
                           : seal_all(&s, f);
        }
        if (rc == 0) {
                hex_encode(s.header.image_id, 8, id);
                (void)snprintf(out.base, sizeof(out.base), "%s-%s.sealed", j->name, id);
                rc = publish(&s, out.base, f);
        }
        out.size = s.header.sealed_size;
        out.plain_size = s.header.plain_size;
        seal_free(s.seal);
        closep(&s.in);
        closep(&s.out);
        if (rc == 0)
                *ret = out;
        wipe(&out, sizeof(out));
        return rc;
}
