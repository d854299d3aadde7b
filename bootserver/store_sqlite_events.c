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

        *ret_seq = 0;
        memset(ret_hash, 0, DIGEST_LEN);
        if (r < 0)
                return r;
        r = sql_step(&q);
        if (r <= 0)
                return r;
        *ret_seq = (uint64_t)col_int(&q, 0);
        return col_bytes(&q, 1, ret_hash, DIGEST_LEN);
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
        while ((r = sql_step(&q)) > 0) {
                struct event_row e = {
                        .seq = (uint64_t)col_int(&q, 0), .time = col_int(&q, 1), .node = col_str(&q, 2),
                        .name = col_str(&q, 3), .event = col_str(&q, 4), .code = col_str(&q, 5),
                        .incident = col_str(&q, 6), .detail = col_str(&q, 7), .explain = col_str(&q, 8),
                };

                /* a hash of another length stays zero and fails verification */
                (void)col_bytes(&q, 9, e.hash, sizeof(e.hash));
                r = fn(ctx, &e);
                if (r < 0)
                        return r;
        }
        return r;
}
