/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include "hostile.h"
#include "tls.h"

#include <json-c/json.h>
#include <netinet/in.h>
#include <sys/syscall.h>

struct link links[LINKS];
struct verdict challenge;
char last_answer[8192];

static X509 *parent_ca;
static unsigned parent_port;
static struct in_addr from; /* of new connections; 0: any */

void link_parent(X509 *ca, unsigned port)
{
        parent_ca = ca;
        parent_port = port;
}

void link_close(struct link *l)
{
        http_free(l->http);
        l->http = NULL;
}

/* In place of libc's, so that one machine can be many. */
int connect(int fd, const struct sockaddr *to, socklen_t len)
{
        struct sockaddr_in me = {.sin_family = AF_INET, .sin_addr = from};

        if (to->sa_family == AF_INET && from.s_addr)
                FX(bind(fd, (struct sockaddr *)&me, sizeof(me)) == 0);
        return (int)syscall(SYS_connect, fd, to, len);
}

void link_dial(struct link *l, const char *where)
{
        struct tls_trust trust = {parent_ca, time(NULL)};
        struct stream *tcp = NULL;
        struct stream *tls = NULL;
        char why[TLS_WHY];

        link_close(l);
        if (where != l->from)
                (void)snprintf(l->from, sizeof(l->from), "%s", where);
        from.s_addr = where[0] ? inet_addr(where) : 0;
        FX(stream_open_tcp("127.0.0.1", (uint16_t)parent_port, 5000, &tcp) == 0);
        FX(tls_connect(tcp, "127.0.0.1", &trust, &tls, why) == 0);
        FX(tls_exporter(tls, l->exporter) == 0 && http_new(tls, "127.0.0.1", &l->http) == 0);
}

/* The head of an answer as text: at most what there is. */
static int head_len(const struct buf *answer)
{
        size_t n = answer->len < 4 ? 0 : (size_t)answer->p[2] << 8 | answer->p[3];

        return (int)(n + 4 <= answer->len ? n : 0);
}

/* What it holds: members of the head, and blobs in the place of `octets`. */
static int members(const struct buf *answer)
{
        char head[WIRE_VERDICT_MAX + 1];
        struct json_object *octets = NULL;
        struct json_object *o;
        int n = -1;

        (void)snprintf(head, sizeof(head), "%.*s", head_len(answer), (const char *)answer->p + 4);
        o = json_tokener_parse(head);
        if (json_object_object_get_ex(o, "octets", &octets))
                n = json_object_object_length(o) - 1 + (int)json_object_array_length(octets);
        json_object_put(o);
        return n;
}

static void understand(const struct buf *answer, struct said *ret)
{
        static const char *const names[] = {
                [VERDICT_OK] = "ok", [VERDICT_CHALLENGE] = "challenge", [VERDICT_PENDING] = "pending"};
        struct verdict v = {0};
        char err[JTAB_ERR];

        if (wire_verdict_parse(answer->p, answer->len, &v, err) < 0)
                return;
        (void)snprintf(ret->word, sizeof(ret->word), "%s", v.code[0] ? v.code : names[v.kind]);
        memcpy(ret->incident, v.incident, sizeof(v.incident));
        memcpy(ret->image_key, v.image_key, sizeof(ret->image_key));
        ret->members = members(answer);
        if (v.approval_nv.len == sizeof(ret->approval))
                memcpy(ret->approval, v.approval_nv.p, sizeof(ret->approval));
        if (v.kind == VERDICT_CHALLENGE) {
                verdict_wipe(&challenge);
                challenge = v;
        } else {
                verdict_wipe(&v);
        }
}

struct said link_post(struct link *l, const char *path, const struct buf *body)
{
        struct said ret = {.word = "closed"};
        struct http_reply reply;
        struct buf answer = {0};

        if (!l->http || http_call(l->http, "POST", path, "application/x-muster", body->p, body->len, 1 << 20, &reply, &answer) < 0) {
                link_close(l);
                return ret;
        }
        (void)snprintf(ret.word, sizeof(ret.word), "HTTP %u", reply.status);
        understand(&answer, &ret);
        (void)snprintf(last_answer, sizeof(last_answer), "%.*s", head_len(&answer), (const char *)answer.p + 4);
        buf_wipe(&answer);
        if (!reply.keep_alive) {
                link_close(l);
        }
        return ret;
}

struct said link_attest(struct link *l, const char *lie)
{
        size_t other = (size_t)(l - links) == 0;

        memcpy(lie_other_exporter, links[other].exporter, DIGEST_LEN);
        lie_build(lie_find(lie), l->exporter);
        return link_post(l, "/v2/attest", &f.body);
}
