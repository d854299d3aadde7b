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

        b->failed = json_object_new_array();
        if (!b->failed) {
                fail_set(&f, 0, "", "", "%s: out of memory", c->name);
                return cli_fail(MUSTER_IO, &f);
        }
        rc = admin_open(cli_socket(), &b->admin, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json() && !b->single)
                cli_list_begin("nodes");
        return 0;
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
                if (cli_json() && !b->single)
                        cli_list_item(answer);
                else if (cli_json())
                        b->rc = cli_print_json(answer);
                json_object_put(answer);
                return true;
        }
        json_object_put(answer);
        b->rc = rc;
        if (b->single) {
                (void)cli_fail(rc, f);
                return false;
        }
        cli_complain(f);
        o = cli_json() ? json_object_new_object() : NULL;
        if (o) {
                json_object_object_add(o, "node", json_object_new_string(node));
                json_object_object_add(o, "error", json_object_new_string(f->what));
                json_object_object_add(o, "next", json_object_new_string(f->next));
                json_object_array_add(b->failed, o);
        }
        return rc != MUSTER_UNREACHABLE;
}

int batch_close(struct batch *b)
{
        return cli_json() && !b->single ? cli_list_end(b->rc, NULL, "failed", b->failed) : b->rc;
}

void batch_wipe(struct batch *b)
{
        noderange_wipe(&b->nodes);
        admin_free(b->admin);
        json_object_put(b->failed);
        *b = (struct batch){ 0 };
}
