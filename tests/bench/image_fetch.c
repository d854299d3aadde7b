/* SPDX-License-Identifier: Apache-2.0 */
/* The client's own image path without a TPM around it, for tests/bench and
 * the integration tests.
 *
 *   image_fetch seal PLAIN SEALED META     seals a file; META is the body of
 *                                          POST /v1/images without name, file
 *   image_fetch fetch META OUT URL…        node_image_fetch() into OUT
 *   image_fetch time META OUT URL…         the same; prints what it took
 *   image_fetch floor META SEALED          SHA-256, then AES-256-GCM, and nothing else, over
 *                                          data in memory
 *   image_fetch open META SEALED OUT [N]   as a node does with data that came, with N threads
 *                                          (1): check the digest, decrypt, write
 *
 * What it took: wall clock, user and system time in microseconds; of floor
 * and open, without reading SEALED, each chunk copied from memory first.
 * META holds the key: test data only. Linked of the same objects as
 * muster-node. Exit: 0 done, 1 failed, 2 usage. */
#include "../../initramfs/node.h"
#include "../../initramfs/opener.h"

#include "digest.h"
#include "hex.h"
#include "jout.h"
#include "jtab.h"

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
        uint8_t list[DIGEST_LEN];
        struct buf key;
};

static const struct jfield meta_tab[] = {
        { "format", JT_STR, offsetof(struct meta, format), 15, JF_REQUIRED },
        { "size", JT_INT, offsetof(struct meta, size), (size_t)1 << 52, JF_REQUIRED },
        { "plain_size", JT_INT, offsetof(struct meta, plain_size), (size_t)1 << 52, JF_REQUIRED },
        { "header", JT_HEX, offsetof(struct meta, header), SEAL_HEADER_LEN, JF_REQUIRED },
        { "list", JT_HEX, offsetof(struct meta, list), DIGEST_LEN, JF_REQUIRED },
        { "key", JT_B64, offsetof(struct meta, key), SEAL_KEY_LEN, JF_REQUIRED | JF_SECRET },
};

static int meta_write(const char *path, const struct seal_header *h, const uint8_t *file, const uint8_t *key)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "we");
        _cleanup_(jout_wipe) struct jout o = { 0 };
        uint8_t digest[DIGEST_LEN];
        struct buf text = { 0 };
        int r = digest_sha256(file + SEAL_HEADER_LEN, h->list_len, digest);

        jout_obj(&o, NULL);
        jout_str(&o, "format", WIRE_IMAGE_FORMAT);
        jout_int(&o, "size", (int64_t)h->sealed_size);
        jout_int(&o, "plain_size", (int64_t)h->plain_size);
        jout_hex(&o, "header", file, SEAL_HEADER_LEN);
        jout_hex(&o, "list", digest, sizeof(digest));
        jout_b64(&o, "key", key, SEAL_KEY_LEN);
        jout_end(&o, '}');
        if (r == 0)
                r = jout_take(&o, &text);
        if (r == 0)
                r = f && fwrite(text.p, 1, text.len, f) == text.len ? 0 : -EIO;
        buf_wipe(&text);
        return r;
}

/* In place, in the file's own pages. */
static int seal_file(const char *plain, const char *sealed, const char *meta)
{
        _cleanup_(closep) int in = open(plain, O_RDONLY | O_CLOEXEC);
        _cleanup_(closep) int out = open(sealed, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        _cleanup_(seal_freep) struct seal *s = NULL;
        static const uint8_t key[SEAL_KEY_LEN] = { 0x62, 0x65, 0x6e, 0x63, 0x68 };
        uint8_t header[SEAL_HEADER_LEN];
        struct seal_header h;
        struct stat st;
        uint8_t *p;
        int r;

        if (in < 0 || out < 0 || fstat(in, &st) < 0)
                return -errno;
        r = seal_header_make((uint64_t)st.st_size, header);
        if (r == 0)
                r = seal_header_parse(header, sizeof(header), &h);
        if (r == 0)
                r = seal_new(key, header, true, &s);
        if (r == 0 && ftruncate(out, (off_t)h.sealed_size) < 0)
                r = -errno;
        if (r < 0)
                return r;
        p = mmap(NULL, h.sealed_size, PROT_READ | PROT_WRITE, MAP_SHARED, out, 0);
        if (p == MAP_FAILED)
                return -errno;
        memcpy(p, header, sizeof(header));
        for (uint64_t i = 0; i < h.chunks && r == 0; i++) {
                uint64_t at = 0;
                size_t len = 0;

                r = seal_chunk_at(&h, i, &at, &len);
                if (r == 0 && pread(in, p + at, len, (off_t)(i << SEAL_CHUNK_LOG2)) != (ssize_t)len)
                        r = -EIO;
                if (r == 0)
                        r = seal_chunk(s, p + SEAL_HEADER_LEN, i, p + at, len + SEAL_TAG_LEN);
        }
        if (r == 0)
                r = meta_write(meta, &h, p, key);
        (void)munmap(p, h.sealed_size);
        return r;
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
                *ret = (struct manifest){ .name = "bench", .size = m.size, .plain_size = m.plain_size };
                memcpy(ret->header, m.header, sizeof(ret->header));
                memcpy(ret->list, m.list, sizeof(ret->list));
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

/* A sealed file in memory, its pages there. */
static int map_file(const char *meta, const char *sealed, struct manifest *m, uint8_t key[SEAL_KEY_LEN], struct seal_header *h,
                    const uint8_t **ret)
{
        _cleanup_(closep) int in = open(sealed, O_RDONLY | O_CLOEXEC);
        int r = in < 0 ? -errno : meta_read(meta, m, key);
        const uint8_t *p;

        if (r == 0)
                r = seal_header_parse(m->header, sizeof(m->header), h);
        if (r < 0)
                return r;
        p = mmap(NULL, h->sealed_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, in, 0);
        if (p == MAP_FAILED)
                return -errno;
        *ret = p;
        return seal_list_check(h, p + SEAL_HEADER_LEN, h->list_len, m->list);
}

/* The two ciphers alone, by OpenSSL, on a buffer that stays where it is. */
static int floor_of(const char *meta, const char *sealed)
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        static uint8_t chunk[SEAL_CHUNK_SEALED];
        struct manifest m = { .name = "" };
        uint8_t digest[DIGEST_LEN], nonce[12] = { 0 }, key[SEAL_KEY_LEN];
        struct seal_header h;
        struct clocks from;
        const uint8_t *p;
        int r = c ? map_file(meta, sealed, &m, key, &h, &p) : -ENOMEM;

        if (r < 0 || EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, NULL) != 1)
                return r < 0 ? r : -EIO;
        from = now();
        for (uint64_t i = 0; i < h.chunks && r == 0; i++) {
                uint64_t at = 0;
                size_t len = 0;
                int n = 0;

                r = seal_chunk_at(&h, i, &at, &len);
                memcpy(chunk, p + at, len + SEAL_TAG_LEN);
                if (r == 0)
                        r = digest_sha256(chunk, len + SEAL_TAG_LEN, digest);
                if (r == 0 && (EVP_DecryptInit_ex(c, NULL, NULL, NULL, nonce) != 1 ||
                               EVP_DecryptUpdate(c, chunk, &n, chunk, (int)len) != 1))
                        r = -EIO;
        }
        took(from);
        return r;
}

static int open_file(const char *meta, const char *sealed, const char *out, unsigned threads)
{
        _cleanup_(closep) int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        _cleanup_(opener_freep) struct opener *o = NULL;
        struct manifest m = { .name = "" };
        uint8_t key[SEAL_KEY_LEN];
        struct seal_header h;
        struct clocks from;
        const uint8_t *p = NULL;
        uint64_t bad = 0;
        int r = fd < 0 ? -errno : map_file(meta, sealed, &m, key, &h, &p);
        int w;

        if (r == 0)
                r = opener_new(key, m.header, p + SEAL_HEADER_LEN, fd, threads, &o);
        if (r < 0)
                return r;
        from = now();
        for (uint64_t i = 0; i < h.chunks && r == 0; i++) {
                uint8_t *buf = opener_buffer(o);
                uint64_t at = 0;
                size_t len = 0;

                r = buf ? seal_chunk_at(&h, i, &at, &len) : -EIO;
                if (r < 0)
                        break;
                memcpy(buf, p + at, len + SEAL_TAG_LEN);
                opener_give(o, i, len + SEAL_TAG_LEN);
        }
        w = opener_drain(o, &bad);
        took(from);
        return r < 0 ? r : w;
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
                r = floor_of(argv[2], argv[3]);
        else if ((argc == 5 || argc == 6) && strcmp(argv[1], "open") == 0)
                r = open_file(argv[2], argv[3], argv[4], argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 1);
        else
                return 2;
        if (r < 0)
                (void)fprintf(stderr, "image_fetch %s: %s\n", argv[1], strerror(-r));
        return r < 0;
}
