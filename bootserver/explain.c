/* SPDX-License-Identifier: Apache-2.0 */
#include "explain_impl.h"

#include "evidence_impl.h"
#include "hex.h"
#include "jout.h"
#include "log.h"

#include <stdarg.h>

void lines_add(struct lines *l, const char *fmt, ...)
{
        char text[2048];
        char line[4 * sizeof(text)];
        va_list ap;
        int n;

        if (l->error < 0 || l->s.n >= EXPLAIN_LINES - 2) /* the last two are kept for the end */
                return;
        va_start(ap, fmt);
        n = vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        if (n < 0) {
                l->error = -EINVAL;
                return;
        }
        log_escape(text, strlen(text), line, sizeof(line));
        if ((size_t)n >= sizeof(text) || strlen(line) > EXPLAIN_LINE)
                (void)snprintf(line + EXPLAIN_LINE - 3, 4, "...");
        l->error = jstrs_add(&l->s, line);
}

static void event_line(struct lines *l, const struct decide_diff *diff, const struct evidence *ev)
{
        const struct evlog_event *e = &ev->log.events[diff->event];
        const uint8_t *digest = evidence_digest(ev, e);
        char hex[HEX_LEN(DIGEST_LEN)] = "";
        char text[240];
        char type[11];

        if (digest)
                hex_encode(digest, DIGEST_LEN, hex);
        (void)evlog_describe(e, text, sizeof(text));
        lines_add(l, "PCR %u, event %zu was not expected: %s%s, sha256 %s: %s", diff->pcr, diff->event,
                  evlog_type_name(e->type, type), evidence_data_is_genuine(ev, e) ? "" : " (text unverified)", hex,
                  text);
}

static void pcr_line(struct lines *l, const struct decision *d, const struct decide_diff *diff)
{
        char got[HEX_LEN(DIGEST_LEN)] = "";
        char want[HEX_LEN(DIGEST_LEN)] = "";

        if (diff->got)
                hex_encode(diff->got, DIGEST_LEN, got);
        if (diff->want)
                hex_encode(diff->want, DIGEST_LEN, want);
        if (strcmp(d->code, "M-EVENTLOG") == 0)
                lines_add(l, "PCR %u: the event log gives %s, the TPM quoted %s", diff->pcr, got, want);
        else
                lines_add(l, "PCR %u is %s, expected %s", diff->pcr, got, want);
}

static void missing_line(struct lines *l, const struct decide_diff *diff)
{
        char want[HEX_LEN(DIGEST_LEN)] = "";

        if (diff->want)
                hex_encode(diff->want, DIGEST_LEN, want);
        if (diff->text)
                lines_add(l, "PCR %u, an event is missing: %s was not started", diff->pcr, diff->text);
        else
                lines_add(l, "PCR %u, an event of the profile is missing: sha256 %s", diff->pcr, want);
}

static void setting_line(struct lines *l, const struct decide_diff *diff, const struct evidence *ev)
{
        const char *name = diff->text && diff->text[0] ? diff->text : "(no variable)";
        const uint8_t *got = diff->event == SIZE_MAX ? NULL : evidence_digest(ev, &ev->log.events[diff->event]);
        char gotten[HEX_LEN(DIGEST_LEN)] = "";
        char want[HEX_LEN(DIGEST_LEN)] = "";

        if (got)
                hex_encode(got, DIGEST_LEN, gotten);
        if (diff->want)
                hex_encode(diff->want, DIGEST_LEN, want);
        if (got)
                lines_add(l, "PCR 1, event %zu: firmware setting %s differs: sha256 %s, the profile has %s", diff->event, name,
                          gotten, want);
        else
                lines_add(l, "PCR 1: firmware setting %s of the profile was not measured%s%s", name, want[0] ? ": sha256 " : "",
                          want);
}

static void tpm_line(struct lines *l, const struct decide_diff *diff, const struct evidence *ev)
{
        const struct tpm_advice *a = diff->advice;
        char version[TPM_VERSION_TEXT];
        char fixed[TPM_VERSION_TEXT] = "unknown";

        tpm_version_text(ev->quote.firmware, version);
        if (a->fixed)
                tpm_version_text(a->fixed, fixed);
        lines_add(l, "%s names this TPM: maker %s, firmware %s, fixed from %s; what may fall: %s; see %s", a->id, a->maker, version,
                  fixed, a->falls, a->source);
}

static void diff_line(struct lines *l, const struct decision *d, const struct decide_diff *diff,
                      const struct evidence *ev)
{
        switch (diff->what) {
        case DIFF_TEXT:
                lines_add(l, "Found: %s", diff->text ? diff->text : "a difference");
                break;
        case DIFF_PCR:
                pcr_line(l, d, diff);
                break;
        case DIFF_EVENT:
                event_line(l, diff, ev);
                break;
        case DIFF_MISSING:
                missing_line(l, diff);
                break;
        case DIFF_SEPARATOR:
                lines_add(l, "PCR %u holds no separator: where the firmware's part ends cannot be told", diff->pcr);
                break;
        case DIFF_LOG_END:
                lines_add(l, "The event log ends early, after %zu events (%zu bytes): of what was measured later, the kernel among it, "
                          "nothing is there. Some firmware has little room for its log, and it is full since the Secure Boot "
                          "certificates of 2023 were added; look for a newer version of it", diff->event, ev->req->eventlog.len);
                break;
        case DIFF_SETTING:
                setting_line(l, diff, ev);
                break;
        case DIFF_TPM:
                tpm_line(l, diff, ev);
                break;
        case DIFF_OPTIONS:
                explain_options(l, d, diff, ev);
                break;
        case DIFF_INITRD:
                lines_add(l, "PCR 9: the command line is right, the initrd is not the one in %s", d->boot->file);
                if (diff->event != SIZE_MAX)
                        event_line(l, diff, ev);
                else
                        lines_add(l, "PCR 9: no initrd was measured");
                break;
        case DIFF_RESTART:
                lines_add(l, "The quote's restart counter is %" PRIu64 ", the last one seen with this reset counter was %" PRIu64, diff->count,
                          diff->want_count);
                break;
        case DIFF_CLOCK:
                lines_add(l, "The TPM's clock in the quote is %" PRIu64 " ms, the last one seen in this boot was %" PRIu64
                          " ms: two machines may share one TPM state", diff->count, diff->want_count);
                break;
        case DIFF_RESET:
                lines_add(l, "The quote's reset counter is %" PRIu64 ", the last one seen was %" PRIu64, diff->count,
                          diff->want_count);
                break;
        }
}

static void last_line(struct lines *l, const char *code)
{
        char line[EXPLAIN_LINE + 1];

        if (l->error < 0)
                return;
        (void)snprintf(line, sizeof(line), "Next: %s.", explain_next(code));
        l->error = jstrs_add(&l->s, line);
}

int explain_failure(const char *code, struct buf *ret_json)
{
        _cleanup_(jout_wipe) struct jout o = { 0 };
        char line[EXPLAIN_LINE + 1];

        jout_arr(&o, NULL);
        (void)snprintf(line, sizeof(line), "Its attempt before was let in too, and failed with %s: %s", code, explain_meaning(code));
        jout_str(&o, NULL, line);
        (void)snprintf(line, sizeof(line), "Next: %s.", explain_next(code));
        jout_str(&o, NULL, line);
        jout_end(&o, ']');
        return jout_take(&o, ret_json);
}

int explain_decision(const struct decision *d, const struct evidence *ev, const struct decide_refs *refs,
                     struct jstrs *ret)
{
        struct lines l = {0};

        if (d->verdict != DECIDE_REFUSED || !d->code) {
                *ret = (struct jstrs){0};
                return 0;
        }
        lines_add(&l, "Refused with %s: %s", d->code, explain_meaning(d->code));
        if (ev && refs && ev->has_log && strcmp(d->code, "M-CHAIN") == 0)
                explain_chain(&l, d, ev, refs);
        for (size_t i = 0; ev && i < d->n_diffs; i++)
                diff_line(&l, d, &d->diffs[i], ev);
        if (d->n_diffs == DECIDE_DIFFS)
                lines_add(&l, "There are more differences than are shown here");
        last_line(&l, d->code);
        if (l.error < 0) {
                jstrs_free(&l.s);
                return l.error;
        }
        *ret = l.s;
        return 0;
}
