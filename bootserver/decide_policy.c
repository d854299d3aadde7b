/* SPDX-License-Identifier: Apache-2.0 */
#include "decide_impl.h"
#include "evidence_impl.h"

static void refuse_at(struct decision *d, const char *code, size_t event, const char *text)
{
        decision_refuse(d, code);
        decision_diff(
                d, (struct decide_diff){
                           .what = event == SIZE_MAX ? DIFF_TEXT : DIFF_EVENT, .pcr = 4, .event = event, .text = text});
}

static bool same(const uint8_t *a, const uint8_t *b)
{
        return same_bytes(a, DIGEST_LEN, b, DIGEST_LEN);
}

/* ---- firmware ---------------------------------------------------------- */

/* Does the firmware's own part of PCR 4 equal the profile's? */
static bool early_matches(const struct chain *c, const struct profile *p)
{
        size_t n = profile_separator(p);

        if (c->separator != n || c->separator >= c->n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!same(c->v[i].digest, p->steps[i].digest))
                        return false;
        return true;
}

/* The settings of this boot; n is 0 when they are not judged, or too many. */
struct seen {
        bool judged;
        size_t n;
        struct profile_setting v[PROFILE_SETTINGS_MAX];
};

static bool settings_match(const struct seen *s, const struct profile *p)
{
        if (!s->judged)
                return true;
        if (s->n == 0 || s->n != p->n_settings)
                return false;
        for (size_t i = 0; i < s->n; i++)
                if (!profile_setting_same(&s->v[i], &p->settings[i]))
                        return false;
        return true;
}

static size_t settings_count(const struct profile_setting *v, size_t n, const struct profile_setting *s)
{
        size_t found = 0;

        for (size_t i = 0; i < n; i++)
                found += profile_setting_same(&v[i], s);
        return found;
}

/* A setting of this name that stands in `a` and not in `b`. */
static const struct profile_setting *settings_named(const struct profile_setting *a, size_t n_a,
                                                    const struct profile_setting *b, size_t n_b, const char *name)
{
        for (size_t i = 0; i < n_a && name[0]; i++)
                if (strcmp(a[i].name, name) == 0 && settings_count(b, n_b, &a[i]) == 0)
                        return &a[i];
        return NULL;
}

static void settings_differ(const struct evidence *ev, const struct seen *s, const struct profile *p, struct decision *d)
{
        size_t before = d->n_diffs;

        if (p->n_settings == 0 || s->n == 0) {
                decision_diff(d, (struct decide_diff){ .what = DIFF_TEXT, .pcr = 1, .event = SIZE_MAX,
                                                       .text = p->n_settings == 0 ?
                                  "policy pcr1 is profile, but this profile was learnt without the firmware's settings: learn it "
                                  "again" : "PCR 1 holds more events than a profile can have" });
                return;
        }
        for (size_t i = 0; i < s->n && d->n_diffs < DECIDE_DIFFS; i++) {
                const struct profile_setting *was;

                if (settings_count(s->v, i + 1, &s->v[i]) <= settings_count(p->settings, p->n_settings, &s->v[i]))
                        continue;
                was = settings_named(p->settings, p->n_settings, s->v, s->n, s->v[i].name);
                decision_diff(d, (struct decide_diff){ .what = was ? DIFF_SETTING : DIFF_EVENT, .pcr = 1, .event = s->v[i].event,
                                                       .got = evidence_digest(ev, &ev->log.events[s->v[i].event]),
                                                       .want = was ? was->digest : NULL,
                                                       .text = was ? was->name : NULL });
        }
        for (size_t i = 0; i < p->n_settings && d->n_diffs < DECIDE_DIFFS; i++) {
                const struct profile_setting *want = &p->settings[i];

                if (settings_count(p->settings, i + 1, want) <= settings_count(s->v, s->n, want) ||
                    settings_named(s->v, s->n, p->settings, p->n_settings, want->name))
                        continue;
                decision_diff(d, (struct decide_diff){ .what = DIFF_SETTING, .pcr = 1, .event = SIZE_MAX,
                                                       .want = want->tables ? NULL : want->digest,
                                                       .text = want->tables ? "the handoff tables" : want->name });
        }
        if (d->n_diffs == before)
                decision_diff(d, (struct decide_diff){ .what = DIFF_TEXT, .pcr = 1, .event = SIZE_MAX,
                                                       .text = "the firmware measured its settings in another order than the "
                                                               "profile has" });
}

static bool firmware_matches(const struct evidence *ev, const struct chain *c, const struct seen *s, const struct profile *p)
{
        for (size_t i = 0; i < PROFILE_PCRS; i++)
                if (!same(evidence_pcr(ev, profile_pcrs[i]), p->pcr[i]))
                        return false;
        return settings_match(s, p) && early_matches(c, p);
}

/* Counts how often a digest stands in a PCR, in the profile's events. */
static size_t profile_count(const struct profile *p, unsigned pcr, const uint8_t *digest)
{
        size_t n = 0;

        for (size_t i = 0; i < p->n_events; i++)
                n += p->events[i].pcr == pcr && same(p->events[i].digest, digest);
        return n;
}

static size_t log_count(const struct evidence *ev, unsigned pcr, const uint8_t *digest, size_t until)
{
        size_t n = 0;

        for (size_t i = 0; i < until; i++) {
                const uint8_t *d = evidence_digest(ev, &ev->log.events[i]);

                n += ev->log.events[i].pcr == pcr && d && same(d, digest);
        }
        return n;
}

static void explain_pcr(const struct evidence *ev, const struct profile *p, size_t which, struct decision *d)
{
        unsigned pcr = profile_pcrs[which];

        decision_diff(d, (struct decide_diff){.what = DIFF_PCR,
                                              .pcr = pcr,
                                              .event = SIZE_MAX,
                                              .got = evidence_pcr(ev, pcr),
                                              .want = p->pcr[which]});
        if (p->n_events == PROFILE_EVENTS_MAX)
                return; /* cut off: what is missing there says nothing */
        /* counting is quadratic: not beyond what can be told */
        for (size_t i = 0; i < ev->log.n_events && d->n_diffs < DECIDE_DIFFS; i++) {
                const uint8_t *got = evidence_digest(ev, &ev->log.events[i]);

                if (ev->log.events[i].pcr == pcr && got && log_count(ev, pcr, got, i + 1) > profile_count(p, pcr, got))
                        decision_diff(d, (struct decide_diff){.what = DIFF_EVENT, .pcr = pcr, .event = i, .got = got});
        }
        for (size_t i = 0; i < p->n_events && d->n_diffs < DECIDE_DIFFS; i++) {
                const uint8_t *want = p->events[i].digest;

                if (p->events[i].pcr == pcr && log_count(ev, pcr, want, ev->log.n_events) == 0)
                        decision_diff(d, (struct decide_diff){
                                                 .what = DIFF_MISSING, .pcr = pcr, .event = SIZE_MAX, .want = want});
        }
}

static void firmware_differs(const struct evidence *ev, const struct chain *c, const struct seen *s,
                             const struct profile *p, struct decision *d)
{
        size_t n = profile_separator(p);

        decision_refuse(d, "M-FIRMWARE");
        for (size_t i = 0; i < PROFILE_PCRS; i++)
                if (!same(evidence_pcr(ev, profile_pcrs[i]), p->pcr[i]))
                        explain_pcr(ev, p, i, d);
        if (!settings_match(s, p))
                settings_differ(ev, s, p, d);
        for (size_t i = 0; i < c->separator && i < c->n; i++)
                if (i >= n || !same(c->v[i].digest, p->steps[i].digest))
                        decision_diff(d, (struct decide_diff){.what = DIFF_EVENT,
                                                              .pcr = 4,
                                                              .event = c->v[i].event,
                                                              .got = c->v[i].digest});
        for (size_t i = c->separator; i < n; i++)
                decision_diff(d,
                              (struct decide_diff){
                                      .what = DIFF_MISSING, .pcr = 4, .event = SIZE_MAX, .want = p->steps[i].digest});
}

static bool check_firmware(const struct evidence *ev, const struct decide_refs *refs, const struct chain *c,
                           struct decision *d)
{
        const struct profile *set[] = {refs->current, refs->previous};
        _cleanup_(freep) struct seen *s = calloc(1, sizeof(*s));

        if (!refs->current || !profile_is_sound(refs->current)) {
                decision_refuse(d, "M-PROFILE");
                return false;
        }
        if (!s) {
                decision_refuse(d, "M-BUSY");
                return false;
        }
        s->judged = refs->judge_settings;
        if (s->judged)
                (void)profile_settings(ev, s->v, &s->n);
        d->profile = refs->current;
        for (size_t i = 0; i < ELEMENTSOF(set); i++)
                if (set[i] && profile_is_sound(set[i]) && firmware_matches(ev, c, s, set[i])) {
                        d->profile = set[i];
                        return true;
                }
        firmware_differs(ev, c, s, refs->current, d);
        return false;
}

/* ---- the TPM's own firmware ---------------------------------------------- */

/* Refused with what cannot be judged, too. */
static bool check_tpm(const struct evidence *ev, const struct decide_refs *refs, struct decision *d)
{
        const char *text = NULL;

        if (!refs->judge_tpm)
                return true;
        if (!refs->advices)
                text = "policy tpm is refuse, but no table of advisories was read";
        else if (!refs->tpm_maker || !refs->tpm_maker[0])
                text = "policy tpm is refuse, but the maker of this TPM is not known";
        if (text) {
                decision_refuse(d, "M-TPMFW");
                decision_diff(d, (struct decide_diff){ .what = DIFF_TEXT, .event = SIZE_MAX, .text = text });
                return false;
        }
        for (size_t i = 0; (i = tpmadvice_find(refs->advices, i, refs->tpm_maker, ev->quote.firmware)) < refs->advices->n; i++) {
                decision_refuse(d, "M-TPMFW");
                decision_diff(d, (struct decide_diff){ .what = DIFF_TPM, .event = SIZE_MAX, .advice = &refs->advices->v[i] });
        }
        return !d->code;
}

/* ---- boot chain -------------------------------------------------------- */

static const char *const missing_words[] = {
        [CHAIN_IPXE] = "an iPXE binary of this parent",
        [CHAIN_UKI] = "the UKI",
        [CHAIN_KERNEL] = "the UKI's kernel", /* of a digest: its digest */
};

/* Is it the firmware's application that the profile has in this place? */
static bool is_own(const struct chain *c, size_t i, const struct profile *p)
{
        size_t k = i - c->separator;

        return k <= profile_own(p) && same(c->v[i].digest, p->steps[profile_separator(p) + k].digest);
}

/* The tokens after the separator are the profile's, in its order. */
static bool check_sequence(const struct chain *c, const struct profile *p, struct decision *d)
{
        struct chain_step got[PROFILE_SEQ_MAX];
        size_t n = 0;
        size_t first = profile_separator(p);

        for (size_t i = c->separator + 1; i < c->n; i++)
                if (c->v[i].token == CHAIN_DIGEST && !is_own(c, i, p))
                        refuse_at(d, "M-CHAIN", c->v[i].event, NULL);
        if (d->code)
                return false;
        if (chain_steps(c, got, &n) < 0) {
                refuse_at(d, "M-CHAIN", SIZE_MAX, "PCR 4 holds too many events");
                return false;
        }
        for (size_t i = first; i < n && i < p->n_steps; i++)
                if (got[i].token != p->steps[i].token) {
                        refuse_at(d, "M-CHAIN", SIZE_MAX,
                                  p->steps[i].token == CHAIN_DIGEST ? "an application of the firmware that the profile has was not started" :
                                  "iPXE, UKI and kernel were not started in the order of the profile");
                        return false;
                }
        for (size_t i = n; i < p->n_steps; i++) {
                decision_refuse(d, "M-CHAIN");
                decision_diff(d, (struct decide_diff){.what = DIFF_MISSING,
                                                      .pcr = 4,
                                                      .event = SIZE_MAX,
                                                      .want = p->steps[i].digest,
                                                      .text = missing_words[p->steps[i].token]});
        }
        if (n > p->n_steps)
                refuse_at(d, "M-CHAIN", SIZE_MAX, "more was started than when the profile was learnt");
        return !d->code;
}

/* All UKI and kernel digests in PCR 4 are this one entry's. */
static bool chain_is_of(const struct chain *c, const struct boot_ref *r)
{
        for (size_t i = 0; i < c->n; i++) {
                if (c->v[i].token == CHAIN_UKI && !same(c->v[i].digest, r->uki))
                        return false;
                if (c->v[i].token == CHAIN_KERNEL && !same(c->v[i].digest, r->kernel))
                        return false;
        }
        return r->complete;
}

/* PCR 9's first event is the command line, the rest the initrd. */
static const char *pcr9_code(const struct evidence *ev, const struct boot_case *want, size_t *ret_event)
{
        size_t options = evidence_nth(ev, 9, 0);

        *ret_event = options;
        if (options == SIZE_MAX || !same(evidence_digest(ev, &ev->log.events[options]), want->options))
                return "M-CMDLINE";
        *ret_event = evidence_nth(ev, 9, 1);
        return "M-INITRD";
}

/* PCR 11, 12 and 9 against one entry. Returns how far it came: 3 is all. */
static int check_entry(const struct evidence *ev, const struct boot_ref *r, bool secure, struct decision *d)
{
        const struct boot_case *want = secure ? &r->secure : &r->plain;
        const char *code;
        size_t event;

        d->boot = r;
        if (!same(evidence_pcr(ev, 11), r->pcr11)) {
                decision_refuse(d, "M-UKI");
                decision_diff(d, (struct decide_diff){.what = DIFF_PCR,
                                                      .pcr = 11,
                                                      .event = SIZE_MAX,
                                                      .got = evidence_pcr(ev, 11),
                                                      .want = r->pcr11});
                return 0;
        }
        if (!same(evidence_pcr(ev, 12), want->pcr12)) {
                decision_refuse(d, "M-CMDLINE");
                decision_diff(d, (struct decide_diff){.what = DIFF_OPTIONS,
                                                      .pcr = 12,
                                                      .event = evidence_nth(ev, 12, 0),
                                                      .got = evidence_pcr(ev, 12),
                                                      .want = want->pcr12});
                return 1;
        }
        if (same(evidence_pcr(ev, 9), want->pcr9))
                return 3;
        code = pcr9_code(ev, want, &event);
        decision_refuse(d, code);
        decision_diff(d, (struct decide_diff){.what = strcmp(code, "M-INITRD") == 0 ? DIFF_INITRD : DIFF_OPTIONS,
                                              .pcr = 9,
                                              .event = event,
                                              .got = evidence_pcr(ev, 9),
                                              .want = want->pcr9});
        return 2;
}

/* Entries may share a UKI and differ in the command line: the one that
 * matches counts, else the one that came furthest is reported. */
static bool check_boots(const struct evidence *ev, const struct decide_refs *refs, const struct chain *c,
                        struct decision *d)
{
        struct decision best = {0};
        int furthest = -1;

        for (size_t i = 0; i < refs->n_boots; i++) {
                struct decision one = *d;
                int far;

                if (!chain_is_of(c, refs->boots[i]))
                        continue;
                far = check_entry(ev, refs->boots[i], d->profile->secure_boot, &one);
                if (far > furthest) {
                        furthest = far;
                        best = one;
                }
        }
        if (furthest < 0) {
                refuse_at(d, "M-CHAIN", SIZE_MAX, "the UKI and the kernel in PCR 4 are not of one boot entry");
                return false;
        }
        *d = best;
        return furthest == 3;
}

static bool have_boot(const struct decide_refs *refs)
{
        if (!refs->has_image || !refs->boots || refs->n_boots == 0)
                return false;
        for (size_t i = 0; i < refs->n_boots; i++)
                if (!refs->boots[i])
                        return false;
        return refs->boots[0]->complete;
}

static bool check_zero(const struct evidence *ev, struct decision *d)
{
        static const unsigned pcrs[] = {8, 13};

        for (size_t i = 0; i < ELEMENTSOF(pcrs); i++) {
                if (same(evidence_pcr(ev, pcrs[i]), zero_digest))
                        continue;
                decision_refuse(d, "M-PCRS");
                decision_diff(d, (struct decide_diff){.what = DIFF_PCR,
                                                      .pcr = pcrs[i],
                                                      .event = SIZE_MAX,
                                                      .got = evidence_pcr(ev, pcrs[i]),
                                                      .want = zero_digest});
                for (size_t k = 0; evidence_nth(ev, pcrs[i], k) != SIZE_MAX; k++)
                        decision_diff(d, (struct decide_diff){.what = DIFF_EVENT,
                                                              .pcr = pcrs[i],
                                                              .event = evidence_nth(ev, pcrs[i], k)});
        }
        return !d->code;
}

/* A node that names none (zero) is approved by the current key. An approval
 * by a key that its initramfs does not hold would be of no use to it. */
static bool find_policy_key(const struct evidence *ev, const struct decide_refs *refs, struct decision *d)
{
        const uint8_t *named = ev->req->policy;

        if (same(named, zero_digest) && refs->n_policy_keys > 0)
                return true;
        for (size_t i = 0; i < refs->n_policy_keys; i++)
                if (same(named, refs->policy_keys[i])) {
                        d->policy_key = i;
                        return true;
                }
        decision_refuse(d, "M-POLICYKEY");
        return false;
}

void decide_policy(const struct evidence *ev, const struct decide_refs *refs, struct decision *ret)
{
        _cleanup_(freep) struct chain *c = calloc(1, sizeof(*c));
        struct decision *d = ret;
        bool boots = have_boot(refs);

        *d = (struct decision){.verdict = DECIDE_REFUSED, .genuine = true, .sound = true};
        if (!c || !refs->loaded || !ev->has_log) {
                decision_refuse(d, "M-BUSY");
                return;
        }
        if (!find_policy_key(ev, refs, d))
                return;
        if (chain_build(ev, boots ? refs->boots : NULL, boots ? refs->n_boots : 0, refs->ipxe, c) < 0) {
                refuse_at(d, "M-EVENTLOG", SIZE_MAX, "PCR 4 holds too many events");
                return;
        }
        if (!check_tpm(ev, refs, d) || !check_firmware(ev, refs, c, d))
                return;
        if (!boots) {
                decision_refuse(d, "M-BOOT");
                return;
        }
        d->boot = refs->boots[0];
        if (check_sequence(c, d->profile, d) && check_boots(ev, refs, c, d) && check_zero(ev, d))
                d->verdict = DECIDE_OK;
}
