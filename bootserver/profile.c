/* SPDX-License-Identifier: Apache-2.0 */
#include "profile.h"

#include "evidence_impl.h"

#include <ctype.h>

const uint8_t profile_pcrs[PROFILE_PCRS] = {0, 2, 3, 6, 7, 14};
const uint8_t profile_recorded[PROFILE_RECORDED] = {1, 5};

/* Appends `text` in [a-z0-9.-]; runs of anything else become one dash. */
static void slug(const char *text, char *ret, size_t size, size_t *len)
{
        size_t start = *len;

        for (; *text && *len < size - 1; text++) {
                int c = tolower((unsigned char)*text);

                if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.')
                        ret[(*len)++] = (char)c;
                else if (*len > start && ret[*len - 1] != '-')
                        ret[(*len)++] = '-';
        }
        while (*len > start && ret[*len - 1] == '-')
                (*len)--;
        if (*len == start)
                *len += (size_t)snprintf(ret + start, size - start, "unknown");
}

void profile_name(const struct attest_facts *f, char ret[PROFILE_NAME_MAX + 1])
{
        size_t len = 0;

        slug(f->vendor, ret, PROFILE_NAME_MAX / 2, &len);
        ret[len++] = '-';
        slug(f->product, ret, PROFILE_NAME_MAX + 1, &len);
        ret[len] = '\0';
}

size_t profile_separator(const struct profile *p)
{
        size_t i = 0;

        while (i < p->n_steps && p->steps[i].token != CHAIN_SEPARATOR)
                i++;
        return i;
}

size_t profile_own(const struct profile *p)
{
        size_t first = profile_separator(p) + 1;
        size_t n = 0;

        while (first + n < p->n_steps && p->steps[first + n].token == CHAIN_DIGEST)
                n++;
        return n;
}

bool profile_is_sound(const struct profile *p)
{
        size_t separators = 0;
        size_t own = profile_separator(p) + profile_own(p); /* what may be a digest goes up to here */

        if (p->n_steps < 3 || p->n_steps > PROFILE_SEQ_MAX || p->steps[p->n_steps - 1].token != CHAIN_KERNEL ||
            p->steps[p->n_steps - 2].token != CHAIN_UKI)
                return false;
        for (size_t i = 0; i < p->n_steps; i++) {
                enum chain_token t = p->steps[i].token;

                separators += t == CHAIN_SEPARATOR;
                if (t == CHAIN_DIGEST ? i > own : t != CHAIN_SEPARATOR && separators == 0)
                        return false;
        }
        return separators == 1 && !same_bytes(p->pcr[0], DIGEST_LEN, zero_digest, DIGEST_LEN);
}

static bool judged(uint32_t pcr)
{
        for (size_t i = 0; i < PROFILE_PCRS; i++)
                if (profile_pcrs[i] == pcr)
                        return true;
        return false;
}

static void learn_events(const struct evidence *ev, struct profile *p)
{
        for (size_t i = 0; i < ev->log.n_events && p->n_events < PROFILE_EVENTS_MAX; i++) {
                const struct evlog_event *e = &ev->log.events[i];
                const uint8_t *digest = evidence_digest(ev, e);

                if (!digest || !judged(e->pcr))
                        continue;
                p->events[p->n_events].pcr = (uint8_t)e->pcr;
                memcpy(p->events[p->n_events++].digest, digest, DIGEST_LEN);
        }
}

static int learn_chain(const struct evidence *ev, const struct boot_ref *const *boots, size_t n_boots,
                       const struct ipxe_set *ipxe, struct profile *p, char why[JTAB_ERR])
{
        _cleanup_(freep) struct chain *c = calloc(1, sizeof(*c));
        bool own = true; /* between the separator and the first that this parent serves */
        char text[128];

        if (!c)
                return -ENOMEM;
        (void)snprintf(why, JTAB_ERR, "PCR 4 holds too many events");
        if (chain_build(ev, boots, n_boots, ipxe, c) < 0)
                return -EBADMSG;
        for (size_t i = c->separator; i < c->n; i++) {
                own = own && (i == c->separator || c->v[i].token == CHAIN_DIGEST);
                if (c->v[i].token != CHAIN_DIGEST || (own && evlog_says_firmware_volume(&ev->log.events[c->v[i].event])))
                        continue;
                (void)evlog_describe(&ev->log.events[c->v[i].event], text, sizeof(text));
                (void)snprintf(why, JTAB_ERR, "PCR 4 holds what this parent does not serve: %s", text);
                return -EBADMSG;
        }
        if (chain_steps(c, p->steps, &p->n_steps) < 0)
                return -EBADMSG;
        (void)snprintf(why, JTAB_ERR, "PCR 4 does not end with a UKI and a kernel of this parent, after one separator");
        return profile_is_sound(p) ? 0 : -EBADMSG;
}

int profile_learn(const struct evidence *ev, const struct boot_ref *const *boots, size_t n_boots,
                  const struct ipxe_set *ipxe, struct profile *ret, char why[JTAB_ERR])
{
        _cleanup_(freep) struct profile *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        (void)snprintf(why, JTAB_ERR, "the event log does not parse");
        if (!ev->has_log)
                return -EBADMSG;
        (void)snprintf(p->firmware, sizeof(p->firmware), "%s", ev->req->facts.firmware);
        p->secure_boot = evidence_secure_boot(ev);
        for (size_t i = 0; i < PROFILE_PCRS; i++)
                memcpy(p->pcr[i], evidence_pcr(ev, profile_pcrs[i]), DIGEST_LEN);
        for (size_t i = 0; i < PROFILE_RECORDED; i++)
                memcpy(p->recorded[i], evidence_pcr(ev, profile_recorded[i]), DIGEST_LEN);
        learn_events(ev, p);
        (void)profile_settings(ev, p->settings, &p->n_settings); /* too many: it has none, and cannot be used for them */
        for (size_t i = 0; i < p->n_settings; i++)
                p->settings[i].event = 0; /* of this log only */
        r = learn_chain(ev, boots, n_boots, ipxe, p, why);
        if (r < 0)
                return r;
        *ret = *p;
        return 0;
}
