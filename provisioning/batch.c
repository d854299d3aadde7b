/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

int batch_parse(const struct cli_command *c, const char *text, struct noderange *ret)
{
        const char *why = NULL;
        int r = noderange_parse(text, ret, &why);

        return r < 0 ? cli_usage(c, "'%.200s' is no node range: %s", text, why) : 0;
}

int batch_begin(struct batch *b, const struct cli_command *c)
{
        struct fail f = { 0 };
        int rc;

        b->done = json_object_new_array();
        b->failed = json_object_new_array();
        if (!b->done || !b->failed) {
                fail_set(&f, 0, "", "", "%s: out of memory", c->name);
                return cli_fail(MUSTER_IO, &f);
        }
        rc = admin_open(cli_socket(), &b->admin, &f);
        return rc ? cli_fail(rc, &f) : 0;
}

int batch_open(struct batch *b, const struct cli_command *c, const char *range)
{
        int rc;

        *b = (struct batch){ .single = noderange_is_single(range) };
        rc = batch_parse(c, range, &b->nodes);
        return rc ? rc : batch_begin(b, c);
}

bool batch_note(struct batch *b, const char *node, int rc, struct json_object *answer, const struct fail *f)
{
        struct json_object *o;

        if (rc == 0) {
                if (answer)
                        json_object_array_add(b->done, answer);
                return true;
        }
        json_object_put(answer);
        b->rc = rc;
        if (b->single) {
                (void)cli_fail(rc, f);
                return false;
        }
        cli_complain(f);
        o = json_object_new_object();
        if (o) {
                json_object_object_add(o, "node", json_object_new_string(node));
                json_object_object_add(o, "error", json_object_new_string(f->what));
                json_object_object_add(o, "next", json_object_new_string(f->next));
                json_object_array_add(b->failed, o);
        }
        return rc != MUSTER_UNREACHABLE;
}

static int print_all(struct batch *b)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();

        if (!o)
                return MUSTER_IO;
        json_object_object_add(o, "nodes", json_object_get(b->done));
        json_object_object_add(o, "failed", json_object_get(b->failed));
        return cli_print_json(o);
}

int batch_close(struct batch *b)
{
        int r = MUSTER_OK;

        if (!cli_json())
                return b->rc;
        if (!b->single)
                r = print_all(b);
        else if (b->rc == 0 && json_object_array_length(b->done) == 1)
                r = cli_print_json(json_object_array_get_idx(b->done, 0));
        return b->rc ? b->rc : r;
}

void batch_wipe(struct batch *b)
{
        noderange_wipe(&b->nodes);
        admin_free(b->admin);
        json_object_put(b->done);
        json_object_put(b->failed);
        *b = (struct batch){ 0 };
}
