/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_client.h"
#include "http.h"

#include <fcntl.h>

#define IDLE_MS 120000 /* the server may have to hash a big UKI */
#define DEPTH_MAX 32

struct admin {
        struct http *http;
        bool used; /* the open connection has carried a request */
        char path[108];
};

static int unreachable(struct admin *a, int r, struct fail *f)
{
        const char *next = "systemctl status musterd, or give --socket or MUSTER_SOCKET";

        if (r == -EACCES || r == -EPERM)
                next = "use sudo, or join the group that musterd.conf names";
        return fail_set(f, MUSTER_UNREACHABLE, "", next, "connect to musterd at %s: %s", a->path, strerror(-r));
}

static int connect_now(struct admin *a)
{
        struct stream *s = NULL;
        int r;

        http_free(a->http);
        a->http = NULL;
        a->used = false;
        r = stream_open_unix(a->path, &s);
        if (r < 0)
                return r;
        s->idle_ms = IDLE_MS;
        return http_new(s, "localhost", &a->http);
}

int admin_open(const char *socket_path, struct admin **ret, struct fail *f)
{
        _cleanup_(admin_freep) struct admin *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return fail_set(f, MUSTER_UNREACHABLE, "", "", "connect to musterd: out of memory");
        (void)snprintf(a->path, sizeof(a->path), "%s", socket_path);
        r = strlen(socket_path) >= sizeof(a->path) ? -ENAMETOOLONG : connect_now(a);
        if (r < 0)
                return unreachable(a, r, f);
        *ret = take_ptr(a);
        return 0;
}

void admin_free(struct admin *a)
{
        if (!a)
                return;
        http_free(a->http);
        free(a);
}

static int parse_answer(const struct buf *b, struct json_object **ret)
{
        struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
        _cleanup_(json_putp) struct json_object *o = NULL;

        if (!t || b->len > INT32_MAX) {
                if (t)
                        json_tokener_free(t);
                return -ENOMEM;
        }
        json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(t, (const char *)b->p, (int)b->len);
        json_tokener_free(t);
        if (!json_object_is_type(o, json_type_object))
                return -EBADMSG;
        *ret = take_ptr(o);
        return 0;
}

static int refused(const char *method, const char *target, unsigned status, struct json_object *o, struct fail *f)
{
        const char *what = admin_str(o, "error");
        const char *next = admin_str(o, "next");

        if (what && *what)
                return fail_set(f, MUSTER_NO, "", next ? next : "", "%s", what);
        return fail_set(f, MUSTER_NO, "", "journalctl -u musterd", "%s %s: musterd answered HTTP %u", method, target,
                        status);
}

int admin_call(struct admin *a, const char *method, const char *target, const char *body, struct json_object **ret,
               struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        _cleanup_(buf_wipe) struct buf b = { 0 };
        struct http_reply rep = { 0 };
        int r;

        for (;;) {
                bool again = a->used && strcmp(method, "GET") == 0;

                r = a->http ? 0 : connect_now(a);
                if (r < 0)
                        return unreachable(a, r, f);
                a->used = true;
                r = http_call(a->http, method, target, NULL, body, body ? strlen(body) : 0, ADMIN_ANSWER_MAX, &rep, &b);
                if (r == 0)
                        break;
                http_free(take_ptr(a->http));
                if (!again || r == -EINVAL || r == -EMSGSIZE)
                        return fail_set(f, MUSTER_UNREACHABLE, "", "journalctl -u musterd",
                                        "%s %s: the connection to musterd at %s broke: %s", method, target, a->path,
                                        strerror(-r));
                a->used = false;
        }
        if (!rep.keep_alive)
                http_free(take_ptr(a->http));
        r = parse_answer(&b, &o);
        if (rep.status / 100 != 2)
                return refused(method, target, rep.status, o, f);
        if (r < 0)
                return fail_set(f, MUSTER_UNREACHABLE, "", "check that the socket is musterd's",
                                "%s %s: the answer is no JSON object", method, target);
        if (ret)
                *ret = take_ptr(o);
        return 0;
}

static int receive(struct admin *a, const struct http_reply *head, int fd)
{
        uint8_t block[65536];
        uint64_t got = 0;
        ssize_t n;

        while ((n = http_body(a->http, block, sizeof(block))) > 0) {
                if (write(fd, block, (size_t)n) != n)
                        return errno ? -errno : -ENOSPC;
                got += (uint64_t)n;
        }
        if (n < 0)
                return (int)n;
        return got != head->length ? -ECONNRESET : fsync(fd) < 0 ? -errno : 0;
}

/* The reason is the body, as of any other call. */
static int refused_download(struct admin *a, const char *target, const struct http_reply *head, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        uint8_t text[4096];
        struct buf b = { .p = text };
        ssize_t n;

        while (b.len < sizeof(text) && (n = http_body(a->http, text + b.len, sizeof(text) - b.len)) > 0)
                b.len += (size_t)n;
        (void)parse_answer(&b, &o);
        return refused("GET", target, head->status, o, f);
}

int admin_download(struct admin *a, const char *target, const char *path, struct fail *f)
{
        _cleanup_(closep) int fd = -1;
        struct http_reply head = { 0 };
        int r = http_send(a->http, "GET", target, NULL, NULL, 0, 0);

        if (r == 0)
                r = http_head(a->http, &head);
        if (r < 0)
                return unreachable(a, r, f);
        if (head.status != 200)
                return refused_download(a, target, &head, f);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        r = fd < 0 ? -errno : receive(a, &head, fd);
        if (r < 0 && fd >= 0)
                (void)unlink(path);
        return r < 0 ? fail_set(f, MUSTER_IO, "", "check the free space", "write %s: %s", path, strerror(-r)) : 0;
}

int admin_target(char *out, size_t n, const char *prefix, const char *name, const char *suffix)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
        size_t at = strlen(prefix);

        if (at + 3 * strlen(name) + strlen(suffix) >= n)
                return -ENAMETOOLONG;
        (void)snprintf(out, n, "%s", prefix);
        for (; *name; name++) {
                if (strchr(plain, *name))
                        out[at++] = *name;
                else
                        at += (size_t)snprintf(out + at, 4, "%%%02X", (unsigned char)*name);
        }
        (void)snprintf(out + at, n - at, "%s", suffix);
        return 0;
}

struct json_object *admin_get(struct json_object *o, const char *key)
{
        struct json_object *v = NULL;

        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v))
                return NULL;
        return v;
}

const char *admin_str(struct json_object *o, const char *key)
{
        struct json_object *v = admin_get(o, key);

        return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

const char *admin_text(struct json_object *o, const char *key)
{
        const char *s = admin_str(o, key);

        return s ? s : "";
}

int64_t admin_int(struct json_object *o, const char *key)
{
        struct json_object *v = admin_get(o, key);

        return json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : 0;
}

bool admin_bool(struct json_object *o, const char *key)
{
        struct json_object *v = admin_get(o, key);

        return json_object_is_type(v, json_type_boolean) && json_object_get_boolean(v);
}
