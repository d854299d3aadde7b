/* SPDX-License-Identifier: Apache-2.0 */
#include "store_rows.h"

/* ---- a column ------------------------------------------------------ */

static int step(struct rows *q)
{
        return q->ops->step(q);
}

static int64_t number(const struct rows *q, int i)
{
        return q->ops->number(q, i);
}

static const char *text(const struct rows *q, int i)
{
        return q->ops->text(q, i);
}

static void copy(const struct rows *q, int i, char *out, size_t n)
{
        (void)snprintf(out, n, "%s", text(q, i));
}

static int buf(const struct rows *q, int i, struct buf *ret)
{
        size_t n = 0;
        const void *p = q->ops->blob(q, i, &n);

        ret->p = NULL;
        ret->len = 0;
        if (!p)
                return 0;
        ret->p = malloc(n + 1);
        if (!ret->p)
                return -ENOMEM;
        memcpy(ret->p, p, n);
        ret->p[n] = '\0';
        ret->len = n;
        return 0;
}

/* Exactly so many, else -EBADMSG. */
static int bytes(const struct rows *q, int i, void *out, size_t n)
{
        size_t len = 0;
        const void *p = q->ops->blob(q, i, &len);

        if (!p || len != n)
                return -EBADMSG;
        memcpy(out, p, n);
        return 0;
}

/* ---- nodes ------------------------------------------------------ */

static void read_times(const struct rows *q, struct node *n)
{
        n->first_seen = number(q, 13);
        n->last_seen = number(q, 14);
        n->last_ok = number(q, 15);
        n->last_ipxe = number(q, 16);
        n->ssh_from = number(q, 29);
        n->ssh_to = number(q, 30);
        n->tls_from = number(q, 31);
        n->tls_to = number(q, 32);
}

static int read_blobs(const struct rows *q, struct node *n)
{
        struct buf *const dest[] = { &n->ek_public, &n->bundle[0], &n->bundle[1], &n->bundle[2], &n->bundle[3],
                                     &n->ssh_key,   &n->tls_key,   &n->ssh_cert,  &n->tls_cert };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(dest) && r == 0; i++)
                r = buf(q, 20 + (int)i, dest[i]);
        return r;
}

/* A number of 64 bits is kept as the signed one of the same bits. */
static void read_tpm(const struct rows *q, struct node *n)
{
        n->has_ak = bytes(q, 17, n->ak_name, sizeof(n->ak_name)) == 0;
        n->reset_count = (uint32_t)number(q, 18);
        (void)bytes(q, 19, n->pcr_digest, sizeof(n->pcr_digest));
        n->restart_count = (uint32_t)number(q, 33);
        n->clock = (uint64_t)number(q, 34);
        n->has_token = bytes(q, 35, n->ak_token, sizeof(n->ak_token)) == 0;
        n->cleared = number(q, 36);
        n->firmware_version = (uint64_t)number(q, 37);
        copy(q, 38, n->tpm_maker, sizeof(n->tpm_maker));
        copy(q, 40, n->former, sizeof(n->former));
        n->has_policy_key = bytes(q, 41, n->policy_key, sizeof(n->policy_key)) == 0;
        copy(q, 42, n->address, sizeof(n->address));
        copy(q, 43, n->why, sizeof(n->why));
}

/* NULL for none. */
static int read_text(const struct rows *q, int i, char **ret)
{
        if (text(q, i)[0] == '\0')
                return 0;
        *ret = strdup(text(q, i));
        return *ret ? 0 : -ENOMEM;
}

static int read_node(const struct rows *q, struct node *n)
{
        int64_t state = number(q, 2);
        int r;

        memset(n, 0, sizeof(*n));
        if (state < 0 || state >= NODE_STATES)
                return -EBADMSG;
        copy(q, 0, n->id, sizeof(n->id));
        copy(q, 1, n->name, sizeof(n->name));
        n->state = (enum node_state)state;
        copy(q, 3, n->reason, sizeof(n->reason));
        copy(q, 4, n->profile, sizeof(n->profile));
        n->chain = (enum ek_chain)number(q, 5);
        n->without_cert = number(q, 6) != 0;
        copy(q, 7, n->assigned_boot, sizeof(n->assigned_boot));
        copy(q, 8, n->assigned_image, sizeof(n->assigned_image));
        copy(q, 9, n->boot, sizeof(n->boot));
        copy(q, 10, n->image, sizeof(n->image));
        copy(q, 12, n->uuid, sizeof(n->uuid));
        read_tpm(q, n);
        read_times(q, n);
        r = read_text(q, 11, &n->facts);
        if (r == 0)
                r = read_text(q, 39, &n->facts_before);
        if (r == 0)
                r = read_blobs(q, n);
        if (r < 0)
                node_wipe(n);
        return r;
}

int rows_one_node(struct rows *q, struct node *ret)
{
        int r = step(q);

        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = read_node(q, ret);
        if (r == 0 && step(q) > 0) {
                node_wipe(ret);
                return -ENOTUNIQ;
        }
        return r;
}

int rows_nodes(struct rows *q, node_fn fn, void *ctx)
{
        int r;

        while ((r = step(q)) > 0) {
                _cleanup_(node_wipe) struct node n = { 0 };

                r = read_node(q, &n);
                if (r == 0)
                        r = fn(ctx, &n);
                if (r < 0)
                        return r;
        }
        return r;
}

int rows_counts(struct rows *q, uint64_t ret[NODE_STATES])
{
        int r;

        memset(ret, 0, NODE_STATES * sizeof(ret[0]));
        while ((r = step(q)) > 0) {
                int64_t state = number(q, 0);

                if (state >= 0 && state < NODE_STATES)
                        ret[state] = (uint64_t)number(q, 1);
        }
        return r;
}

/* An empty body stands for no evidence. */
int rows_evidence(struct rows *q, struct buf *ret)
{
        int r = step(q);

        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = buf(q, 0, ret);
        return r < 0 ? r : ret->len == 0 ? -ENOENT : 0;
}

/* ---- the catalog and settings --------------------------------------------- */

int rows_boots(struct rows *q, boot_row_fn fn, void *ctx)
{
        int r;

        while ((r = step(q)) > 0) {
                _cleanup_(freep) char *cmdline = strdup(text(q, 2));
                struct boot_row b = { .cmdline = cmdline, .size = (uint64_t)number(q, 4), .added = number(q, 5),
                                      .allow_shell = number(q, 6) != 0 };

                if (!cmdline)
                        return -ENOMEM;
                copy(q, 0, b.name, sizeof(b.name));
                copy(q, 1, b.file, sizeof(b.file));
                copy(q, 3, b.sha256, sizeof(b.sha256));
                r = fn(ctx, &b);
                if (r < 0)
                        return r;
        }
        return r;
}

int rows_images(struct rows *q, image_row_fn fn, void *ctx)
{
        int r;

        while ((r = step(q)) > 0) {
                struct image_row i = { .size = (uint64_t)number(q, 3), .plain_size = (uint64_t)number(q, 4), .added = number(q, 7) };

                copy(q, 0, i.name, sizeof(i.name));
                copy(q, 1, i.file, sizeof(i.file));
                copy(q, 2, i.format, sizeof(i.format));
                if (bytes(q, 5, i.header, sizeof(i.header)) < 0 || bytes(q, 6, i.wrapped_key, sizeof(i.wrapped_key)) < 0)
                        return -EBADMSG;
                (void)bytes(q, 8, i.list, sizeof(i.list)); /* an older one has none: it is in the catalogue, and not served */
                r = fn(ctx, &i);
                if (r < 0)
                        return r;
        }
        return r;
}

int rows_profiles(struct rows *q, profile_fn fn, void *ctx)
{
        int r;

        while ((r = step(q)) > 0) {
                const char *json[PROFILE_SLOTS];

                for (int i = 0; i < PROFILE_SLOTS; i++)
                        json[i] = text(q, 1 + i)[0] ? text(q, 1 + i) : NULL;
                r = fn(ctx, text(q, 0), json);
                if (r < 0)
                        return r;
        }
        return r;
}

int rows_texts(struct rows *q, int columns, text_fn fn, void *ctx)
{
        int r;

        while ((r = step(q)) > 0) {
                r = fn(ctx, text(q, 0), columns > 1 ? text(q, 1) : "");
                if (r < 0)
                        return r;
        }
        return r;
}

int rows_setting(struct rows *q, char *ret, size_t n)
{
        int r = step(q);

        if (r < 0)
                return r;
        if (r == 0)
                ret[0] = '\0';
        else
                copy(q, 0, ret, n);
        return 0;
}

/* ---- the journal ------------------------------------------------------ */

int rows_events(struct rows *q, event_fn fn, void *ctx)
{
        int r;

        while ((r = step(q)) > 0) {
                struct event_row e = {
                        .seq = (uint64_t)number(q, 0), .time = number(q, 1), .node = text(q, 2), .name = text(q, 3),
                        .event = text(q, 4), .code = text(q, 5), .incident = text(q, 6), .detail = text(q, 7),
                        .explain = text(q, 8),
                };

                /* a hash of another length stays zero and fails verification */
                (void)bytes(q, 9, e.hash, sizeof(e.hash));
                r = fn(ctx, &e);
                if (r < 0)
                        return r;
        }
        return r;
}

int rows_head(struct rows *q, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN])
{
        int r;

        *ret_seq = 0;
        memset(ret_hash, 0, DIGEST_LEN);
        r = step(q);
        if (r <= 0)
                return r;
        *ret_seq = (uint64_t)number(q, 0);
        return bytes(q, 1, ret_hash, DIGEST_LEN);
}
