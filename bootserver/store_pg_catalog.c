/* SPDX-License-Identifier: Apache-2.0 */
#include "store_pg.h"

static int delete_named(struct store *s, enum pg_query which, const char *name)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, which, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, name);
        r = pg_run(&q);
        return r < 0 ? r : pg_changed(&q, -ENOENT);
}

int pg_boot_put(struct store *s, const struct boot_row *b)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_BOOT_PUT, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, b->name);
        pg_text(&q, 2, b->file);
        pg_text(&q, 3, b->cmdline);
        pg_text(&q, 4, b->sha256);
        pg_int(&q, 5, (int64_t)b->size);
        pg_int(&q, 6, b->added);
        pg_int(&q, 7, b->allow_shell);
        r = pg_run(&q);
        return r < 0 ? r : pg_changed(&q, -EEXIST);
}

int pg_boot_delete(struct store *s, const char *name)
{
        return delete_named(s, PQ_BOOT_DELETE, name);
}

int pg_boot_list(struct store *s, boot_row_fn fn, void *ctx)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_BOOT_LIST, &q);

        return r < 0 ? r : rows_boots(&q.rows, fn, ctx);
}

int pg_image_put(struct store *s, const struct image_row *i)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_IMAGE_PUT, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, i->name);
        pg_text(&q, 2, i->file);
        pg_text(&q, 3, i->format);
        pg_int(&q, 4, (int64_t)i->size);
        pg_int(&q, 5, (int64_t)i->plain_size);
        pg_blob(&q, 6, i->header, sizeof(i->header));
        pg_blob(&q, 7, i->wrapped_key, sizeof(i->wrapped_key));
        pg_int(&q, 8, i->added);
        pg_blob(&q, 9, i->list, sizeof(i->list));
        r = pg_run(&q);
        return r < 0 ? r : pg_changed(&q, -EEXIST);
}

int pg_image_delete(struct store *s, const char *name)
{
        return delete_named(s, PQ_IMAGE_DELETE, name);
}

int pg_image_list(struct store *s, image_row_fn fn, void *ctx)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_IMAGE_LIST, &q);

        return r < 0 ? r : rows_images(&q.rows, fn, ctx);
}

int pg_profile_put(struct store *s, const char *name, const char *const json[PROFILE_SLOTS])
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_PROFILE_PUT, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, name);
        for (int i = 0; i < PROFILE_SLOTS; i++)
                pg_text(&q, 2 + i, json[i]);
        return pg_run(&q);
}

int pg_profile_list(struct store *s, const char *name, profile_fn fn, void *ctx)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_PROFILE_LIST, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, name);
        return rows_profiles(&q.rows, fn, ctx);
}

int pg_setting_put(struct store *s, const char *key, const char *value)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, value ? PQ_SETTING_PUT : PQ_SETTING_DELETE, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, key);
        if (value)
                pg_text(&q, 2, value);
        return pg_run(&q);
}

int pg_setting_get(struct store *s, const char *key, char *ret, size_t n)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_SETTING_GET, &q);

        if (r < 0)
                return r;
        pg_text(&q, 1, key);
        return rows_setting(&q.rows, ret, n);
}

int pg_setting_list(struct store *s, text_fn fn, void *ctx)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_SETTING_LIST, &q);

        return r < 0 ? r : rows_texts(&q.rows, 2, fn, ctx);
}
