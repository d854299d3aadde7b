/* SPDX-License-Identifier: Apache-2.0 */
#include "store_sqlite.h"

int sq_event_put(struct store *s, const struct event_row *e)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_EVENT_PUT, &q);

        if (r < 0)
                return r;
        sql_int(&q, 1, (int64_t)e->seq);
        sql_int(&q, 2, e->time);
        sql_text(&q, 3, e->node);
        sql_text(&q, 4, e->name);
        sql_text(&q, 5, e->event);
        sql_text(&q, 6, e->code);
        sql_text(&q, 7, e->incident);
        sql_text(&q, 8, e->detail);
        sql_text(&q, 9, e->explain);
        sql_blob(&q, 10, e->hash, sizeof(e->hash));
        r = sql_run(&q);
        if (r == 0) {
                q.s->new_seq = e->seq;
                memcpy(q.s->new_hash, e->hash, DIGEST_LEN);
        }
        return r;
}

int sq_event_head(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN])
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, Q_EVENT_HEAD, &q);

        return r < 0 ? r : rows_head(&q.rows, ret_seq, ret_hash);
}

static enum query query_of(const struct event_filter *f)
{
        if (f->newest)
                return f->node ? Q_EVENT_NEWEST_NODE : Q_EVENT_NEWEST;
        return f->node ? Q_EVENT_LIST_NODE : Q_EVENT_LIST;
}

int sq_event_list(struct store *s, const struct event_filter *f, event_fn fn, void *ctx)
{
        _cleanup_(sql_end) struct sql q = { 0 };
        int r = sql_start(s, query_of(f), &q);

        if (r < 0)
                return r;
        sql_int(&q, 1, f->newest && f->after == 0 ? INT64_MAX : (int64_t)f->after);
        sql_int(&q, 2, f->limit == STORE_ALL ? -1 : (int64_t)f->limit);
        if (f->node)
                sql_text(&q, 3, f->node);
        return rows_events(&q.rows, fn, ctx);
}
