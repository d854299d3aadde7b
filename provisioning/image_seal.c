/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * Chunks are independent, so each thread takes the next number, reads that
 * chunk, seals it and writes it to its place. Which thread did which chunk
 * leaves no trace in the file. The list of digests is written last, between
 * the header and the chunks. */
#include "digest.h"
#include "files.h"
#include "hex.h"
#include "image.h"
#include "tool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define THREADS_MAX 64

struct sealing {
        struct image_job *job;
        struct seal_header header;
        const uint8_t *key;
        const uint8_t *header_bytes;
        uint8_t *list; /* header.list_len bytes */
        int in;
        int out;
        const char *image;
        char temp[PATH_MAX];
        atomic_uint_fast64_t next; /* the chunk that is taken next */
        atomic_int error;          /* the first of any thread ends all */
        atomic_bool reading;       /* it was the source's */
};

static int read_exactly(int fd, uint8_t *p, size_t n, uint64_t at)
{
        while (n > 0) {
                ssize_t k = pread(fd, p, n, (off_t)at);

                if (k < 0 && errno == EINTR && !tool_interrupted())
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        return -ENODATA;
                p += k;
                at += (uint64_t)k;
                n -= (size_t)k;
        }
        return 0;
}

static int write_exactly(int fd, const uint8_t *p, size_t n, uint64_t at)
{
        while (n > 0) {
                ssize_t k = pwrite(fd, p, n, (off_t)at);

                if (k < 0 && errno == EINTR && !tool_interrupted())
                        continue;
                if (k < 0)
                        return -errno;
                p += k;
                at += (uint64_t)k;
                n -= (size_t)k;
        }
        return 0;
}

static int seal_one(struct sealing *s, struct seal *seal, uint64_t i, uint8_t *chunk)
{
        uint64_t at;
        size_t n;
        int r = seal_chunk_at(&s->header, i, &at, &n);

        if (r == 0) {
                r = read_exactly(s->in, chunk, n, i << SEAL_CHUNK_LOG2);
                if (r < 0)
                        atomic_store(&s->reading, true);
        }
        if (r == 0)
                r = seal_chunk(seal, s->list, i, chunk, n + SEAL_TAG_LEN);
        if (r == 0)
                r = write_exactly(s->out, chunk, n + SEAL_TAG_LEN, at);
        return r == 0 && tool_interrupted() ? -EINTR : r;
}

/* The caller's thread tells the progress; the others are given no `watch`. */
static void seal_some(struct sealing *s, bool watch)
{
        _cleanup_(seal_freep) struct seal *seal = NULL;
        uint8_t *chunk = malloc(SEAL_CHUNK_SEALED);
        int r = chunk ? seal_new(s->key, s->header_bytes, true, &seal) : -ENOMEM;
        int none = 0;

        while (r == 0 && atomic_load(&s->error) == 0) {
                uint64_t i = atomic_fetch_add(&s->next, 1);

                if (i >= s->header.chunks)
                        break;
                r = seal_one(s, seal, i, chunk);
                if (watch)
                        image_progress(s->job, "sealing the image", i, s->header.chunks);
        }
        if (r < 0)
                (void)atomic_compare_exchange_strong(&s->error, &none, r);
        if (chunk)
                wipe(chunk, SEAL_CHUNK_SEALED);
        free(chunk);
}

static void *helper(void *arg)
{
        seal_some(arg, false);
        return NULL;
}

static unsigned thread_count(const struct sealing *s)
{
        unsigned n = s->job->threads;
        cpu_set_t set;

        if (n == 0)
                n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
        if (n > s->header.chunks)
                n = (unsigned)s->header.chunks;
        return n > THREADS_MAX ? THREADS_MAX : n;
}

static int seal_all(struct sealing *s, struct fail *f)
{
        pthread_t helpers[THREADS_MAX];
        unsigned want = thread_count(s);
        unsigned n = 0;
        int r;

        while (n + 1 < want && pthread_create(&helpers[n], NULL, helper, s) == 0)
                n++;
        seal_some(s, true);
        while (n > 0)
                (void)pthread_join(helpers[--n], NULL);
        image_progress_end(s->job);
        r = atomic_load(&s->error);
        if (r == 0)
                r = write_exactly(s->out, s->header_bytes, SEAL_HEADER_LEN, 0);
        if (r == 0)
                r = write_exactly(s->out, s->list, s->header.list_len, SEAL_HEADER_LEN);
        if (r == -EINTR)
                return fail_set(f, MUSTER_IO, "", "", "seal the image %s: interrupted", s->image);
        if (r < 0) {
                bool reading = atomic_load(&s->reading);

                return fail_set(f, MUSTER_IO, "", reading ? "" : "make room, e.g. with muster image remove", "%s %s: %s",
                                reading ? "read the image" : "write the sealed image", reading ? s->image : s->temp,
                                r == -ENODATA ? "it became shorter meanwhile" : strerror(-r));
        }
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
                r = seal_header_make((uint64_t)st.st_size, out->header);
        if (r == 0)
                r = seal_header_parse(out->header, sizeof(out->header), &s->header);
        if (r == 0) {
                s->list = malloc(s->header.list_len);
                r = s->list ? 0 : -ENOMEM;
        }
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
        struct image_sealed out = { 0 };
        struct sealing s = { .job = j, .in = -1, .out = -1, .image = image, .key = out.key, .header_bytes = out.header };
        char id[HEX_LEN(8)];
        int rc;

        rc = prepare(&s, &out, f);
        if (rc == 0)
                rc = seal_all(&s, f);
        if (rc == 0 && digest_sha256(s.list, s.header.list_len, out.list) < 0)
                rc = fail_set(f, MUSTER_IO, "", "", "seal the image %s: its list cannot be hashed", image);
        if (rc == 0) {
                hex_encode(s.header.image_id, 8, id);
                (void)snprintf(out.base, sizeof(out.base), "%s-%s.sealed", j->name, id);
                rc = publish(&s, out.base, f);
        }
        out.size = s.header.sealed_size;
        out.plain_size = s.header.plain_size;
        free(s.list);
        closep(&s.in);
        closep(&s.out);
        if (rc == 0)
                *ret = out;
        wipe(&out, sizeof(out));
        return rc;
}
