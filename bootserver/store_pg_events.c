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

        return r < 0 ? r : rows_head(&q.rows, ret_seq, ret_hash);
}

static enum pg_query query_of(const struct event_filter *f)
{
        if (f->newest)
                return f->node ? PQ_EVENT_NEWEST_NODE : PQ_EVENT_NEWEST;
        return f->node ? PQ_EVENT_LIST_NODE : PQ_EVENT_LIST;
}

struct page {
        event_fn fn;
        void *ctx;
        uint64_t last; /* after which the next one begins */
        size_t n;
};

static int of_page(void *ctx, const struct event_row *e)
{
        struct page *p = ctx;

        p->n++;
        p->last = e->seq;
        return p->fn(p->ctx, e);
}

static int list_page(struct store *s, const struct event_filter *f, size_t want, struct page *p)
{
        _cleanup_(pg_end) struct pgq q = { 0 };
        int r = pg_start(s, query_of(f), &q);

        if (r < 0)
                return r;
        p->n = 0;
        pg_int(&q, 1, f->newest && p->last == 0 ? INT64_MAX : (int64_t)p->last);
        pg_int(&q, 2, (int64_t)want);
        if (f->node)
                pg_text(&q, 3, f->node);
        return rows_events(&q.rows, of_page, p);
}

int pg_event_list(struct store *s, const struct event_filter *f, event_fn fn, void *ctx)
{
        struct page p = { .fn = fn, .ctx = ctx, .last = f->after };
        size_t limit = f->limit;

        while (limit > 0) {
                size_t want = limit < PG_PAGE ? limit : PG_PAGE;
                int r = list_page(s, f, want, &p);

                if (r < 0)
                        return r;
                if (p.n < want)
                        break;
                limit -= limit == STORE_ALL ? 0 : p.n;
        }
        return 0;
}
