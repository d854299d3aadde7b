/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "journal.h"
#include "names.h"
#include "nodes.h"

#include <inttypes.h>
#include <sys/socket.h>

bool admin_body(struct call *c, const struct jfield *tab, size_t n, void *into, enum MHD_Result *ret)
{
        char err[JTAB_ERR];
        const char *text = c->body.len > 0 ? (const char *)c->body.p : "{}";
        int r = jtab_parse(text, strlen(text), ADMIN_BODY_MAX, tab, n, into, err);

        if (r == 0 && (c->body.len == 0 || strlen(text) == c->body.len))
                return true;
        *ret = reply_error(c, 400, "see bootserver/API.md", "%s %s: %s", c->route->method, c->route->path,
                           r < 0 ? err : "the body holds a zero byte");
        return false;
}

static int64_t caller_uid(struct call *c)
{
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(c->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct ucred cred;
        socklen_t len = sizeof(cred);

        if (!i || getsockopt(i->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
                return -1;
        return cred.uid;
}

int admin_journal(struct call *c, const struct node *n, const char *event, detail_fn more, const void *ctx)
{
        _cleanup_(buf_wipe) struct buf detail = { 0 };
        struct jout o = { 0 };
        struct journal_entry e = { .node = n ? n->id : NULL, .name = n ? n->name : NULL, .event = event };
        int r;

        jout_obj(&o, NULL);
        jout_int(&o, "uid", caller_uid(c));
        if (more)
                more(&o, ctx);
        jout_end(&o, '}');
        r = jout_take(&o, &detail);
        jout_wipe(&o);
        if (r < 0)
                return r;
        e.detail = (const char *)detail.p;
        return journal_append(c->srv->store, server_now(), &e, NULL);
}

enum MHD_Result admin_no_node(struct call *c, int r)
{
        size_t n = strlen(c->param);

        if (r == -ENOENT && n >= 4 && n < 8 && hex_ok(c->param, n))
                return reply_error(c, 404, "see `muster node list`; of an id give at least 8 digits",
                                   "there is no node named %s, and %zu digits are too few for an id", c->param, n);
        if (r == -ENOENT)
                return reply_error(c, 404, "see `muster node list`", "there is no node %s", c->param);
        if (r == -ENOTUNIQ)
                return reply_error(c, 409, "give more digits of the id, or all 64",
                                   "%s stands for several nodes: their ids begin with it, or it is the name of one of them", c->param);
        return reply_failure(c, r, "cannot read the node's record");
}

enum MHD_Result admin_reply_removed(struct call *c, const char *name, const char *file, uint64_t size, int gone)
{
        struct jout o = { 0 };

        if (gone < 0 && gone != -ENOENT && gone != -EEXIST)
                log_warn("%s is removed, but its file %s cannot be deleted: %s. Next: delete it in %s", name, file, strerror(-gone),
                         c->srv->conf.state_dir);
        jout_obj(&o, NULL);
        jout_str(&o, "removed", name);
        jout_str(&o, "file", file);
        jout_bool(&o, "deleted", gone == 0);
        jout_int(&o, "freed", gone == 0 ? (int64_t)size : 0);
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}

enum MHD_Result admin_reply_node(struct call *c, const struct node *n, const char *learned, bool with_learned)
{
        struct jout o = { 0 };

        catalog_read(c->srv->catalog);
        node_json(&o, NULL, c->srv->catalog, n, server_now(), true);
        catalog_done(c->srv->catalog);
        if (with_learned)
                jout_str(&o, "learned", learned);
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}

bool admin_arg_number(struct call *c, const char *key, uint64_t standard, uint64_t min, uint64_t max, uint64_t *ret,
                      enum MHD_Result *ret_r)
{
        const char *v = call_arg(c, key);
        size_t n = v ? strspn(v, "0123456789") : 0;

        *ret = standard;
        if (!v)
                return true;
        if (n > 0 && n <= 18 && v[n] == '\0')
                *ret = strtoull(v, NULL, 10);
        if (n > 0 && n <= 18 && v[n] == '\0' && *ret >= min && *ret <= max)
                return true;
        *ret_r = reply_error(c, 400, "see bootserver/API.md", "%s is no number from %" PRIu64 " to %" PRIu64, key, min, max);
        return false;
}
