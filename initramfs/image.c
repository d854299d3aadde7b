/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * The header and the list of chunk digests come first and are compared with
 * the manifest, which the parent vouched for; then the chunks in order. A
 * chunk is verified before it is written (opener.h), so the file never holds
 * a byte that the manifest does not commit to, and `next` is always where to
 * go on: chunks behind it may be there already and are fetched once more. A
 * break in the transfer goes on with Range at the next URL, for as long as
 * some chunk arrives every few rounds. A header, list or chunk that fails to
 * verify is asked of each other URL once, and of that URL no more; the boot
 * is refused when every URL has given a bad one. A server that has no place
 * just now (503 with Retry-After) is asked again for some minutes.
 * A URL that gives less than RATE_LEAST over a window is left at the end of a
 * chunk: first for those that have not been found slow, then for one that was
 * half as fast again. Each time the window is twice as long as before, up to
 * WINDOW_MOST, so that a fleet whose every URL is slow spends its time on
 * reading. */
#include "node.h"

#include "opener.h"

#define CONNECT_MS 5000
#define STALL_MS 15000
#define PIECE 65536 /* bytes that must come within STALL_MS */
#define ROUNDS 4 /* over all URLs without a new chunk */
#define BUSY_MS 2000  /* before a server is asked again that has as many readers as it may have, */
#define BUSY_TRIES 300 /* and how often in all */
#define RATE_LEAST 262144 /* bytes a second: a busy but honest server gives each reader some times that */
#define WINDOW_LEAST 10000 /* ms */
#define WINDOW_MOST 160000

struct fetch {
        struct node *n;
        struct seal_header h;
        struct opener *opener;
        uint8_t *list;  /* h.list_len bytes, checked before the first chunk is asked for */
        uint64_t next;  /* the first chunk not yet verified */
        bool bad[WIRE_URLS];      /* this URL gave a bad `next` */
        uint64_t rate[WIRE_URLS]; /* bytes a second when it was last found slow; 0: it was not */
        int64_t window;           /* ms for which a rate is measured */
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

/* What all else is checked with, from the start of the file. */
static int read_head(struct fetch *f, struct http *h)
{
        const struct manifest *m = &f->n->manifest;
        uint8_t header[SEAL_HEADER_LEN];
        int r = read_exact(h, header, sizeof(header));

        if (r < 0)
                return trouble(f, r, "read");
        if (seal_header_check(header, sizeof(header), m->header, (uint64_t)m->size, (uint64_t)m->plain_size) < 0) {
                (void)trouble(f, 0, "the file's header is not the manifest's");
                return -EKEYREJECTED;
        }
        r = read_exact(h, f->list, f->h.list_len);
        if (r < 0)
                return trouble(f, r, "read");
        if (seal_list_check(&f->h, f->list, f->h.list_len, m->list) < 0) {
                (void)trouble(f, 0, "the file's list of chunk digests is not the manifest's");
                return -EKEYREJECTED;
        }
        return 0;
}

/* Brings the connection to chunk f->next. */
static int image_seek(struct fetch *f, struct http *h, const struct url *u)
{
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
        return read_head(f, h);
}

/* Where to go on after URL `i`, or urls.n when there is nowhere; `slow`: only
 * where it may be faster. */
static size_t other_url(const struct fetch *f, size_t i, bool slow)
{
        size_t n = f->n->verdict.image_urls.n;
        size_t best = n;

        for (size_t k = 1; k <= n; k++) {
                size_t j = (i + k) % n;

                if (f->bad[j] || (slow && j == i))
                        continue;
                if (!slow || f->rate[j] == 0)
                        return j;
                if (f->rate[j] > f->rate[i] + f->rate[i] / 2 && (best == n || f->rate[j] > f->rate[best]))
                        best = j;
        }
        return best;
}

/* Looks when a window ends: -ETIME: another URL may be faster. */
static int look_at_rate(struct fetch *f, size_t i, int64_t *since, uint64_t *bytes)
{
        int64_t now = stream_now_ms();
        uint64_t rate;

        if (now - *since < f->window)
                return 0;
        rate = *bytes * 1000 / (uint64_t)(now - *since);
        *since = now;
        *bytes = 0;
        f->rate[i] = rate < RATE_LEAST ? rate + 1 : 0;
        if (rate >= RATE_LEAST || other_url(f, i, true) == f->n->verdict.image_urls.n)
                return 0;
        f->window = f->window < WINDOW_MOST ? 2 * f->window : WINDOW_MOST;
        (void)snprintf(f->why, sizeof(f->why), "it gives %llu KiB a second", (unsigned long long)(rate / 1024));
        return -ETIME;
}

static int read_chunks(struct fetch *f, struct http *h, size_t url, uint64_t *ret_end)
{
        int64_t since = stream_now_ms();
        uint64_t bytes = 0;
        int r = 0;

        *ret_end = f->next;
        while (r == 0 && *ret_end < f->h.chunks) {
                uint8_t *buf = opener_buffer(f->opener);
                uint64_t at;
                size_t plain;

                if (!buf)
                        return 0; /* opener_drain() tells why */
                if (seal_chunk_at(&f->h, *ret_end, &at, &plain) < 0)
                        return -EIO;
                r = read_exact(h, buf, plain + SEAL_TAG_LEN);
                if (r < 0)
                        return trouble(f, r, "read");
                opener_give(f->opener, (*ret_end)++, plain + SEAL_TAG_LEN);
                bytes += plain + SEAL_TAG_LEN;
                if (*ret_end < f->h.chunks)
                        r = look_at_rate(f, url, &since, &bytes);
        }
        return r;
}

/* -EKEYREJECTED: what this URL gave does not verify. */
static int image_stream(struct fetch *f, size_t url)
{
        _cleanup_(http_freep) struct http *h = NULL;
        struct url u;
        uint64_t end;
        uint64_t bad;
        int r = image_connect(f, f->n->verdict.image_urls.v[url], &h, &u);
        int w;

        if (r == 0)
                r = image_seek(f, h, &u);
        if (r < 0)
                return r;
        r = read_chunks(f, h, url, &end);
        w = opener_drain(f->opener, &bad);
        if (w == -EKEYREJECTED)
                (void)snprintf(f->why, sizeof(f->why), "chunk %llu does not verify", (unsigned long long)bad);
        else if (w < 0)
                return fail_set(&f->n->f, -ENOSPC, "E-MEMORY", "give the node more RAM, or use a smaller image",
                                "store the image: %s", strerror(-w));
        if (f->next < (w < 0 ? bad : end))
                memset(f->bad, 0, sizeof(f->bad));
        f->next = w < 0 ? bad : end;
        return w < 0 ? w : r;
}

static int fetch_loop(struct fetch *f)
{
        const struct jstrs *urls = &f->n->verdict.image_urls;
        unsigned idle = 0; /* tries without a new chunk */

        for (size_t i = 0, to;; i = to) {
                uint64_t before = f->next;
                int r = image_stream(f, i);

                if (f->next == f->h.chunks || r == -ENOSPC)
                        return r;
                f->bad[i] = r == -EKEYREJECTED;
                to = other_url(f, i, r == -ETIME);
                if (r != -EBUSY || f->next > before)
                        idle = f->next > before ? 0 : idle + 1;
                if (to == urls->n || idle >= ROUNDS * urls->n)
                        return fail_set(&f->n->f, r, "E-IMAGE",
                                        r == -EKEYREJECTED ?
                                                "add the image again with `muster image add`, and look who serves it" :
                                                "see whether the parent's boot listener serves this file",
                                        "fetch image %s from %s: %s", f->n->manifest.name, urls->v[i], f->why);
                log_warn("node=%.16s image from %s: %s; going on at chunk %llu", f->n->id_hex, urls->v[i], f->why,
                         (unsigned long long)f->next);
                if (r == -EBUSY && to <= i)
                        sleep_jittered(BUSY_MS);
                else if (r != -EKEYREJECTED && r != -EBUSY && f->next == before)
                        sleep_jittered(500LL << (idle < 4 ? idle : 4));
        }
}

int node_image_fetch(struct node *n, int fd)
{
        struct fetch f = { .n = n, .window = WINDOW_LEAST };
        int r;

        if (seal_header_parse(n->manifest.header, sizeof(n->manifest.header), &f.h) < 0 ||
            f.h.sealed_size != (uint64_t)n->manifest.size || f.h.plain_size != (uint64_t)n->manifest.plain_size ||
            n->verdict.image_urls.n == 0 || n->verdict.image_urls.n > WIRE_URLS)
                return fail_set(&n->f, -EBADMSG, "E-IMAGE", "add the image again with `muster image add`",
                                "fetch image %s: its manifest contradicts itself", n->manifest.name);
        f.list = malloc(f.h.list_len);
        r = f.list ? opener_new(n->verdict.image_key, n->manifest.header, f.list, fd, opener_cores(), &f.opener) : -ENOMEM;
        if (r < 0)
                (void)fail_set(&n->f, r, "E-IMAGE", "", "fetch image %s: %s", n->manifest.name, strerror(-r));
        else
                r = fetch_loop(&f);
        opener_free(f.opener);
        free(f.list);
        wipe(n->verdict.image_key, sizeof(n->verdict.image_key));
        node_stage(n, "image");
        return r;
}
