/* SPDX-License-Identifier: Apache-2.0 */
/* The client's own image path without a TPM around it, for tests/bench and
 * the integration tests.
 *
 *   image_fetch seal PLAIN SEALED META     seals a file; META is the body of
 *                                          POST /v1/images without name, file
 *   image_fetch fetch META OUT URL…        node_image_fetch() into OUT
 *   image_fetch time META OUT URL…         the same; prints what it took
 *   image_fetch floor META SEALED          AES-256-GCM alone, over data in memory
 *   image_fetch open META SEALED OUT       as a node does with data that came:
 *                                          decrypt, verify, write
 *
 * What it took: wall clock, user and system time in microseconds; of floor
 * and open, without reading SEALED, each chunk copied from memory first.
 * META holds the key: test data only. Linked of the same objects as
 * muster-node. Exit: 0 done, 1 failed, 2 usage. */
#include "../../initramfs/node.h"

#include "hex.h"
#include "jout.h"
#include "jtab.h"
#include "seal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

struct meta {
        char format[16];
        int64_t size;
        int64_t plain_size;
        uint8_t header[SEAL_HEADER_LEN];
        struct buf key;
};

static const struct jfield meta_tab[] = {
        { "format", JT_STR, offsetof(struct meta, format), 15, JF_REQUIRED },
        { "size", JT_INT, offsetof(struct meta, size), (size_t)1 << 52, JF_REQUIRED },
        { "plain_size", JT_INT, offsetof(struct meta, plain_size), (size_t)1 << 52, JF_REQUIRED },
        { "header", JT_HEX, offsetof(struct meta, header), SEAL_HEADER_LEN, JF_REQUIRED },
        { "key", JT_B64, offsetof(struct meta, key), SEAL_KEY_LEN, JF_REQUIRED | JF_SECRET },
};

static int emit(void *ctx, const uint8_t *p, size_t len)
{
        return fwrite(p, 1, len, ctx) == len ? 0 : -EIO;
}

static int meta_write(const char *path, const struct seal_header *h, const uint8_t *header, const uint8_t *key)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "we");
        _cleanup_(jout_wipe) struct jout o = { 0 };
        struct buf text = { 0 };
        int r;

        jout_obj(&o, NULL);
        jout_str(&o, "format", "squashfs");
        jout_int(&o, "size", (int64_t)h->sealed_size);
        jout_int(&o, "plain_size", (int64_t)h->plain_size);
        jout_hex(&o, "header", header, SEAL_HEADER_LEN);
        jout_b64(&o, "key", key, SEAL_KEY_LEN);
        jout_end(&o, '}');
        r = jout_take(&o, &text);
        if (r == 0)
                r = f ? emit(f, text.p, text.len) : -EIO;
        buf_wipe(&text);
        return r;
}

static int seal_file(const char *plain, const char *sealed, const char *meta)
{
        _cleanup_(fclosep) FILE *in = fopen(plain, "re");
        _cleanup_(fclosep) FILE *out = fopen(sealed, "we");
        _cleanup_(seal_stream_freep) struct seal_stream *s = NULL;
        static const uint8_t key[SEAL_KEY_LEN] = { 0x62, 0x65, 0x6e, 0x63, 0x68 };
        static uint8_t piece[1 << 18];
        uint8_t header[SEAL_HEADER_LEN];
        struct seal_header h;
        struct stat st;
        size_t n;
        int r;

        if (!in || !out || fstat(fileno(in), &st) < 0)
                return -errno;
        r = seal_header_make((uint64_t)st.st_size, SEAL_SQUASHFS, header);
        if (r == 0)
                r = seal_header_parse(header, sizeof(header), &h);
        if (r == 0)
                r = seal_stream_new(key, header, true, 0, emit, out, &s);
        while (r == 0 && (n = fread(piece, 1, sizeof(piece), in)) > 0)
                r = seal_stream_write(s, piece, n);
        if (r == 0)
                r = ferror(in) ? -EIO : seal_stream_finish(s);
        if (r == 0 && fflush(out) != 0)
                r = -EIO;
        return r < 0 ? r : meta_write(meta, &h, header, key);
}

static int meta_read(const char *path, struct manifest *ret, uint8_t ret_key[SEAL_KEY_LEN])
{
        _cleanup_(buf_wipe) struct buf text = { 0 };
        struct meta m = { 0 };
        char err[JTAB_ERR];
        int r = file_read(path, 65536, &text);

        if (r == 0)
                r = jtab_parse(text.p, text.len, 65536, meta_tab, ELEMENTSOF(meta_tab), &m, err);
        if (r == 0 && m.key.len != SEAL_KEY_LEN)
                r = -EBADMSG;
        if (r == 0) {
                *ret = (struct manifest){ .name = "bench", .format = IMAGE_SQUASHFS, .size = m.size,
                                          .plain_size = m.plain_size };
                memcpy(ret->header, m.header, sizeof(ret->header));
                memcpy(ret_key, m.key.p, SEAL_KEY_LEN);
        }
        jtab_wipe(meta_tab, ELEMENTSOF(meta_tab), &m);
        return r;
}

static int64_t us_of(struct timeval t)
{
        return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

struct clocks {
        int64_t wall, user, sys;
};

static struct clocks now(void)
{
        struct rusage u = { 0 };
        struct timespec t = { 0 };

        (void)getrusage(RUSAGE_SELF, &u);
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (struct clocks){ (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000, us_of(u.ru_utime), us_of(u.ru_stime) };
}

static void took(struct clocks from)
{
        struct clocks to = now();

        (void)printf("{\"us\":%lld,\"user_us\":%lld,\"sys_us\":%lld}\n", (long long)(to.wall - from.wall),
                     (long long)(to.user - from.user), (long long)(to.sys - from.sys));
}

/* `out` NULL: nothing is written. */
static int open_file(const char *meta, const char *sealed, const char *out)
{
        _cleanup_(closep) int in = open(sealed, O_RDONLY | O_CLOEXEC);
        _cleanup_(closep) int fd = out ? open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
        _cleanup_(seal_freep) struct seal *s = NULL;
        static uint8_t chunk[SEAL_CHUNK_SEALED];
        struct manifest m = { .name = "" };
        uint8_t key[SEAL_KEY_LEN];
        struct seal_header h;
        struct clocks from;
        const uint8_t *p;
        int r = in < 0 || (out && fd < 0) ? -errno : meta_read(meta, &m, key);

        if (r == 0)
                r = seal_header_parse(m.header, sizeof(m.header), &h);
        if (r == 0)
                r = seal_new(key, m.header, false, &s);
        if (r < 0)
                return r;
        p = mmap(NULL, h.sealed_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, in, 0);
        if (p == MAP_FAILED)
                return -errno;
        from = now();
        for (uint64_t i = 0; i < h.chunks && r == 0; i++) {
                uint64_t at = 0;
                size_t len = 0;

                r = seal_chunk_at(&h, i, &at, &len);
                memcpy(chunk, p + at, len + SEAL_TAG_LEN);
                if (r == 0)
                        r = seal_open_chunk(s, i, chunk, len + SEAL_TAG_LEN);
                if (r == 0 && out && pwrite(fd, chunk, len, (off_t)(i << SEAL_CHUNK_LOG2)) != (ssize_t)len)
                        r = -EIO;
        }
        took(from);
        return r;
}

static int fetch_file(const char *meta, const char *out, char **urls, size_t n_urls, bool print)
{
        static struct node_conf conf;
        static struct node n;
        struct clocks from = now();
        _cleanup_(closep) int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int r = fd < 0 ? -errno : meta_read(meta, &n.manifest, n.verdict.image_key);

        if (r < 0)
                return r;
        n.conf = &conf;
        n.verdict.image_urls.v = urls;
        n.verdict.image_urls.n = n_urls;
        r = node_image_fetch(&n, fd);
        if (r < 0)
                (void)fprintf(stderr, "image_fetch: %s %s\n", n.f.code, n.f.what);
        else if (print)
                took(from);
        return r;
}

int main(int argc, char **argv)
{
        int r;

        log_init("image_fetch", LOG_LVL_WARN);
        if (argc == 5 && strcmp(argv[1], "seal") == 0)
                r = seal_file(argv[2], argv[3], argv[4]);
        else if (argc >= 5 && (strcmp(argv[1], "fetch") == 0 || strcmp(argv[1], "time") == 0))
                r = fetch_file(argv[2], argv[3], argv + 4, (size_t)argc - 4, argv[1][0] == 't');
        else if (argc == 4 && strcmp(argv[1], "floor") == 0)
                r = open_file(argv[2], argv[3], NULL);
        else if (argc == 5 && strcmp(argv[1], "open") == 0)
                r = open_file(argv[2], argv[3], argv[4]);
        else
                return 2;
        if (r < 0)
                (void)fprintf(stderr, "image_fetch %s: %s\n", argv[1], strerror(-r));
        return r < 0;
}
