/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include "digest.h"
#include "eventlog.h"
#include "fault.h"

#include <endian.h>
#include <inttypes.h>
#include <openssl/rand.h>

#define TAIL_EVENTS 20000
#define VERIFY_PAGE 1000 /* events read at a time: others use the store between */

static bool add(EVP_MD_CTX *md, const void *p, size_t n)
{
        return EVP_DigestUpdate(md, p, n) == 1;
}

static bool add_u64(EVP_MD_CTX *md, uint64_t v)
{
        uint64_t be = htobe64(v);

        return add(md, &be, sizeof(be));
}

static bool add_text(EVP_MD_CTX *md, const char *s)
{
        uint32_t be = htobe32((uint32_t)strlen(s));

        return add(md, &be, sizeof(be)) && add(md, s, strlen(s));
}

int journal_hash(const uint8_t prev[DIGEST_LEN], const struct event_row *e, uint8_t ret[DIGEST_LEN])
{
        static const char label[] = "muster journal v1";
        const char *const texts[] = { e->node, e->name, e->event, e->code, e->incident, e->detail, e->explain };
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
        uint8_t out[DIGEST_LEN];
        bool ok;

        if (!md)
                return -ENOMEM;
        ok = EVP_DigestInit_ex(md, digest_md(TPM_SHA256), NULL) == 1 && add(md, label, sizeof(label) - 1) &&
             add(md, prev, DIGEST_LEN) && add_u64(md, e->seq) && add_u64(md, (uint64_t)e->time);
        for (size_t i = 0; i < ELEMENTSOF(texts) && ok; i++)
                ok = add_text(md, texts[i]);
        if (!ok || EVP_DigestFinal_ex(md, out, NULL) != 1)
                return -EIO;
        memcpy(ret, out, DIGEST_LEN);
        return 0;
}

static const char *or_empty(const char *s, const char *standard)
{
        return s ? s : standard;
}

int journal_append(struct store *s, int64_t now, const struct journal_entry *e, uint64_t *ret_seq)
{
        struct event_row row = {
                .time = now,
                .node = or_empty(e->node, ""),
                .name = or_empty(e->name, ""),
                .event = or_empty(e->event, ""),
                .code = or_empty(e->code, ""),
                .incident = or_empty(e->incident, ""),
                .detail = or_empty(e->detail, "{}"),
                .explain = or_empty(e->explain, "[]"),
        };
        uint8_t prev[DIGEST_LEN];
        uint64_t seq = 0;
        int r = s->ops->event_head(s, &seq, prev);

        if (r < 0)
                return r;
        row.seq = seq + 1;
        r = journal_hash(prev, &row, row.hash);
        if (r < 0)
                return r;
        FAULT_POINT("journal-append");
        r = s->ops->event_put(s, &row);
        FAULT_POINT("journal-appended");
        if (r == 0 && ret_seq)
                *ret_seq = row.seq;
        return r;
}

struct verify {
        uint8_t prev[DIGEST_LEN];
        uint64_t after;
        uint64_t count;
        uint64_t bad;
        uint64_t last;
        size_t read; /* of this page */
};

static int verify_one(void *ctx, const struct event_row *e)
{
        struct verify *v = ctx;
        uint8_t hash[DIGEST_LEN];
        int r = 0;

        v->read++;
        v->last = e->seq;
        if (v->after > 0 && e->seq == v->after && v->count == 0) {
                memcpy(v->prev, e->hash, DIGEST_LEN);
                return 0;
        }
        r = journal_hash(v->prev, e, hash);
        if (r < 0)
                return r;
        v->count++;
        if (v->bad == 0 && (e->seq != v->after + v->count || !same_bytes(hash, DIGEST_LEN, e->hash, DIGEST_LEN)))
                v->bad = e->seq;
        memcpy(v->prev, e->hash, DIGEST_LEN);
        return 0;
}

int journal_verify(struct store *s, uint64_t after, uint64_t *ret_count, uint64_t *ret_bad)
{
        struct event_filter page = { .after = after ? after - 1 : 0, .limit = VERIFY_PAGE };
        struct verify v = { .after = after, .last = page.after };

        do {
                int r;

                v.read = 0;
                page.after = v.last;
                r = s->ops->event_list(s, &page, verify_one, &v);
                if (r < 0)
                        return r;
        } while (v.read == VERIFY_PAGE);
        *ret_count = v.count;
        *ret_bad = v.bad;
        return 0;
}

int journal_incident(char ret[INCIDENT_LEN + 1])
{
        uint8_t raw[INCIDENT_LEN / 2];

        if (RAND_bytes(raw, sizeof(raw)) != 1)
                return -EIO;
        for (size_t i = 0; i < sizeof(raw); i++)
                (void)snprintf(ret + 2 * i, 3, "%02x", raw[i]);
        return 0;
}

void journal_check_tail(struct store *s)
{
        uint8_t hash[DIGEST_LEN];
        uint64_t last = 0;
        uint64_t count = 0;
        uint64_t bad = 0;

        if (s->ops->event_head(s, &last, hash) == 0 &&
            journal_verify(s, last > TAIL_EVENTS ? last - TAIL_EVENTS : 0, &count, &bad) == 0 && bad)
                log_err("the journal was altered: event %" PRIu64 " does not follow from the ones before it. "
                        "Next: `muster log verify`, and find out who changed the database", bad);
}
