/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include "fault.h"
#include "room.h"

#include <inttypes.h>
#include <stdarg.h>

struct owned {
        struct buf b;
};

static void owned_free(void *cls)
{
        struct owned *o = cls;

        buf_wipe(&o->b);
        free(o);
}

#define RETRY_AFTER "2" /* seconds */

/* A file's name has its content's digest or id in it, and the client
 * believes no cache: one may keep it for good. The script is a node's own. */
static const char *caching(const struct call *c)
{
        if (c->etag && c->etag[0])
                return "public, max-age=31536000, immutable";
        return c->etag ? "no-cache" : "no-store";
}

static bool add_headers(struct call *c, const char *type, struct MHD_Response *resp)
{
        const struct {
                const char *name;
                const char *value; /* NULL: not this time */
        } all[] = {
                { MHD_HTTP_HEADER_CONTENT_TYPE, type },
                { "X-Content-Type-Options", "nosniff" },
                { MHD_HTTP_HEADER_CACHE_CONTROL, caching(c) },
                { MHD_HTTP_HEADER_ETAG, c->etag && c->etag[0] ? c->etag : NULL },
                { MHD_HTTP_HEADER_CONNECTION, serve_limit(c->session) ? "close" : NULL },
                { MHD_HTTP_HEADER_ALLOW, c->allow },
                { MHD_HTTP_HEADER_RETRY_AFTER, c->retry ? RETRY_AFTER : NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (all[i].value && MHD_add_response_header(resp, all[i].name, all[i].value) != MHD_YES)
                        return false;
        return true;
}

static enum MHD_Result queue(struct call *c, unsigned status, const char *type, struct MHD_Response *resp)
{
        enum MHD_Result r = MHD_NO;

        if (!resp)
                return MHD_NO;
        if (add_headers(c, type, resp)) {
                FAULT_POINT("reply-queue");
                r = MHD_queue_response(c->conn, status, resp);
                FAULT_POINT("reply-queued");
        }
        MHD_destroy_response(resp);
        return r;
}

enum MHD_Result reply_buf(struct call *c, unsigned status, const char *type, struct buf *body)
{
        struct owned *o = calloc(1, sizeof(*o));
        struct MHD_Response *resp;

        if (!o) {
                buf_wipe(body);
                return MHD_NO;
        }
        o->b = *body;
        *body = (struct buf){ 0 };
        resp = MHD_create_response_from_buffer_with_free_callback_cls(o->b.len, o->b.p, owned_free, o);
        if (!resp) {
                owned_free(o);
                return MHD_NO;
        }
        return queue(c, status, type, resp);
}

enum MHD_Result reply_json(struct call *c, unsigned status, struct jout *o)
{
        struct buf b = { 0 };
        int r = jout_take(o, &b);

        jout_wipe(o);
        if (r < 0)
                return MHD_NO;
        return reply_buf(c, status, "application/json", &b);
}

enum MHD_Result reply_error(struct call *c, unsigned status, const char *next, const char *fmt, ...)
{
        struct jout o = { 0 };
        char what[600];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(what, sizeof(what), fmt, ap);
        va_end(ap);
        jout_obj(&o, NULL);
        jout_str(&o, "error", what);
        jout_str(&o, "next", next);
        jout_end(&o, '}');
        return reply_json(c, status, &o);
}

enum MHD_Result reply_failure(struct call *c, int r, const char *what)
{
        if (r == -ENOSPC || ((r == -EIO || r == -EROFS) && room_is_full(c->srv->conf.state_dir)))
                return reply_error(c, 503, "make room there, e.g. with `muster image prune`, and do it again", "%s: the disk that holds %s is full",
                                   what, c->srv->conf.state_dir);
        return reply_error(c, 503, "try again; if it stays, see musterd's log", "%s: %s", what, strerror(-r));
}

enum MHD_Result reply_unchanged(struct call *c)
{
        return queue(c, 304, NULL, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

enum MHD_Result reply_file(struct call *c, int fd, uint64_t first, uint64_t len, uint64_t total, bool partial)
{
        struct MHD_Response *resp = MHD_create_response_from_fd_at_offset64(len, fd, first);
        char range[96];

        if (!resp) {
                (void)close(fd);
                return MHD_NO;
        }
        (void)snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, first + len - 1, total);
        if (MHD_add_response_header(resp, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes") != MHD_YES ||
            (partial && MHD_add_response_header(resp, MHD_HTTP_HEADER_CONTENT_RANGE, range) != MHD_YES)) {
                MHD_destroy_response(resp);
                return MHD_NO;
        }
        return queue(c, partial ? 206 : 200, "application/octet-stream", resp);
}

const char *call_arg(struct call *c, const char *key)
{
        return MHD_lookup_connection_value(c->conn, MHD_GET_ARGUMENT_KIND, key);
}
