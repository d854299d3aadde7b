/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "names.h"

struct add {
        char name[NAME_MAX_LEN + 1];
        char file[REFS_FILE_MAX + 1];
        char *cmdline;
        bool standard;
        bool allow_shell;
        bool unchecked; /* the one who added it overrode what its look found */
};

static const struct jfield add_tab[] = {
        { "name", JT_STR, offsetof(struct add, name), NAME_MAX_LEN, JF_REQUIRED },
        { "file", JT_STR, offsetof(struct add, file), REFS_FILE_MAX, JF_REQUIRED },
        { "cmdline", JT_STRDUP, offsetof(struct add, cmdline), REFS_CMDLINE_MAX, JF_REQUIRED },
        { "default", JT_BOOL, offsetof(struct add, standard), 0, 0 },
        { "allow_shell", JT_BOOL, offsetof(struct add, allow_shell), 0, 0 },
        { "unchecked", JT_BOOL, offsetof(struct add, unchecked), 0, 0 },
};

static void add_wipe(struct add *a)
{
        jtab_wipe(add_tab, ELEMENTSOF(add_tab), a);
}

static void boot_json(struct jout *o, struct catalog *cat, const struct catalog_boot *b)
{
        jout_obj(o, NULL);
        jout_str(o, "name", b->row.name);
        jout_str(o, "file", b->row.file);
        jout_str(o, "cmdline", b->row.cmdline);
        jout_str(o, "sha256", b->row.sha256);
        jout_int(o, "size", (int64_t)b->row.size);
        if (b->usable) {
                jout_hex(o, "uki", b->ref.uki, DIGEST_LEN);
                jout_hex(o, "kernel", b->ref.kernel, DIGEST_LEN);
                jout_str(o, "kernel_version", b->ref.version[0] ? b->ref.version : NULL);
        } else {
                jout_null(o, "uki");
                jout_null(o, "kernel");
                jout_null(o, "kernel_version");
        }
        jout_int(o, "added", b->row.added);
        jout_bool(o, "default", strcmp(b->row.name, catalog_default(cat, false, false)) == 0);
        jout_bool(o, "previous", strcmp(b->row.name, catalog_default(cat, false, true)) == 0);
        jout_bool(o, "usable", catalog_boot_usable(cat, b));
        jout_end(o, '}');
}

enum MHD_Result on_boots(struct call *c)
{
        struct jout o = { 0 };

        jout_obj(&o, NULL);
        jout_arr(&o, "boots");
        catalog_read(c->srv->catalog);
        for (const struct catalog_boot *b = catalog_boots(c->srv->catalog); b; b = b->next)
                boot_json(&o, c->srv->catalog, b);
        catalog_done(c->srv->catalog);
        jout_end(&o, ']');
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}

static enum MHD_Result reply_boot(struct call *c, const char *name)
{
        const struct catalog_boot *b;
        struct jout o = { 0 };

        catalog_read(c->srv->catalog);
        b = catalog_boot(c->srv->catalog, name);
        if (b)
                boot_json(&o, c->srv->catalog, b);
        catalog_done(c->srv->catalog);
        if (!b)
                return reply_error(c, 404, "see `muster boot list`", "there is no boot entry %s", name);
        return reply_json(c, 200, &o);
}

static void boot_detail(struct jout *o, const void *ctx)
{
        const struct boot_row *b = ctx;

        jout_str(o, "boot", b->name);
        if (b->file[0]) {
                jout_str(o, "file", b->file);
                jout_str(o, "cmdline", b->cmdline);
                jout_str(o, "sha256", b->sha256);
                jout_bool(o, "allow_shell", b->allow_shell);
        }
}

static void unchecked_detail(struct jout *o, const void *ctx)
{
        boot_detail(o, ctx);
        jout_bool(o, "unchecked", true);
}

/* With the catalogue's write lock. */
static int add_locked(struct call *c, const struct boot_row *row, bool standard, bool unchecked)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        struct store *s = c->srv->store;
        int r = store_tx_begin(&tx, s);

        if (r == 0)
                r = s->ops->boot_put(s, row);
        if (r == 0 && standard)
                r = catalog_set_default(c->srv->catalog, false, row->name);
        if (r == 0)
                r = admin_journal(c, NULL, standard ? "boot-added-default" : "boot-added", unchecked ? unchecked_detail : boot_detail, row);
        if (r == 0)
                r = store_tx_commit(&tx);
        return r < 0 ? r : catalog_reload(c->srv->catalog);
}

enum MHD_Result on_boot_add(struct call *c)
{
        _cleanup_(add_wipe) struct add a = { 0 };
        struct boot_row row = { 0 };
        struct fail fail = { 0 };
        enum MHD_Result result = MHD_NO;
        int r;

        if (!admin_body(c, add_tab, ELEMENTSOF(add_tab), &a, &result))
                return result;
        if (!entry_name_ok(a.name) || !file_name_ok(a.file))
                return reply_error(c, 400, "use letters, digits, '.', '_' and '-'", "add boot: %s",
                                   entry_name_ok(a.name) ? "file is no plain file name" : "this is no name for an entry");
        (void)snprintf(row.name, sizeof(row.name), "%s", a.name);
        (void)snprintf(row.file, sizeof(row.file), "%s", a.file);
        row.cmdline = a.cmdline;
        row.allow_shell = a.allow_shell;
        row.added = server_now();
        r = catalog_boot_prepare(c->srv->catalog, &row, &fail);
        if (r < 0)
                return reply_error(c, r == -ENOENT ? 404 : 400, fail.next, "%s", fail.what);
        catalog_write(c->srv->catalog);
        r = add_locked(c, &row, a.standard, a.unchecked);
        catalog_done(c->srv->catalog);
        if (r == -EEXIST)
                return reply_error(c, 409, "choose another name, or remove it first", "there is a boot entry %s already",
                                   a.name);
        if (r < 0)
                return reply_failure(c, r, "cannot add the boot entry");
        log_info("boot %s added: file=%s%s", row.name, row.file, a.standard ? ", now the default" : "");
        return reply_boot(c, row.name);
}

static int default_locked(struct call *c, struct boot_row *row)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        const struct catalog_boot *b = catalog_boot(c->srv->catalog, row->name);
        int r;

        if (!b || !catalog_boot_usable(c->srv->catalog, b))
                return b ? -ESTALE : -ENOENT;
        r = store_tx_begin(&tx, c->srv->store);
        if (r == 0)
                r = catalog_set_default(c->srv->catalog, false, row->name);
        if (r == 0)
                r = admin_journal(c, NULL, "boot-default", boot_detail, row);
        if (r == 0)
                r = store_tx_commit(&tx);
        return r < 0 ? r : catalog_reload(c->srv->catalog);
}

enum MHD_Result on_boot_default(struct call *c)
{
        struct boot_row row = { 0 };
        int r;

        if (!entry_name_ok(c->param))
                return reply_error(c, 404, "see `muster boot list`", "there is no such boot entry");
        (void)snprintf(row.name, sizeof(row.name), "%.63s", c->param);
        catalog_write(c->srv->catalog);
        r = default_locked(c, &row);
        catalog_done(c->srv->catalog);
        if (r == -ESTALE)
                return reply_error(c, 409, ADMIN_NO_FILE_NEXT, "boot entry %s cannot be the default: its file is gone or was altered", row.name);
        if (r < 0 && r != -ENOENT)
                return reply_failure(c, r, "cannot change the default boot entry");
        return reply_boot(c, row.name);
}

static int delete_locked(struct call *c, const struct boot_row *row)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        struct store *s = c->srv->store;
        int r;

        if (strcmp(row->name, catalog_default(c->srv->catalog, false, false)) == 0)
                return -EBUSY;
        r = store_tx_begin(&tx, s);
        if (r == 0)
                r = s->ops->node_assigned(s, row->name, false);
        if (r > 0)
                return -EBUSY;
        if (r == 0)
                r = s->ops->boot_delete(s, row->name);
        if (r == 0 && strcmp(row->name, catalog_default(c->srv->catalog, false, true)) == 0)
                r = s->ops->setting_put(s, "previous_boot", NULL);
        if (r == 0)
                r = admin_journal(c, NULL, "boot-removed", boot_detail, row);
        if (r == 0)
                r = store_tx_commit(&tx);
        return r < 0 ? r : catalog_reload(c->srv->catalog);
}

enum MHD_Result on_boot_delete(struct call *c)
{
        const struct catalog_boot *b;
        char file[sizeof(b->row.file)] = "";
        struct boot_row row = { 0 };
        uint64_t size = 0;
        int r = -ENOENT;
        int gone = 0;

        if (entry_name_ok(c->param)) {
                (void)snprintf(row.name, sizeof(row.name), "%.63s", c->param);
                catalog_write(c->srv->catalog);
                b = catalog_boot(c->srv->catalog, row.name);
                if (b) {
                        (void)snprintf(file, sizeof(file), "%s", b->row.file);
                        size = b->row.size;
                }
                r = delete_locked(c, &row);
                if (r == 0)
                        gone = catalog_delete_file(c->srv->catalog, false, file);
                catalog_done(c->srv->catalog);
        }
        if (r == -ENOENT)
                return reply_error(c, 404, "see `muster boot list`", "there is no boot entry %s", row.name);
        if (r == -EBUSY)
                return reply_error(c, 409, "make another one the default, and assign nodes another one",
                                   "boot entry %s is the default or assigned to nodes", row.name);
        if (r < 0)
                return reply_failure(c, r, "cannot remove the boot entry");
        return admin_reply_removed(c, row.name, file, size, gone);
}
