/* SPDX-License-Identifier: Apache-2.0 */
#include "eventlog.h"

#include "cursor.h"

/* DOC: Theory of operation
 * The first event decides the format: EV_NO_ACTION with "Spec ID Event03"
 * declares the banks of a crypto-agile log, anything else begins a legacy
 * log. A digest's length is known from the declaration alone, so an event
 * with an undeclared algorithm, or with none, ends the parse: nothing after
 * it could be trusted to be where it seems. Real logs carry fewer digests
 * than declared (Windows), in any order; that is kept, bank by bank. */

static const char spec_id[16] = "Spec ID Event03";
static const char locality_id[16] = "StartupLocality";

struct parser {
        struct cursor c;
        size_t total;
        size_t same; /* how many bytes at the end are all 00 or all ff */
        size_t cap;  /* of log.events */
        bool begun;  /* PCR 0 was extended */
        struct evlog log;
        const char *why;
};

static int bad(struct parser *p, const char *why)
{
        p->why = why;
        return -EBADMSG;
}

static uint16_t known_size(uint16_t alg)
{
        switch (alg) {
        case TPM_SHA1:
                return 20;
        case TPM_SHA256:
        case TPM_SM3_256:
                return 32;
        case TPM_SHA384:
                return 48;
        case TPM_SHA512:
                return 64;
        default:
                return 0;
        }
}

static int add_event(struct parser *p, const struct evlog_event *e)
{
        struct evlog *log = &p->log;

        if (log->n_events >= EVLOG_MAX_EVENTS)
                return bad(p, "more events than any firmware logs");
        if (log->n_events == p->cap) {
                size_t cap = p->cap ? 2 * p->cap : 64;
                struct evlog_event *n = reallocarray(log->events, cap, sizeof(*n));

                if (!n)
                        return -ENOMEM;
                log->events = n;
                p->cap = cap;
        }
        log->events[log->n_events++] = *e;
        return 0;
}

static int add_bank(struct parser *p, uint16_t alg, uint16_t size)
{
        struct evlog *log = &p->log;

        if (size == 0 || size > EVLOG_MAX_DIGEST)
                return bad(p, "the Spec ID event declares an impossible digest size");
        if (known_size(alg) && known_size(alg) != size)
                return bad(p, "the Spec ID event declares a wrong digest size for a known algorithm");
        if (evlog_bank(log, alg) >= 0)
                return bad(p, "the Spec ID event declares an algorithm twice");
        log->banks[log->n_banks++] = (struct evlog_bank){ alg, size };
        return 0;
}

static int parse_spec_id(struct parser *p, const struct evlog_event *e)
{
        struct cursor c = cur_of(e->data, e->size);
        uint32_t n;
        uint16_t alg, size;
        uint8_t vendor;
        int r;

        /* signature, platformClass, version minor, major, errata, uintnSize */
        if (cur_skip(&c, sizeof(spec_id) + 4 + 4) < 0 || cur_u32le(&c, &n) < 0)
                return bad(p, "the Spec ID event is cut short");
        if (n == 0 || n > EVLOG_MAX_BANKS)
                return bad(p, "the Spec ID event declares an impossible number of algorithms");
        for (uint32_t i = 0; i < n; i++) {
                if (cur_u16le(&c, &alg) < 0 || cur_u16le(&c, &size) < 0)
                        return bad(p, "the Spec ID event is cut short");
                r = add_bank(p, alg, size);
                if (r < 0)
                        return r;
        }
        if (cur_u8(&c, &vendor) < 0 || cur_skip(&c, vendor) < 0 || cur_end(&c) < 0)
                return bad(p, "the Spec ID event's vendor information does not fit it");
        p->log.agile = true;
        return 0;
}

static bool data_begins(const struct evlog_event *e, const char id[16])
{
        return e->size >= 16 && memcmp(e->data, id, 16) == 0;
}

/* What an event without measurement, or with a special one, says. */
static int note_event(struct parser *p, const struct evlog_event *e)
{
        struct evlog *log = &p->log;

        if (e->type == EV_EFI_HCRTM_EVENT && e->pcr == 0)
                log->hcrtm = true;
        if (e->type != EV_NO_ACTION) {
                p->begun = p->begun || e->pcr == 0;
                return e->pcr < EVLOG_PCRS ? 0 : bad(p, "an event extends a PCR that does not exist");
        }
        if (!data_begins(e, locality_id))
                return 0;
        if (e->pcr != 0) {
                log->stray_locality = true;
                return 0;
        }
        if (e->size != 17)
                return bad(p, "a StartupLocality event of the wrong size");
        if (log->startup_locality >= 0)
                return bad(p, "two StartupLocality events: the start of PCR 0 is ambiguous");
        if (p->begun)
                return bad(p, "a StartupLocality event after PCR 0 was extended: it says how PCR 0 began");
        if (e->data[16] != 0 && e->data[16] != 3 && e->data[16] != 4)
                return bad(p, "a StartupLocality other than 0, 3 or 4");
        log->startup_locality = e->data[16];
        return 0;
}

static int parse_legacy_event(struct parser *p, struct evlog_event *e)
{
        uint32_t size;

        if (cur_u32le(&p->c, &e->pcr) < 0 || cur_u32le(&p->c, &e->type) < 0 ||
            cur_take(&p->c, 20, &e->digest[0]) < 0 || cur_u32le(&p->c, &size) < 0)
                return bad(p, "an event's header is cut short");
        if (cur_take(&p->c, size, &e->data) < 0)
                return bad(p, "an event's data runs past the end of the log");
        e->size = size;
        return 0;
}

static int parse_digests(struct parser *p, struct evlog_event *e)
{
        uint32_t n;
        uint16_t alg;
        int bank;

        if (cur_u32le(&p->c, &n) < 0)
                return bad(p, "an event's header is cut short");
        if (n == 0)
                return bad(p, "an event without a digest cannot be replayed");
        if (n > p->log.n_banks)
                return bad(p, "an event has more digests than the Spec ID event declares");
        for (uint32_t i = 0; i < n; i++) {
                if (cur_u16le(&p->c, &alg) < 0)
                        return bad(p, "an event's digests are cut short");
                bank = evlog_bank(&p->log, alg);
                if (bank < 0)
                        return bad(p, "an event has a digest of an undeclared algorithm");
                if (e->digest[bank])
                        return bad(p, "an event has two digests of one algorithm");
                if (cur_take(&p->c, p->log.banks[bank].size, &e->digest[bank]) < 0)
                        return bad(p, "an event's digests are cut short");
        }
        if (n < p->log.n_banks)
                p->log.partial++;
        return 0;
}

static int parse_agile_event(struct parser *p, struct evlog_event *e)
{
        uint32_t size;
        int r;

        if (cur_u32le(&p->c, &e->pcr) < 0 || cur_u32le(&p->c, &e->type) < 0)
                return bad(p, "an event's header is cut short");
        r = parse_digests(p, e);
        if (r < 0)
                return r;
        if (cur_u32le(&p->c, &size) < 0)
                return bad(p, "an event's header is cut short");
        if (cur_take(&p->c, size, &e->data) < 0)
                return bad(p, "an event's data runs past the end of the log");
        e->size = size;
        return 0;
}

/* Looked at once: a legacy log may be long runs of zeroes that are events. */
static size_t padding_at_end(const uint8_t *p, size_t len)
{
        size_t n = 0;

        if (len > 0 && (p[len - 1] == 0x00 || p[len - 1] == 0xff))
                while (n < len && p[len - 1 - n] == p[len - 1])
                        n++;
        return n;
}

static bool only_padding(const struct parser *p)
{
        return p->c.left > 0 && p->c.left <= p->same;
}

static int parse_first(struct parser *p)
{
        struct evlog_event e = { .offset = 0 };
        int r;

        if (p->c.left == 0)
                return bad(p, "the log is empty");
        if (only_padding(p))
                return bad(p, "the log holds no event, only padding");
        r = parse_legacy_event(p, &e);
        if (r < 0)
                return r;
        if (e.type == EV_NO_ACTION && data_begins(&e, spec_id)) {
                e.digest[0] = NULL;
                r = parse_spec_id(p, &e);
        } else {
                r = add_bank(p, TPM_SHA1, 20);
                if (r == 0)
                        r = note_event(p, &e);
        }
        return r < 0 ? r : add_event(p, &e);
}

static int parse_rest(struct parser *p)
{
        int r;

        while (p->c.left > 0) {
                struct cursor start = p->c;
                struct evlog_event e = { .offset = p->total - p->c.left };

                if (only_padding(p)) {
                        p->log.padding = p->c.left;
                        return 0;
                }
                r = p->log.agile ? parse_agile_event(p, &e) : parse_legacy_event(p, &e);
                if (r == 0)
                        r = note_event(p, &e);
                if (r == 0)
                        r = add_event(p, &e);
                if (r < 0) {
                        p->c = start; /* so that the offset is the event's */
                        return r;
                }
        }
        return 0;
}

int evlog_parse(const void *buf, size_t len, struct evlog *ret, const char **ret_why, size_t *ret_offset)
{
        struct parser p = { .c = cur_of(buf, len), .total = len, .log = { .startup_locality = -1 } };
        int r;

        if (len > EVLOG_MAX_SIZE) {
                p.why = "the log is larger than 1 MiB";
                r = -E2BIG;
        } else {
                p.same = padding_at_end(p.c.p, len);
                r = parse_first(&p);
                if (r == 0)
                        r = parse_rest(&p);
        }
        if (r < 0) {
                if (ret_why)
                        *ret_why = p.why ? p.why : "out of memory";
                if (ret_offset)
                        *ret_offset = p.log.n_events ? len - p.c.left : 0;
                evlog_free(&p.log);
                return r;
        }
        *ret = p.log;
        return 0;
}

void evlog_free(struct evlog *log)
{
        free(log->events);
        log->events = NULL;
        log->n_events = 0;
}

int evlog_bank(const struct evlog *log, uint16_t alg)
{
        for (size_t i = 0; i < log->n_banks; i++)
                if (log->banks[i].alg == alg)
                        return (int)i;
        return -ENOENT;
}
