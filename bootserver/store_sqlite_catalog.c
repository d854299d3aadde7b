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

        return r < 0 ? r : rows_boots(&q.rows, fn, ctx);
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
        sql_blob(&q, 9, i->list, sizeof(i->list));
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

        return r < 0 ? r : rows_images(&q.rows, fn, ctx);
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
        return rows_profiles(&q.rows, fn, ctx);
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
        return rows_setting(&q.rows, ret, n);
}

int sq_setting_list(struct store *s, text_fn fn, void *ctx)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_SETTING_LIST, &q);

        return r < 0 ? r : rows_texts(&q.rows, 2, fn, ctx);
}
