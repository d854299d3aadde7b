/* SPDX-License-Identifier: Apache-2.0 */
/* A request with one lie in it. */
#include "hostile.h"

#include "digest.h"
#include "eventlog.h"

struct fixture f;
uint8_t lie_other_exporter[DIGEST_LEN];
struct jbufs lie_certs;

static const struct lie *now;

static void patch(struct buf *b, enum part part)
{
        const struct patch *p = &now->patch;
        size_t at = p->at;

        if (p->part != part)
                return;
        if (p->find) {
                const uint8_t *found = memmem(b->p, b->len, p->find, strlen(p->find));

                FX(found);
                at = (size_t)(found - b->p);
        }
        FX(at + p->n <= b->len && p->cut < b->len);
        if (p->n > 0)
                memcpy(b->p + at, p->bytes, p->n);
        b->len = p->keep ? p->keep : b->len - p->cut;
        if (p->n_more == 0)
                return;
        b->p = realloc(b->p, b->len + p->n_more);
        FX(b->p);
        memcpy(b->p + b->len, p->more, p->n_more);
        b->len += p->n_more;
}

/* ---- another boot -------------------------------------------------------- */

static struct fx_event *separator(unsigned pcr)
{
        uint8_t want[DIGEST_LEN];

        FX(digest_sha256("\0\0\0", 4, want) == 0);
        for (size_t i = 0; i < f.n; i++)
                if (f.ev[i].pcr == pcr && memcmp(f.ev[i].digest, want, DIGEST_LEN) == 0)
                        return &f.ev[i];
        FX(!"there is a separator");
        return NULL;
}

static void swap_events(const struct events *e)
{
        struct fx_event *a = fixture_find(&f, e->pcr, e->nth);
        struct fx_event *b = fixture_find(&f, e->pcr, e->nth + 1);
        struct fx_event t = *a;

        *a = *b;
        *b = t;
}

static void change_events(const struct events *e)
{
        switch (e->change) {
        case NO_CHANGE:
                break;
        case ALTER:
                fixture_find(&f, e->pcr, e->nth)->digest[0] ^= 1;
                break;
        case REMOVE_TWO:
                fixture_remove(&f, fixture_find(&f, e->pcr, e->nth));
                /* fallthrough */
        case REMOVE:
                fixture_remove(&f, fixture_find(&f, e->pcr, e->nth));
                break;
        case SWAP:
                swap_events(e);
                break;
        case APPEND:
                fixture_event(&f, e->pcr, e->data ? EV_EFI_VARIABLE_DRIVER_CONFIG : EV_IPL, NULL, e->data ? e->data : "evil",
                              e->data ? e->n_data : 4);
                break;
        case APPEND_SEPARATOR:
                fixture_event(&f, e->pcr, EV_SEPARATOR, NULL, "\0\0\0", 4);
                break;
        case NO_SEPARATOR:
                fixture_remove(&f, separator(e->pcr));
                break;
        case ERROR_SEPARATOR:
                FX(digest_sha256("\1\0\0", 4, separator(e->pcr)->digest) == 0);
                break;
        case HIDE:
                fixture_find(&f, e->pcr, e->nth)->type = EV_NO_ACTION;
                break;
        default:
                FX(!"a known change");
        }
}

static void boot_otherwise(const struct events *e)
{
        if (e->options || e->old_uki || e->no_ipxe || e->secure_boot) {
                fixture_firmware(&f, e->secure_boot);
                fixture_chain(&f, e->no_ipxe ? NULL : &f.ipxe_file, e->old_uki ? &f.old_uki : &f.uki,
                              e->options ? e->options : FX_FILE " " FX_CMDLINE, e->secure_boot);
        }
        change_events(e);
}

/* ---- the request --------------------------------------------------------- */

static void edit_request(struct attest_request *r)
{
        patch(&r->ek_public, EK);
        patch(&r->ak_public, AK);
        if (now->events.log_only) {
                struct fx_event saved[FX_EVENTS];
                size_t n = f.n;

                memcpy(saved, f.ev, sizeof(saved));
                boot_otherwise(&now->events);
                buf_wipe(&r->eventlog);
                r->eventlog = fixture_log(&f);
                memcpy(f.ev, saved, sizeof(saved));
                f.n = n;
        }
        patch(&r->eventlog, LOG);
        if (lie_certs.n == 0)
                return;
        r->ek_certs.v = calloc(lie_certs.n, sizeof(*r->ek_certs.v));
        FX(r->ek_certs.v);
        for (size_t i = 0; i < lie_certs.n; i++) {
                struct buf *b = &r->ek_certs.v[r->ek_certs.n++];

                b->p = malloc(lie_certs.v[i].len);
                FX(b->p);
                b->len = lie_certs.v[i].len;
                memcpy(b->p, lie_certs.v[i].p, b->len);
        }
}

static void edit_quote(struct buf *b)
{
        patch(b, QUOTE);
}

static void edit_signature(struct buf *b)
{
        patch(b, SIGNATURE);
}

static void build_once(const struct lie *lie, const struct fx_knobs *k)
{
        struct fx_event saved[FX_EVENTS];
        uint32_t reset = f.reset_count;
        size_t n = f.n;

        now = lie;
        memcpy(saved, f.ev, sizeof(saved));
        f.knobs = *k;
        f.knobs.edit_request = edit_request;
        f.knobs.edit_quote = edit_quote;
        f.knobs.edit_signature = edit_signature;
        if (lie->reset_count)
                f.reset_count = lie->reset_count;
        if (!lie->events.log_only)
                boot_otherwise(&lie->events);
        fixture_build(&f);
        patch(&f.body, BODY);
        memcpy(f.ev, saved, sizeof(saved));
        f.n = n;
        f.reset_count = reset;
}

void lie_build(const struct lie *lie, const uint8_t exporter[DIGEST_LEN])
{
        struct fx_knobs k = lie->k;

        memcpy(f.exporter, exporter, DIGEST_LEN);
        if (lie->prepare) {
                static const struct lie truth;

                build_once(&truth, &truth.k); /* for f.req.digest */
                lie->prepare(&k);
        }
        build_once(lie, &k);
}

const struct lie *lie_find(const char *name)
{
        static const struct lie truth;

        if (!name[0])
                return &truth;
        for (size_t i = 0; i < n_lies; i++)
                if (strcmp(lies[i].name, name) == 0)
                        return &lies[i];
        (void)fprintf(stderr, "there is no lie %s\n", name);
        abort();
}
