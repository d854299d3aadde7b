/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * The image is fetched in order, chunk by chunk; a chunk is verified before
 * it is written, so the file never holds a byte that the parent's key did
 * not vouch for, and `next` is always where to go on. A break in the
 * transfer goes on with Range at the next URL, for as long as some chunk
 * arrives every few rounds. A chunk that fails to verify is asked of each
 * other URL once; then the boot is refused. A server that has no place just
 * now (503 with Retry-After) is asked again for some minutes. */
#include "node.h"

#include "seal.h"

#define CONNECT_MS 5000
#define STALL_MS 15000
#define PIECE 65536 /* bytes that must come within STALL_MS */
#define ROUNDS 4 /* over all URLs without a new chunk */
#define BUSY_MS 2000  /* before a server is asked again that has as many readers as it may have, */
#define BUSY_TRIES 300 /* and how often in all */

struct fetch {
        struct node *n;
        struct seal_header h;
        struct seal *seal;
        int fd;
        uint8_t *chunk; /* SEAL_CHUNK_SEALED bytes */
        uint64_t next;  /* the first chunk not yet verified */
        size_t bad;     /* how many URLs gave a bad `next` */
        unsigned busy;  /* how often one had no place */
        char why[160];  /* the last trouble */
};

static int trouble(struct fetch *f, int r, const char *what)
{
        (void)snprintf(f->why, sizeof(f->why), "%s%s%s", what, r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
        return r < 0 ? r : -EIO;
}

/* A mirror that drips is as bad as one that stalls: each piece has its time. */
static int read_exact(struct http *h, uint8_t *p, size_t len)
{
        size_t came = PIECE; /* since the deadline was set */

        while (len > 0) {
                ssize_t k;

                if (came >= PIECE) {
                        came = 0;
                        http_stream(h)->deadline = stream_now_ms() + STALL_MS;
                }
                k = http_body(h, p, len);
                if (k <= 0)
                        return k < 0 ? (int)k : -ECONNRESET;
                p += k;
                len -= (size_t)k;
                came += (size_t)k;
        }
        return 0;
}

static int write_at(int fd, const uint8_t *p, size_t len, uint64_t at)
{
        while (len > 0) {
                ssize_t k = pwrite(fd, p, len, (off_t)at);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : -EIO;
                p += k;
                at += (uint64_t)k;
                len -= (size_t)k;
        }
        return 0;
}

static int image_connect(struct fetch *f, const char *text, struct http **ret, struct url *ret_url)
{
        struct stream *s = NULL;
        char host[300];
        const char *ip;
        int r;

        if (url_parse(text, ret_url) < 0 || ret_url->tls)
                return trouble(f, -EINVAL, "the URL is not http://HOST[:PORT]/PATH");
        ip = node_conf_address(f->n->conf, ret_url->host);
        if (!ip)
                return trouble(f, 0, "its host is neither an address nor in `hosts` of node.conf");
        (void)snprintf(host, sizeof(host), strchr(ret_url->host, ':') ? "[%s]:%u" : "%s:%u", ret_url->host,
                       ret_url->port);
        r = stream_open_tcp(ip, ret_url->port, CONNECT_MS, &s);
        if (r < 0)
                return trouble(f, r, "connect");
        s->idle_ms = STALL_MS;
        s->deadline = stream_now_ms() + STALL_MS; /* for the head of the answer */
        r = http_new(s, host, ret);
        return r < 0 ? trouble(f, r, "connect") : 0;
}

/* Brings the connection to chunk f->next; checks the header on the way. */
static int image_seek(struct fetch *f, struct http *h, const struct url *u)
{
        uint8_t header[SEAL_HEADER_LEN];
        struct http_reply rep = { 0 };
        uint64_t at = 0;
        size_t plain;
        int r;

        if (f->next > 0 && seal_chunk_at(&f->h, f->next, &at, &plain) < 0)
                return -EIO;
        r = http_send(h, "GET", u->path, NULL, NULL, 0, at);
        if (r == 0)
                r = http_head(h, &rep);
        if (r < 0)
                return trouble(f, r, "request");
        if (rep.status == 503 && rep.retry_after) {
                (void)trouble(f, 0, "it has as many readers as it may have");
                return f->busy++ < BUSY_TRIES ? -EBUSY : -EIO;
        }
        if (at > 0) {
                if (rep.status != 206 || !rep.has_range || rep.range_first != at ||
                    rep.range_total != f->h.sealed_size)
                        return trouble(f, 0, "it does not answer a Range request for this file");
                return 0;
        }
        if (rep.status != 200) {
                (void)snprintf(f->why, sizeof(f->why), "HTTP status %u", rep.status);
                return -ENOENT;
        }
        if (rep.length != f->h.sealed_size)
                return trouble(f, 0, "its length is not the manifest's");
        r = read_exact(h, header, sizeof(header));
        if (r < 0)
                return trouble(f, r, "read");
        if (seal_header_check(header, sizeof(header), f->n->manifest.header, (uint64_t)f->n->manifest.size,
                              (uint64_t)f->n->manifest.plain_size) < 0) {
                (void)trouble(f, 0, "the file's header is not the manifest's");
                return -EKEYREJECTED;
        }
        return 0;
}

/* -EKEYREJECTED: this URL's chunk does not verify. */
static int image_stream(struct fetch *f, const char *text)
{
        _cleanup_(http_freep) struct http *h = NULL;
        struct url u;
        int r = image_connect(f, text, &h, &u);

        if (r == 0)
                r = image_seek(f, h, &u);
        while (r == 0 && f->next < f->h.chunks) {
                uint64_t at;
                size_t plain;

                if (seal_chunk_at(&f->h, f->next, &at, &plain) < 0)
                        return -EIO;
                r = read_exact(h, f->chunk, plain + SEAL_TAG_LEN);
                if (r < 0)
                        return trouble(f, r, "read");
                if (seal_open_chunk(f->seal, f->next, f->chunk, plain + SEAL_TAG_LEN) < 0) {
                        (void)snprintf(f->why, sizeof(f->why), "chunk %llu does not verify",
                                       (unsigned long long)f->next);
                        return -EKEYREJECTED;
                }
                r = write_at(f->fd, f->chunk, plain, f->next << SEAL_CHUNK_LOG2);
                if (r < 0)
                        return fail_set(&f->n->f, -ENOSPC, "E-MEMORY", "give the node more RAM, or use a smaller image",
                                        "store the image: %s", strerror(-r));
                f->next++;
                f->bad = 0;
        }
        return r;
}

static int fetch_loop(struct fetch *f)
{
        const struct jstrs *urls = &f->n->verdict.image_urls;
        unsigned idle = 0; /* tries without a new chunk */

        for (size_t i = 0;; i = (i + 1) % urls->n) {
                uint64_t before = f->next;
                int r = image_stream(f, urls->v[i]);

                if (f->next == f->h.chunks || r == -ENOSPC)
                        return r;
                if (r == -EKEYREJECTED)
                        f->bad++;
                if (r != -EBUSY || f->next > before)
                        idle = f->next > before ? 0 : idle + 1;
                if (f->bad >= urls->n || idle >= ROUNDS * urls->n)
                        return fail_set(&f->n->f, r, "E-IMAGE",
                                        r == -EKEYREJECTED ?
                                                "add the image again with `muster image add`, and look who serves it" :
                                                "see whether the parent's boot listener serves this file",
                                        "fetch image %s from %s: %s", f->n->manifest.name, urls->v[i], f->why);
                log_warn("node=%.16s image from %s: %s; going on at chunk %llu", f->n->id_hex, urls->v[i], f->why,
                         (unsigned long long)f->next);
                if (r == -EBUSY && i + 1 == urls->n)
                        sleep_jittered(BUSY_MS);
                else if (r != -EKEYREJECTED && r != -EBUSY && f->next == before)
                        sleep_jittered(500LL << (idle < 4 ? idle : 4));
        }
}

int node_image_fetch(struct node *n, int fd)
{
        struct fetch f = { .n = n, .fd = fd };
        int r;

        if (seal_header_parse(n->manifest.header, sizeof(n->manifest.header), &f.h) < 0 ||
            f.h.sealed_size != (uint64_t)n->manifest.size || f.h.plain_size != (uint64_t)n->manifest.plain_size ||
            (unsigned)f.h.format != (unsigned)n->manifest.format || n->verdict.image_urls.n == 0)
                return fail_set(&n->f, -EBADMSG, "E-IMAGE", "add the image again with `muster image add`",
                                "fetch image %s: its manifest contradicts itself", n->manifest.name);
        f.chunk = malloc(SEAL_CHUNK_SEALED);
        r = f.chunk ? seal_new(n->verdict.image_key, n->manifest.header, false, &f.seal) : -ENOMEM;
        if (r < 0)
                (void)fail_set(&n->f, r, "E-IMAGE", "", "fetch image %s: %s", n->manifest.name, strerror(-r));
        else
                r = fetch_loop(&f);
        seal_free(f.seal);
        free(f.chunk);
        wipe(n->verdict.image_key, sizeof(n->verdict.image_key));
        node_stage(n, "image");
        return r;
}
