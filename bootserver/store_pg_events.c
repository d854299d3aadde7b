/* SPDX-License-Identifier: Apache-2.0 */
#include "store_pg.h"

int pg_event_put(struct store *s, const struct event_row *e)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_EVENT_PUT, &q);

        if (r < 0)
                return r;
        pg_int(&q, 1, (int64_t)e->seq);
        pg_int(&q, 2, e->time);
        pg_text(&q, 3, e->node);
        pg_text(&q, 4, e->name);
        pg_text(&q, 5, e->event);
        pg_text(&q, 6, e->code);
        pg_text(&q, 7, e->incident);
        pg_text(&q, 8, e->detail);
        pg_text(&q, 9, e->explain);
        pg_blob(&q, 10, e->hash, sizeof(e->hash));
        r = pg_run(&q);
        return r < 0 ? r : pg_changed(&q, -EEXIST);
}

int pg_event_head(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN])
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, PQ_EVENT_HEAD, &q);

        *ret_seq = 0;
        memset(ret_hash, 0, DIGEST_LEN);
        if (r < 0)
                return r;
        r = pg_step(&q);
        if (r <= 0)
                return r;
        *ret_seq = (uint64_t)pg_col_int(&q, 0);
        return pg_col_bytes(&q, 1, ret_hash, DIGEST_LEN);
}

static enum pg_query query_of(const struct event_filter *f)
{
        if (f->newest)
                return f->node ? PQ_EVENT_NEWEST_NODE : PQ_EVENT_NEWEST;
        return f->node ? PQ_EVENT_LIST_NODE : PQ_EVENT_LIST;
}

/* A page: how many there were, and the last one's number. */
static int list_page(struct store *s, const struct event_filter *f, size_t want, uint64_t *after, event_fn fn, void *ctx)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int n = 0;
        int r = pg_start(s, query_of(f), &q);

        if (r < 0)
                return r;
        pg_int(&q, 1, f->newest && *after == 0 ? INT64_MAX : (int64_t)*after);
        pg_int(&q, 2, (int64_t)want);
        if (f->node)
                pg_text(&q, 3, f->node);
        while ((r = pg_step(&q)) > 0) {
                struct event_row e = {
                        .seq = (uint64_t)pg_col_int(&q, 0), .time = pg_col_int(&q, 1), .node = pg_col_str(&q, 2),
                        .name = pg_col_str(&q, 3), .event = pg_col_str(&q, 4), .code = pg_col_str(&q, 5),
                        .incident = pg_col_str(&q, 6), .detail = pg_col_str(&q, 7), .explain = pg_col_str(&q, 8),
                };

                /* a hash of another length stays zero and fails verification */
                (void)pg_col_bytes(&q, 9, e.hash, sizeof(e.hash));
                *after = e.seq;
                r = fn(ctx, &e);
                if (r < 0)
                        return r;
                n++;
        }
        return r < 0 ? r : n;
}

int pg_event_list(struct store *s, const struct event_filter *f, event_fn fn, void *ctx)
{
        uint64_t after = f->after;
        size_t limit = f->limit;
        int n;

        for (;;) {
                size_t want = limit < PG_PAGE ? limit : PG_PAGE;

                n = want > 0 ? list_page(s, f, want, &after, fn, ctx) : 0;
                if (n < 0)
                        return n;
                if ((size_t)n < want || n == 0)
                        return 0;
                limit -= limit == STORE_ALL ? 0 : (size_t)n;
        }
}
