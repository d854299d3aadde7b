/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include <strings.h>

#define INTERIM_MAX 8 /* 1xx replies before the one that counts */

struct http {
        struct stream *s;
        char host[288];
        uint8_t in[HTTP_HEAD_MAX + 1];
        size_t have; /* bytes in `in`, from `at` on unread */
        size_t at;
        uint64_t body_left;
};

int http_new(struct stream *s, const char *host, struct http **ret)
{
        struct http *h = calloc(1, sizeof(*h));

        if (!h || strlen(host) >= sizeof(h->host) || strpbrk(host, " \r\n\t")) {
                int r = h ? -EINVAL : -ENOMEM;

                free(h);
                stream_free(s);
                return r;
        }
        h->s = s;
        (void)snprintf(h->host, sizeof(h->host), "%s", host);
        *ret = h;
        return 0;
}

void http_free(struct http *h)
{
        if (!h)
                return;
        stream_free(h->s);
        wipe(h->in, sizeof(h->in));
        free(h);
}

struct stream *http_stream(struct http *h)
{
        return h->s;
}

static bool plain_word(const char *s)
{
        if (!*s)
                return false;
        for (; *s; s++)
                if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
                        return false;
        return true;
}

int http_send(struct http *h, const char *method, const char *target, const char *type, const void *body, size_t len,
              uint64_t first)
{
        char head[2048];
        char extra[192] = "";
        char range[64] = "";
        int n;
        int r;

        if (!plain_word(method) || !plain_word(target) || target[0] != '/' || (body && (!type || strlen(type) > 100)))
                return -EINVAL;
        if (body)
                (void)snprintf(extra, sizeof(extra), "Content-Type: %s\r\nContent-Length: %zu\r\n", type, len);
        else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
                (void)snprintf(extra, sizeof(extra), "Content-Length: 0\r\n");
        if (first > 0)
                (void)snprintf(range, sizeof(range), "Range: bytes=%llu-\r\n", (unsigned long long)first);
        n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: identity\r\n%s%s\r\n", method,
                     target, h->host, extra, range);
        if (n < 0 || (size_t)n >= sizeof(head))
                return -EINVAL;
        h->at = h->have = 0;
        h->body_left = 0;
        r = stream_write_all(h->s, head, (size_t)n);
        if (r < 0 || !body)
                return r;
        return stream_write_all(h->s, body, len);
}

/* Reads until the blank line; leaves h->at behind it. */
static int read_head(struct http *h, size_t *ret_len)
{
        for (;;) {
                const uint8_t *end = memmem(h->in, h->have, "\r\n\r\n", 4);
                ssize_t k;

                if (end) {
                        *ret_len = (size_t)(end - h->in) + 2;
                        h->at = *ret_len + 2;
                        return 0;
                }
                if (h->have == HTTP_HEAD_MAX)
                        return -EPROTO;
                k = stream_read(h->s, h->in + h->have, HTTP_HEAD_MAX - h->have);
                if (k < 0)
                        return (int)k;
                if (k == 0)
                        return -ECONNRESET;
                h->have += (size_t)k;
        }
}

static int number(const char **p, uint64_t *ret)
{
        uint64_t v = 0;
        unsigned digits = 0;

        for (; **p >= '0' && **p <= '9'; (*p)++, digits++) {
                if (digits == 18)
                        return -EPROTO;
                v = v * 10 + (uint64_t)(**p - '0');
        }
        *ret = v;
        return digits ? 0 : -EPROTO;
}

/* "bytes FIRST-LAST/TOTAL" */
static int content_range(const char *v, struct http_reply *rep)
{
        uint64_t last;

        if (strncasecmp(v, "bytes ", 6) != 0)
                return -EPROTO;
        v += 6;
        if (number(&v, &rep->range_first) < 0 || *v++ != '-' || number(&v, &last) < 0 || *v++ != '/' ||
            number(&v, &rep->range_total) < 0 || *v || last < rep->range_first || last >= rep->range_total)
                return -EPROTO;
        rep->has_range = true;
        return 0;
}

static int header(char *line, struct http_reply *rep, bool *has_length)
{
        char *v = strchr(line, ':');
        char *end;

        if (!v || v == line)
                return -EPROTO;
        *v++ = '\0';
        v += strspn(v, " \t");
        end = v + strlen(v);
        while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
                *--end = '\0';
        if (strcasecmp(line, "Content-Length") == 0) {
                const char *p = v;

                if (*has_length || number(&p, &rep->length) < 0 || *p)
                        return -EPROTO;
                *has_length = true;
        } else if (strcasecmp(line, "Transfer-Encoding") == 0) {
                return -EPROTO;
        } else if (strcasecmp(line, "Connection") == 0) {
                rep->keep_alive = strcasecmp(v, "close") != 0;
        } else if (strcasecmp(line, "Retry-After") == 0) {
                rep->retry_after = true;
        } else if (strcasecmp(line, "Content-Range") == 0) {
                return content_range(v, rep);
        }
        return 0;
}

/* Lines end in CR LF; no other control characters but the tab. */
static bool clean_head(const uint8_t *p, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                if (p[i] == '\r' && i + 1 < len && p[i + 1] == '\n')
                        i++;
                else if ((p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
                        return false;
        }
        return true;
}

static int parse_head(char *text, struct http_reply *rep)
{
        bool has_length = false;
        char *line;
        char *save = NULL;
        int r;

        line = strtok_r(text, "\r\n", &save);
        if (!line || strncmp(line, "HTTP/1.1 ", 9) != 0 || strspn(line + 9, "0123456789") != 3 || line[9] == '0' ||
            (line[12] != ' ' && line[12]))
                return -EPROTO;
        rep->status = (unsigned)strtoul(line + 9, NULL, 10);
        rep->keep_alive = true;
        while ((line = strtok_r(NULL, "\r\n", &save))) {
                r = header(line, rep, &has_length);
                if (r < 0)
                        return r;
        }
        if (rep->length > 0 && (rep->status == 204 || rep->status == 304 || rep->status / 100 == 1))
                return -EPROTO; /* has no body by definition: the next reply would be read out of it */
        if (!has_length && rep->status != 204 && rep->status != 304 && rep->status / 100 != 1)
                return -EPROTO;
        return 0;
}

int http_head(struct http *h, struct http_reply *ret)
{
        struct http_reply rep;
        size_t len = 0;
        int r;

        for (unsigned interim = 0; interim <= INTERIM_MAX; interim++) {
                rep = (struct http_reply){ 0 };
                r = read_head(h, &len);
                if (r < 0)
                        return r;
                if (!clean_head(h->in, len))
                        return -EPROTO;
                h->in[len] = '\0';
                r = parse_head((char *)h->in, &rep);
                if (r < 0)
                        return r;
                if (rep.status / 100 != 1) {
                        h->body_left = rep.length;
                        *ret = rep;
                        return 0;
                }
                memmove(h->in, h->in + h->at, h->have - h->at);
                h->have -= h->at;
                h->at = 0;
        }
        return -EPROTO;
}

ssize_t http_body(struct http *h, void *p, size_t n)
{
        ssize_t k;

        if (n > h->body_left)
                n = (size_t)h->body_left;
        if (n == 0)
                return 0;
        if (h->at < h->have) {
                if (n > h->have - h->at)
                        n = h->have - h->at;
                memcpy(p, h->in + h->at, n);
                h->at += n;
                h->body_left -= n;
                return (ssize_t)n;
        }
        k = stream_read(h->s, p, n);
        if (k == 0)
                return -ECONNRESET;
        if (k > 0)
                h->body_left -= (uint64_t)k;
        return k;
}

int http_call(struct http *h, const char *method, const char *target, const char *type, const void *body, size_t len,
              size_t max, struct http_reply *ret, struct buf *ret_body)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        struct http_reply rep;
        int r;

        r = http_send(h, method, target, body && !type ? "application/json" : type, body, len, 0);
        if (r < 0)
                return r;
        r = http_head(h, &rep);
        if (r < 0)
                return r;
        if (strcmp(method, "HEAD") == 0)
                h->body_left = rep.length = 0;
        if (rep.length > max)
                return -EMSGSIZE;
        b.p = calloc(1, (size_t)rep.length + 1);
        if (!b.p)
                return -ENOMEM;
        while (b.len < rep.length) {
                ssize_t k = http_body(h, b.p + b.len, (size_t)rep.length - b.len);

                if (k < 0)
                        return (int)k;
                b.len += (size_t)k;
        }
        *ret = rep;
        *ret_body = b;
        b = (struct buf){ 0 };
        return 0;
}
