/* SPDX-License-Identifier: Apache-2.0 */
/* Wraps the images' keys anew after the store key was replaced. */
#include "rewrap.h"

struct rows {
        struct image_row *v;
        size_t n;
};

static int collect(void *ctx, const struct image_row *i)
{
        struct rows *rows = ctx;
        struct image_row *v = realloc(rows->v, (rows->n + 1) * sizeof(*v));

        if (!v)
                return -ENOMEM;
        rows->v = v;
        v[rows->n++] = *i;
        return 0;
}

/* 1: wrapped; 0: it has no key that could be, or is gone. */
static int rewrap_one(struct store *store, struct signer *signer, struct image_row *i)
{
        const struct image_ref ref = { i->name, i->header, i->list };
        int r = signer_rewrap(signer, &ref, i->wrapped_key, i->wrapped_key);

        if (r == -EKEYREJECTED) {
                log_err("image %s: its key was wrapped by another store.key than the current and the previous one. "
                        "Next: add the image again", i->name);
                return 0;
        }
        if (r == 0)
                r = store->ops->image_delete(store, i->name); /* a put is for a new row */
        if (r == -ENOENT) /* another parent removed it meanwhile */
                return 0;
        if (r == 0)
                r = store->ops->image_put(store, i);
        return r < 0 ? r : 1;
}

int rewrap_images(struct store *store, struct signer *signer, struct fail *fail)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        struct rows rows = { 0 };
        size_t wrapped = 0;
        int r = store_tx_begin(&tx, store);

        if (r == 0)
                r = store->ops->image_list(store, collect, &rows);
        for (size_t k = 0; k < rows.n && r >= 0; k++) {
                r = rewrap_one(store, signer, &rows.v[k]);
                wrapped += r > 0;
        }
        if (r >= 0)
                r = store_tx_commit(&tx);
        free(rows.v);
        if (r < 0)
                return fail_set(fail, r, "", "look at the lines before this one, then start musterd again",
                                "cannot wrap the images' keys by the new store key: %s", strerror(-r));
        if (wrapped < rows.n)
                log_warn("the keys of %zu of %zu images are wrapped by the current store key; see the lines before for the others", wrapped,
                         rows.n);
        else
                log_info("the keys of %zu images are wrapped by the current store key", rows.n);
        return 0;
}
