/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence_impl.h"
#include "explain_impl.h"
#include "hex.h"

#define WORDS_SHOWN 16
#define WORDS_COMPARED 100 /* comparing is quadratic, and the words are a stranger's */

static const char *hex32(const uint8_t *p, char buf[HEX_LEN(DIGEST_LEN)])
{
        hex_encode(p, DIGEST_LEN, buf);
        return buf;
}

/* ---- boot chain -------------------------------------------------------- */

static void expected_chain(struct lines *l, const struct boot_ref *boot, const struct decide_refs *refs)
{
        char hex[HEX_LEN(DIGEST_LEN)];

        for (size_t i = 0; refs->ipxe && i < refs->ipxe->n; i++)
                lines_add(l, "Expected iPXE: %s, sha256 %s", refs->ipxe->v[i].file,
                          hex32(refs->ipxe->v[i].digest, hex));
        if (!refs->ipxe || refs->ipxe->n == 0)
                lines_add(l, "This parent has no iPXE binary in its ipxe directory, so that none can match");
        if (!boot)
                return;
        lines_add(l, "Expected UKI: %s, sha256 %s (boot entry %s)", boot->file, hex32(boot->uki, hex), boot->name);
        lines_add(l, "Expected kernel: the one in %s, sha256 %s", boot->file, hex32(boot->kernel, hex));
}

void explain_chain(struct lines *l, const struct decision *d, const struct evidence *ev, const struct decide_refs *refs)
{
        _cleanup_(freep) struct chain *c = calloc(1, sizeof(*c));
        size_t seen[CHAIN_KERNEL + 1] = {0};

        if (!c) {
                l->error = -ENOMEM;
                return;
        }
        if (chain_build(ev, refs->boots, refs->boots ? refs->n_boots : 0, refs->ipxe, c) < 0)
                return;
        for (size_t i = c->separator; i < c->n; i++)
                seen[c->v[i].token]++;
        if (seen[CHAIN_IPXE] == 0)
                lines_add(l, "iPXE differs: none of the iPXE binaries of this parent was started");
        if (seen[CHAIN_UKI] == 0 && seen[CHAIN_KERNEL] > 0)
                lines_add(l, "The UKI differs, but its kernel is the right one: its initramfs, its command line or "
                             "another part of the file was changed");
        else if (seen[CHAIN_UKI] == 0)
                lines_add(l, "The UKI differs: none of this node's boot entries was started");
        else if (seen[CHAIN_KERNEL] == 0)
                lines_add(l, "The UKI is right, but its kernel was not started, or another one was");
        expected_chain(l, d->boot, refs);
}

/* ---- command line ------------------------------------------------------ */

/* UTF-16LE with its NUL into printable ASCII; false when it is no such text. */
static bool utf16_text(const uint8_t *p, size_t n, char *ret, size_t size)
{
        size_t len = 0;

        if (n < 2 || n % 2 != 0 || p[n - 1] != 0 || p[n - 2] != 0)
                return false;
        for (size_t i = 0; i + 2 < n; i += 2) {
                unsigned c = p[i] | (unsigned)p[i + 1] << 8;

                if (c == 0 || len + 8 > size)
                        return false;
                if (c >= 0x20 && c < 0x7f)
                        ret[len++] = (char)c;
                else
                        len += (size_t)snprintf(ret + len, size - len, "\\u%04x", c);
        }
        ret[len] = '\0';
        return true;
}

struct word {
        const char *p;
        size_t n;
};

static bool next_word(const char **s, struct word *ret)
{
        *s += strspn(*s, " \t\n");
        ret->p = *s;
        ret->n = strcspn(*s, " \t\n");
        *s += ret->n;
        return ret->n > 0;
}

static size_t count_word(const char *text, const struct word *w, const char *until)
{
        struct word v;
        size_t n = 0;

        while (next_word(&text, &v) && (!until || v.p <= until))
                n += v.n == w->n && memcmp(v.p, w->p, v.n) == 0;
        return n;
}

/* Lists the words that stand in `a` more often than in `b`. */
static size_t extra_words(struct lines *l, const char *title, const char *a, const char *b)
{
        const char *s = a;
        struct word w;
        size_t n = 0;
        size_t compared = 0;

        while (next_word(&s, &w)) {
                if (++compared > WORDS_COMPARED)
                        break;
                if (count_word(a, &w, w.p) <= count_word(b, &w, NULL))
                        continue;
                if (n++ < WORDS_SHOWN)
                        lines_add(l, "%s: %.*s", title, (int)(w.n < 300 ? w.n : 300), w.p);
        }
        if (n > WORDS_SHOWN)
                lines_add(l, "%s: and %zu more", title, n - WORDS_SHOWN);
        if (compared > WORDS_COMPARED)
                lines_add(l, "%s: only the first %u words were compared", title, WORDS_COMPARED);
        return n + (compared > WORDS_COMPARED);
}

static void diff_words(struct lines *l, const char *got, const char *want)
{
        size_t n = extra_words(l, "Added word", got, want) + extra_words(l, "Missing word", want, got);

        if (n == 0)
                lines_add(l, "The words are the same, but their order or the spaces between them differ");
}

void explain_options(struct lines *l, const struct decision *d, const struct decide_diff *diff,
                     const struct evidence *ev)
{
        _cleanup_(freep) char *got = malloc(8192);
        char want[REFS_FILE_MAX + REFS_CMDLINE_MAX + 2];
        size_t event = evidence_nth(ev, 12, 0);
        const struct evlog_event *e;
        bool embedded = d->profile && d->profile->secure_boot && d->boot->secure.embedded;

        if (!got) {
                l->error = -ENOMEM;
                return;
        }
        if (embedded)
                (void)snprintf(want, sizeof(want), "%s", d->boot->embedded);
        else
                (void)snprintf(want, sizeof(want), "%s %s", d->boot->file, d->boot->cmdline);
        lines_add(l, "PCR %u, command line of boot entry %s:", diff->pcr, d->boot->name);
        lines_add(l, "  expected: %s%s", want, embedded ? " (in the UKI, Secure Boot is on)" : "");
        if (event == SIZE_MAX) {
                lines_add(l, "  used: the boot loader passed none");
                return;
        }
        e = &ev->log.events[event];
        if (!evidence_data_is_genuine(ev, e) || !utf16_text(e->data, e->size, got, 8192)) {
                lines_add(l, "  used: another one; the event log does not hold its text");
                return;
        }
        lines_add(l, "  used:     %s", got);
        if (evidence_nth(ev, 12, 1) != SIZE_MAX)
                lines_add(l, "PCR 12 was extended more than once");
        if (strcmp(got, want) == 0)
                lines_add(l, "The text is the expected one, so the difference is in what was measured after it");
        else
                diff_words(l, got, want);
}
