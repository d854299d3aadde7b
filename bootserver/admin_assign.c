/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-enrolment, and which boot and image a node gets. */
#include "admin.h"

#include "ek_cas.h"
#include "ek_kept.h"
#include "hex.h"
#include "hooks.h"
#include "names.h"
#include "nodes.h"
#include "tpmpub.h"
#include "wire_verdict.h"

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
        bool boot;
        bool image;
        int r = 0;

        if (!admin_body(c, assign_tab, ELEMENTSOF(assign_tab), &a, &result))
                return result;
        catalog_read(srv->catalog);
        boot = a.boot_state != JS_SET || catalog_boot(srv->catalog, a.boot);
        image = a.image_state != JS_SET || catalog_image(srv->catalog, a.image);
        if (boot && image)
                r = assign_locked(c, &a, &n);
        catalog_done(srv->catalog);
        if (!boot)
                return reply_error(c, 404, "see `muster boot list`", "there is no boot entry %s", a.boot);
        if (!image)
                return reply_error(c, 404, "see `muster image list`", "there is no image %s", a.image);
        if (r < 0)
                return admin_no_node(c, r);
        waiters_wake(srv->waiters, n.id);
        return admin_reply_node(c, &n, NULL, false);
}

struct add {
        char name[NAME_MAX_LEN + 1];
        char id[NODE_ID_HEX + 1];
        char profile[PROFILE_NAME_MAX + 1];
        struct buf certificate;
        struct buf ek_public;
        bool without;
};

static const struct jfield add_tab[] = {
        { "name", JT_STR, offsetof(struct add, name), NAME_MAX_LEN, JF_REQUIRED },
        { "id", JT_STR, offsetof(struct add, id), NODE_ID_HEX, 0 },
        { "profile", JT_STR, offsetof(struct add, profile), PROFILE_NAME_MAX, 0 },
        { "ek_certificate", JT_B64, offsetof(struct add, certificate), 4096, 0 },
        { "ek_public", JT_B64, offsetof(struct add, ek_public), 1024, 0 },
        { "without_ek_certificate", JT_BOOL, offsetof(struct add, without), 0, 0 },
};

static void add_wipe(struct add *a)
{
        jtab_wipe(add_tab, ELEMENTSOF(add_tab), a);
}

/* All that name the EK must name the same one. A static text when not. */
static const char *same_id(struct node *n, const uint8_t id[DIGEST_LEN])
{
        char hex[NODE_ID_HEX + 1];

        hex_encode(id, DIGEST_LEN, hex);
        if (n->id[0] && strcmp(n->id, hex) != 0)
                return "id, certificate and public key are not of the same EK";
        memcpy(n->id, hex, sizeof(hex));
        return NULL;
}

static const char *identify(struct server *srv, const struct add *a, struct node *n)
{
        struct jbufs certs = { .v = (struct buf *)(uintptr_t)&a->certificate, .n = a->certificate.len > 0 };
        const char *why = NULL;
        uint8_t id[DIGEST_LEN];

        n->chain = EK_CHAIN_NONE;
        if (a->id[0]) {
                if (!hex_ok(a->id, NODE_ID_HEX))
                        return "an id is 64 hex digits";
                memcpy(n->id, a->id, sizeof(n->id));
        }
        if (a->ek_public.len > 0) {
                struct tpmpub pub;

                if (tpmpub_parse_any(a->ek_public.p, a->ek_public.len, &pub) < 0 || tpmpub_is_ek(&pub, &why) < 0 ||
                    tpmpub_id(&pub, id) < 0)
                        return why ? why : "the EK's public area does not parse";
                why = same_id(n, id);
        }
        if (!why && certs.n > 0) {
                struct ekcert leaf = { 0 };

                if (ekcert_parse(certs.v[0].p, certs.v[0].len, &leaf, &why) < 0)
                        return why;
                why = leaf.not_ek ? leaf.not_ek : same_id(n, leaf.id);
                if (!why)
                        n->chain = ek_cas_check(srv->ek_cas, &certs, leaf.id);
                ekcert_free(&leaf);
        }
        return why ? why : n->id[0] ? NULL : "give id, ek_certificate or ek_public";
}

static int add_commit(struct call *c, const struct add *a, struct node *n)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node old = { 0 };
        const struct jbufs certs = { .v = (struct buf *)(uintptr_t)&a->certificate, .n = a->certificate.len > 0 };
        struct store *s = c->srv->store;
        int r = store_tx_begin(&tx, s);

        if (r < 0)
                return r;
        r = s->ops->node_get(s, n->id, &old);
        if (r != -ENOENT)
                return r < 0 ? r : -EEXIST;
        r = s->ops->node_put(s, n, NULL, 0);
        if (r == 0)
                r = ek_kept_put(s, n->id, &certs);
        if (r == 0)
                r = admin_journal(c, n, "enrolled", NULL, NULL);
        return r < 0 ? r : store_tx_commit(&tx);
}

enum MHD_Result on_node_add(struct call *c)
{
        _cleanup_(node_wipe) struct node n = { .state = NODE_ENROLLED };
        _cleanup_(add_wipe) struct add a = { 0 };
        enum MHD_Result result = MHD_NO;
        const char *why;
        int r;

        if (!admin_body(c, add_tab, ELEMENTSOF(add_tab), &a, &result))
                return result;
        if (!wire_name_ok(a.name))
                return reply_error(c, 400, "use a-z, 0-9 and -, at most 63", "%s is no name for a node", a.name);
        why = identify(c->srv, &a, &n);
        if (why)
                return reply_error(c, 400, "see muster(8), node add", "add node %s: %s", a.name, why);
        n.without_cert = a.without;
        n.first_seen = server_now();
        (void)snprintf(n.name, sizeof(n.name), "%s", a.name);
        (void)snprintf(n.profile, sizeof(n.profile), "%s", a.profile);
        r = add_commit(c, &a, &n);
        if (r == -EEXIST)
                return reply_error(c, 409, "see `muster node list`", "add node %s: this name or this EK is there already",
                                   a.name);
        if (r < 0)
                return reply_failure(c, r, "cannot add the node");
        waiters_wake(c->srv->waiters, n.id);
        hooks_send(c->srv->hooks, &n, "", "enrolled", NULL, NULL);
        return admin_reply_node(c, &n, NULL, false);
}
