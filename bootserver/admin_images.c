/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "keys.h"
#include "names.h"
#include "wire_verdict.h"

struct add {
        char name[NAME_MAX_LEN + 1];
        char file[REFS_FILE_MAX + 1];
        char format[16];
        int64_t size;
        int64_t plain_size;
        uint8_t header[64];
        uint8_t list[DIGEST_LEN];
        struct buf key;
        bool standard;
        bool unchecked; /* the one who added it overrode what its look found */
};

static const struct jfield add_tab[] = {
        { "name", JT_STR, offsetof(struct add, name), NAME_MAX_LEN, JF_REQUIRED },
        { "file", JT_STR, offsetof(struct add, file), REFS_FILE_MAX, JF_REQUIRED },
        { "format", JT_STR, offsetof(struct add, format), 15, JF_REQUIRED },
        { "size", JT_INT, offsetof(struct add, size), (size_t)1 << 52, JF_REQUIRED },
        { "plain_size", JT_INT, offsetof(struct add, plain_size), (size_t)1 << 52, JF_REQUIRED },
        { "header", JT_HEX, offsetof(struct add, header), 64, JF_REQUIRED },
        { "list", JT_HEX, offsetof(struct add, list), DIGEST_LEN, JF_REQUIRED },
        { "key", JT_B64, offsetof(struct add, key), 32, JF_REQUIRED | JF_SECRET },
        { "default", JT_BOOL, offsetof(struct add, standard), 0, 0 },
        { "unchecked", JT_BOOL, offsetof(struct add, unchecked), 0, 0 },
};

static void add_wipe(struct add *a)
{
        jtab_wipe(add_tab, ELEMENTSOF(add_tab), a);
}

/* assigned: negative where it was not asked */
static void image_json(struct jout *o, struct catalog *cat, const struct catalog_image *i, int assigned)
{
        jout_obj(o, NULL);
        jout_str(o, "name", i->row.name);
        jout_str(o, "file", i->row.file);
        jout_str(o, "format", i->row.format);
        jout_int(o, "size", (int64_t)i->row.size);
        jout_int(o, "plain_size", (int64_t)i->row.plain_size);
        jout_hex(o, "header", i->row.header, sizeof(i->row.header));
        jout_hex(o, "list", i->row.list, sizeof(i->row.list));
        jout_int(o, "added", i->row.added);
        jout_bool(o, "default", strcmp(i->row.name, catalog_default(cat, true, false)) == 0);
        jout_bool(o, "usable", catalog_image_usable(cat, i));
        if (assigned >= 0)
                jout_bool(o, "assigned", assigned > 0);
        jout_end(o, '}');
}

enum MHD_Result on_images(struct call *c)
{
        struct store *s = c->srv->store;
        struct jout o = { 0 };
        int r = 0;

        jout_obj(&o, NULL);
        jout_arr(&o, "images");
        catalog_read(c->srv->catalog);
        for (const struct catalog_image *i = catalog_images(c->srv->catalog); i && r >= 0; i = i->next) {
                r = s->ops->node_assigned(s, i->row.name, true);
                image_json(&o, c->srv->catalog, i, r);
        }
        catalog_done(c->srv->catalog);
        if (r < 0) {
                jout_wipe(&o);
                return reply_failure(c, r, "cannot read which images are assigned");
        }
        jout_end(&o, ']');
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}

static enum MHD_Result reply_image(struct call *c, const char *name)
{
        const struct catalog_image *i;
        struct jout o = { 0 };

        catalog_read(c->srv->catalog);
        i = catalog_image(c->srv->catalog, name);
        if (i)
                image_json(&o, c->srv->catalog, i, -1);
        catalog_done(c->srv->catalog);
        if (!i)
                return reply_error(c, 404, "see `muster image list`", "there is no image %s", name);
        return reply_json(c, 200, &o);
}

static void image_detail(struct jout *o, const void *ctx)
{
        const struct image_row *i = ctx;

        jout_str(o, "image", i->name);
        if (i->file[0]) {
                jout_str(o, "file", i->file);
                jout_hex(o, "header", i->header, sizeof(i->header));
                jout_hex(o, "list", i->list, sizeof(i->list));
        }
}

static void unchecked_detail(struct jout *o, const void *ctx)
{
        image_detail(o, ctx);
        jout_bool(o, "unchecked", true);
}

static int commit(struct call *c, struct store_tx *tx, const struct image_row *row, bool unchecked, const char *event)
{
        int r = admin_journal(c, NULL, event, unchecked ? unchecked_detail : image_detail, row);

        if (r == 0)
                r = store_tx_commit(tx);
        return r < 0 ? r : catalog_reload(c->srv->catalog);
}

static int add_locked(struct call *c, const struct image_row *row, const struct add *a)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        struct store *s = c->srv->store;
        int r = store_tx_begin(&tx, s);

        if (r == 0)
                r = s->ops->image_put(s, row);
        if (r == 0 && a->standard)
                r = catalog_set_default(c->srv->catalog, true, row->name);
        return r < 0 ? r : commit(c, &tx, row, a->unchecked, a->standard ? "image-added-default" : "image-added");
}

enum MHD_Result on_image_add(struct call *c)
{
        _cleanup_(add_wipe) struct add a = { 0 };
        struct image_row row = { .added = server_now() };
        struct fail fail = { 0 };
        enum MHD_Result result = MHD_NO;
        int r;

        if (!admin_body(c, add_tab, ELEMENTSOF(add_tab), &a, &result))
                return result;
        if (!entry_name_ok(a.name) || !file_name_ok(a.file) || a.key.len != 32)
                return reply_error(c, 400, "names are letters, digits, '.', '_', '-'; the key has 32 bytes", "add image: name, file or key is not well formed");
        if (strcmp(a.format, WIRE_IMAGE_FORMAT) != 0)
                return reply_error(c, 400, "`muster image add` makes a squashfs of it", "add image %s: only a squashfs is "
                                           "mounted: root on a node could change what another file system reads", a.name);
        (void)snprintf(row.name, sizeof(row.name), "%s", a.name);
        (void)snprintf(row.file, sizeof(row.file), "%s", a.file);
        (void)snprintf(row.format, sizeof(row.format), "%s", a.format);
        row.size = (uint64_t)a.size;
        row.plain_size = (uint64_t)a.plain_size;
        memcpy(row.header, a.header, sizeof(row.header));
        memcpy(row.list, a.list, sizeof(row.list));
        r = catalog_image_prepare(c->srv->catalog, &row, &fail);
        if (r < 0)
                return reply_error(c, r == -ENOENT ? 404 : 400, fail.next, "%s", fail.what);
        r = signer_wrap(c->srv->signer, &(struct image_ref){ row.name, row.header, row.list }, a.key.p, row.wrapped_key);
        if (r == 0) {
                catalog_write(c->srv->catalog);
                r = add_locked(c, &row, &a);
                catalog_done(c->srv->catalog);
        }
        if (r == -EEXIST)
                return reply_error(c, 409, "choose another name, or remove it first", "there is an image %s already", a.name);
        if (r < 0)
                return reply_failure(c, r, "cannot add the image");
        log_info("image %s added: file=%s%s", row.name, row.file, a.standard ? ", now the default" : "");
        return reply_image(c, row.name);
}

static int default_locked(struct call *c, const struct image_row *row)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        const struct catalog_image *i = catalog_image(c->srv->catalog, row->name);
        int r;

        if (!i || !catalog_image_usable(c->srv->catalog, i))
                return i ? -ESTALE : -ENOENT;
        r = store_tx_begin(&tx, c->srv->store);
        if (r == 0)
                r = catalog_set_default(c->srv->catalog, true, row->name);
        return r < 0 ? r : commit(c, &tx, row, false, "image-default");
}

enum MHD_Result on_image_default(struct call *c)
{
        struct image_row row = { 0 };
        int r;

        if (!entry_name_ok(c->param))
                return reply_error(c, 404, "see `muster image list`", "there is no such image");
        (void)snprintf(row.name, sizeof(row.name), "%.63s", c->param);
        catalog_write(c->srv->catalog);
        r = default_locked(c, &row);
        catalog_done(c->srv->catalog);
        if (r == -ESTALE)
                return reply_error(c, 409, ADMIN_NO_FILE_NEXT, "image %s cannot be the default: its file is gone or was altered", row.name);
        if (r < 0 && r != -ENOENT)
                return reply_failure(c, r, "cannot change the default image");
        return reply_image(c, row.name);
}

static int delete_locked(struct call *c, const struct image_row *row)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        struct store *s = c->srv->store;
        int r;

        if (strcmp(row->name, catalog_default(c->srv->catalog, true, false)) == 0)
                return -EBUSY;
        r = store_tx_begin(&tx, s);
        if (r == 0)
                r = s->ops->node_assigned(s, row->name, true);
        if (r > 0)
                return -EBUSY;
        if (r == 0)
                r = s->ops->image_delete(s, row->name);
        if (r == 0 && strcmp(row->name, catalog_default(c->srv->catalog, true, true)) == 0)
                r = s->ops->setting_put(s, "previous_image", NULL);
        return r < 0 ? r : commit(c, &tx, row, false, "image-removed");
}

enum MHD_Result on_image_delete(struct call *c)
{
        const struct catalog_image *i;
        char file[sizeof(i->row.file)] = "";
        struct image_row row = { 0 };
        uint64_t size = 0;
        int r = -ENOENT;
        int gone = 0;

        if (entry_name_ok(c->param)) {
                (void)snprintf(row.name, sizeof(row.name), "%.63s", c->param);
                catalog_write(c->srv->catalog);
                i = catalog_image(c->srv->catalog, row.name);
                if (i) {
                        (void)snprintf(file, sizeof(file), "%s", i->row.file);
                        size = i->row.size;
                }
                r = delete_locked(c, &row);
                if (r == 0)
                        gone = catalog_delete_file(c->srv->catalog, true, file);
                catalog_done(c->srv->catalog);
        }
        if (r == -ENOENT)
                return reply_error(c, 404, "see `muster image list`", "there is no image %s", row.name);
        if (r == -EBUSY)
                return reply_error(c, 409, "make another one the default, and assign nodes another one",
                                   "image %s is the default or assigned to nodes", row.name);
        if (r < 0)
                return reply_failure(c, r, "cannot remove the image");
        return admin_reply_removed(c, row.name, file, size, gone);
}
