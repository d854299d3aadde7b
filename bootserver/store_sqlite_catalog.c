/* SPDX-License-Identifier: Apache-2.0 */
#include "store_sqlite.h"

#include "fault.h"

static int delete_named(struct store *s, enum query which, const char *name)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, which, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, name);
        FAULT_POINT("entry-delete");
        r = sql_run(&q);
        return r < 0 ? r : sql_changed(&q);
}

int sq_boot_put(struct store *s, const struct boot_row *b)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_BOOT_PUT, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, b->name);
        sql_text(&q, 2, b->file);
        sql_text(&q, 3, b->cmdline);
        sql_text(&q, 4, b->sha256);
        sql_int(&q, 5, (int64_t)b->size);
        sql_int(&q, 6, b->added);
        sql_int(&q, 7, b->allow_shell);
        FAULT_POINT("boot-write");
        return sql_run(&q);
}

int sq_boot_delete(struct store *s, const char *name)
{
        return delete_named(s, Q_BOOT_DELETE, name);
}

int sq_boot_list(struct store *s, boot_row_fn fn, void *ctx)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_BOOT_LIST, &q);

        if (r < 0)
                return r;
        while ((r = sql_step(&q)) > 0) {
                _cleanup_(freep) char *cmdline = strdup(col_str(&q, 2));
                struct boot_row b = { .cmdline = cmdline, .size = (uint64_t)col_int(&q, 4), .added = col_int(&q, 5),
                                      .allow_shell = col_int(&q, 6) != 0 };

                if (!cmdline)
                        return -ENOMEM;
                col_text(&q, 0, b.name, sizeof(b.name));
                col_text(&q, 1, b.file, sizeof(b.file));
                col_text(&q, 3, b.sha256, sizeof(b.sha256));
                r = fn(ctx, &b);
                if (r < 0)
                        return r;
        }
        return r;
}

int sq_image_put(struct store *s, const struct image_row *i)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_IMAGE_PUT, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, i->name);
        sql_text(&q, 2, i->file);
        sql_text(&q, 3, i->format);
        sql_int(&q, 4, (int64_t)i->size);
        sql_int(&q, 5, (int64_t)i->plain_size);
        sql_blob(&q, 6, i->header, sizeof(i->header));
        sql_blob(&q, 7, i->wrapped_key, sizeof(i->wrapped_key));
        sql_int(&q, 8, i->added);
        FAULT_POINT("image-write");
        return sql_run(&q);
}

int sq_image_delete(struct store *s, const char *name)
{
        return delete_named(s, Q_IMAGE_DELETE, name);
}

int sq_image_list(struct store *s, image_row_fn fn, void *ctx)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_IMAGE_LIST, &q);

        if (r < 0)
                return r;
        while ((r = sql_step(&q)) > 0) {
                struct image_row i = { .size = (uint64_t)col_int(&q, 3), .plain_size = (uint64_t)col_int(&q, 4),
                                       .added = col_int(&q, 7) };

                col_text(&q, 0, i.name, sizeof(i.name));
                col_text(&q, 1, i.file, sizeof(i.file));
                col_text(&q, 2, i.format, sizeof(i.format));
                if (col_bytes(&q, 5, i.header, sizeof(i.header)) < 0 ||
                    col_bytes(&q, 6, i.wrapped_key, sizeof(i.wrapped_key)) < 0)
                        return -EBADMSG;
                r = fn(ctx, &i);
                if (r < 0)
                        return r;
        }
        return r;
}

int sq_profile_put(struct store *s, const char *name, const char *const json[PROFILE_SLOTS])
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_PROFILE_PUT, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, name);
        for (int i = 0; i < PROFILE_SLOTS; i++)
                sql_text(&q, 2 + i, json[i]);
        FAULT_POINT("profile-write");
        return sql_run(&q);
}

int sq_profile_list(struct store *s, const char *name, profile_fn fn, void *ctx)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_PROFILE_LIST, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, name);
        while ((r = sql_step(&q)) > 0) {
                const char *json[PROFILE_SLOTS];

                for (int i = 0; i < PROFILE_SLOTS; i++)
                        json[i] = col_str(&q, 1 + i)[0] ? col_str(&q, 1 + i) : NULL;
                r = fn(ctx, col_str(&q, 0), json);
                if (r < 0)
                        return r;
        }
        return r;
}

int sq_setting_put(struct store *s, const char *key, const char *value)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, value ? Q_SETTING_PUT : Q_SETTING_DELETE, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, key);
        if (value)
                sql_text(&q, 2, value);
        FAULT_POINT("setting-write");
        return sql_run(&q);
}

int sq_setting_get(struct store *s, const char *key, char *ret, size_t n)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_SETTING_GET, &q);

        if (r < 0)
                return r;
        sql_text(&q, 1, key);
        r = sql_step(&q);
        if (r < 0)
                return r;
        if (r == 0)
                ret[0] = '\0';
        else
                col_text(&q, 0, ret, n);
        return 0;
}

int sq_setting_list(struct store *s, text_fn fn, void *ctx)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_SETTING_LIST, &q);

        if (r < 0)
                return r;
        while ((r = sql_step(&q)) > 0) {
                r = fn(ctx, col_str(&q, 0), col_str(&q, 1));
                if (r < 0)
                        return r;
        }
        return r;
}
