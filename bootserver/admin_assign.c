/* SPDX-License-Identifier: Apache-2.0 */
/* Which boot and image a node gets. */
#include "admin.h"

#include "nodes.h"

struct assign {
        char boot[NAME_MAX_LEN + 1];
        char image[NAME_MAX_LEN + 1];
        enum jstate boot_state;
        enum jstate image_state;
};

static const struct jfield assign_tab[] = {
        { "boot", JT_STR, offsetof(struct assign, boot), NAME_MAX_LEN, JF_NULL | JF_STATE, 0, NULL, 0,
          offsetof(struct assign, boot_state) },
        { "image", JT_STR, offsetof(struct assign, image), NAME_MAX_LEN, JF_NULL | JF_STATE, 0, NULL, 0,
          offsetof(struct assign, image_state) },
};

static void assign_detail(struct jout *o, const void *ctx)
{
        const struct assign *a = ctx;

        if (a->boot_state != JS_ABSENT)
                jout_str(o, "boot", a->boot[0] ? a->boot : NULL);
        if (a->image_state != JS_ABSENT)
                jout_str(o, "image", a->image[0] ? a->image : NULL);
}

static int assign_locked(struct call *c, const struct assign *a, struct node *n)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        struct store *s = c->srv->store;
        int r = store_tx_begin(&tx, s);

        if (r == 0)
                r = node_lookup(s, c->param, n);
        if (r < 0)
                return r;
        if (a->boot_state != JS_ABSENT)
                (void)snprintf(n->assigned_boot, sizeof(n->assigned_boot), "%s", a->boot);
        if (a->image_state != JS_ABSENT)
                (void)snprintf(n->assigned_image, sizeof(n->assigned_image), "%s", a->image);
        r = s->ops->node_put(s, n, NULL, 0);
        if (r == 0)
                r = admin_journal(c, n, "assigned", assign_detail, a);
        return r < 0 ? r : store_tx_commit(&tx);
}

enum MHD_Result on_node_assign(struct call *c)
{
        _cleanup_(node_wipe) struct node n = { 0 };
        struct server *srv = c->srv;
        struct assign a = { 0 };
        enum MHD_Result result = MHD_NO;
        const struct catalog_boot *b;
        const struct catalog_image *i;
        bool boot;
        bool image;
        bool files = false;
        int r = 0;

        if (!admin_body(c, assign_tab, ELEMENTSOF(assign_tab), &a, &result))
                return result;
        catalog_read(srv->catalog);
        b = a.boot_state == JS_SET ? catalog_boot(srv->catalog, a.boot) : NULL;
        i = a.image_state == JS_SET ? catalog_image(srv->catalog, a.image) : NULL;
        boot = a.boot_state != JS_SET || b;
        image = a.image_state != JS_SET || i;
        files = (!b || catalog_boot_usable(srv->catalog, b)) && (!i || catalog_image_usable(srv->catalog, i));
        if (boot && image && files)
                r = assign_locked(c, &a, &n);
        catalog_done(srv->catalog);
        if (!boot)
                return reply_error(c, 404, "see `muster boot list`", "there is no boot entry %s", a.boot);
        if (!image)
                return reply_error(c, 404, "see `muster image list`", "there is no image %s", a.image);
        if (!files)
                return reply_error(c, 409, ADMIN_NO_FILE_NEXT, "%s cannot be assigned: a file is gone or was altered (see `muster boot list` and "
                                   "`muster image list`)", b && i ? "boot entry and image" : b ? a.boot : a.image);
        if (r < 0)
                return admin_no_node(c, r);
        waiters_wake(srv->waiters, n.id);
        return admin_reply_node(c, &n, NULL, false);
}
