/* SPDX-License-Identifier: Apache-2.0 */
#include "fold.h"

void fold_init(struct fold *f)
{
        *f = (struct fold){ .tokens = FOLD_BURST };
}

static bool take_token(struct fold *f, int64_t now)
{
        if (now > f->last) {
                f->tokens += (double)(now - f->last) * FOLD_PER_MINUTE / 60;
                f->tokens = f->tokens > FOLD_BURST ? FOLD_BURST : f->tokens;
        }
        f->last = now;
        if (f->tokens < 1)
                return false;
        f->tokens -= 1;
        return true;
}

static struct folded *find(struct fold *f, size_t from, size_t to, const char *source, const char *code)
{
        for (size_t i = from; i < to; i++)
                if (f->kind[i].since && strcmp(f->kind[i].source, source) == 0 && strcmp(f->kind[i].code, code) == 0)
                        return &f->kind[i];
        return NULL;
}

/* A window that ended without counting anything is free. */
static struct folded *place(struct fold *f, size_t from, size_t to, int64_t now)
{
        for (size_t i = from; i < to; i++) {
                struct folded *k = &f->kind[i];

                if (k->since == 0 || (k->count == 0 && now - k->since >= FOLD_SECONDS))
                        return k;
        }
        return NULL;
}

static struct folded *kind_of(struct fold *f, int64_t now, const char *source, const char *code, const char *incident)
{
        const size_t own = FOLD_KINDS - FOLD_SHARED;
        struct folded *k = find(f, 0, own, source, code);

        if (k && k->count == 0 && now - k->since >= FOLD_SECONDS)
                k->since = 0; /* a new window, in the same place */
        else if (k)
                return k;
        if (!k)
                k = place(f, 0, own, now);
        if (!k) {
                source = "";
                k = find(f, own, FOLD_KINDS, source, code);
                if (k)
                        return k;
                k = place(f, own, FOLD_KINDS, now);
        }
        if (!k) { /* more codes than there are */
                k = &f->kind[FOLD_KINDS - 1];
                return k;
        }
        *k = (struct folded){ .since = now > 0 ? now : 1 };
        (void)snprintf(k->source, sizeof(k->source), "%s", source);
        (void)snprintf(k->code, sizeof(k->code), "%s", code);
        (void)snprintf(k->incident, sizeof(k->incident), "%s", incident);
        return k;
}

bool fold_note(struct fold *f, int64_t now, const char *source, const char *code, const char *incident,
               char ret_incident[FOLD_INCIDENT])
{
        struct folded *k = kind_of(f, now, source, code, incident);

        /* a kind that several sources share has only the common limit */
        if ((k->full < FOLD_FULL || !k->source[0]) && now - k->since < FOLD_SECONDS && take_token(f, now)) {
                k->full++;
                return true;
        }
        k->count++;
        memcpy(ret_incident, k->incident, FOLD_INCIDENT);
        return false;
}

size_t fold_take(struct fold *f, int64_t now, bool all, struct folded ret[FOLD_KINDS])
{
        size_t n = 0;

        for (size_t i = 0; i < FOLD_KINDS; i++) {
                struct folded *k = &f->kind[i];

                if (k->since == 0 || (!all && now - k->since < FOLD_SECONDS && now >= k->since))
                        continue;
                if (k->count > 0)
                        ret[n++] = *k;
                *k = (struct folded){ 0 };
        }
        return n;
}
