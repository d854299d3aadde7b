/* SPDX-License-Identifier: Apache-2.0 */
#include "tpmadvice.h"

#include <inttypes.h>

#define LINE_MAX_LEN 400
#define FIELDS 6

void tpm_version_text(uint64_t version, char ret[TPM_VERSION_TEXT])
{
        (void)snprintf(ret, TPM_VERSION_TEXT, "0x%08" PRIx32 ".0x%08" PRIx32, (uint32_t)(version >> 32), (uint32_t)version);
}

static bool half(const char *text, uint32_t *ret)
{
        uint32_t v = 0;

        if (text[0] != '0' || text[1] != 'x')
                return false;
        for (size_t i = 2; i < 10; i++) {
                if (!strchr("0123456789abcdef", text[i]) || text[i] == '\0')
                        return false;
                v = v << 4 | (uint32_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
        }
        *ret = v;
        return true;
}

static bool version(const char *text, uint64_t *ret)
{
        uint32_t one;
        uint32_t two;

        if (strlen(text) != TPM_VERSION_TEXT - 1 || !half(text, &one) || text[10] != '.' || !half(text + 11, &two))
                return false;
        *ret = (uint64_t)one << 32 | two;
        return true;
}

static bool plain(const char *text, size_t max)
{
        size_t n = strlen(text);

        for (size_t i = 0; i < n; i++)
                if (text[i] <= 0x20 || text[i] > 0x7e)
                        return false;
        return n > 0 && n <= max;
}

/* A static text, or NULL. */
static const char *advice_of(char *const f[FIELDS], struct tpm_advice *a)
{
        if (!plain(f[0], TPM_MAKER_MAX))
                return "the maker is at most eight letters, as TPM2_PT_MANUFACTURER spells it";
        if (strcmp(f[1], "any") != 0 && !version(f[1], &a->from))
                return "the first version is \"any\" or like 0x00070055.0x0011cb02";
        if (strcmp(f[2], "unknown") != 0 && (!version(f[2], &a->fixed) || a->fixed <= a->from))
                return "the fixed version is \"unknown\" or like 0x00070055.0x0011cb02, and after the first one";
        if (!plain(f[3], sizeof(a->id) - 1))
                return "the advisory's name is at most 32 letters";
        if (strcmp(f[4], "attest") != 0 && strcmp(f[4], "keys") != 0 && strcmp(f[4], "attest,keys") != 0)
                return "what falls is \"attest\", \"keys\" or \"attest,keys\"";
        if (!plain(f[5], sizeof(a->source) - 1))
                return "the source is at most 160 letters without blanks";
        (void)snprintf(a->maker, sizeof(a->maker), "%s", f[0]);
        (void)snprintf(a->id, sizeof(a->id), "%s", f[3]);
        (void)snprintf(a->falls, sizeof(a->falls), "%s", f[4]);
        (void)snprintf(a->source, sizeof(a->source), "%s", f[5]);
        return NULL;
}

/* 1: an advisory; 0: a line that does not count; negative: *ret_why. */
static int one_line(const char *p, size_t n, struct tpm_advice *ret, const char **ret_why)
{
        char line[LINE_MAX_LEN + 1];
        char *f[FIELDS];
        size_t fields = 0;

        *ret_why = "it is longer than 400 bytes, or holds a zero byte";
        if (n > LINE_MAX_LEN || memchr(p, '\0', n))
                return -EBADMSG;
        memcpy(line, p, n);
        line[n] = '\0';
        for (char *s = line + strspn(line, " \t"); *s && *line != '#'; s += strspn(s, " \t")) {
                *ret_why = "it has more than six fields";
                if (fields == FIELDS)
                        return -EBADMSG;
                f[fields++] = s;
                s += strcspn(s, " \t");
                if (*s)
                        *s++ = '\0';
        }
        if (fields == 0)
                return 0;
        *ret_why = "it has fewer than six fields: maker, first version, fixed version, advisory, what falls, source";
        if (fields < FIELDS)
                return -EBADMSG;
        *ret = (struct tpm_advice){ 0 };
        *ret_why = advice_of(f, ret);
        return *ret_why ? -EBADMSG : 1;
}

int tpmadvice_parse(const char *text, size_t len, struct tpm_advices *ret, unsigned *ret_line, const char **ret_why)
{
        _cleanup_(freep) struct tpm_advices *a = calloc(1, sizeof(*a));
        const char *end = text + len;

        *ret_line = 0;
        *ret_why = "there is no memory";
        if (!a)
                return -ENOMEM;
        *ret_why = "it is larger than 64 KiB";
        if (len > TPMADVICE_FILE_MAX)
                return -EBADMSG;
        while (text < end) {
                const char *nl = memchr(text, '\n', (size_t)(end - text));
                struct tpm_advice one;
                int r = one_line(text, (size_t)((nl ? nl : end) - text), &one, ret_why);

                (*ret_line)++;
                if (r > 0 && a->n == TPMADVICE_MAX) {
                        *ret_why = "there are more than 256 advisories";
                        r = -EBADMSG;
                }
                if (r < 0)
                        return r;
                if (r > 0)
                        a->v[a->n++] = one;
                text = nl ? nl + 1 : end;
        }
        *ret = *a;
        return 0;
}

size_t tpmadvice_find(const struct tpm_advices *a, size_t after, const char *maker, uint64_t v)
{
        for (size_t i = after; i < a->n; i++)
                if (maker[0] && strcmp(a->v[i].maker, maker) == 0 && v >= a->v[i].from &&
                    (a->v[i].fixed == 0 || v < a->v[i].fixed))
                        return i;
        return a->n;
}
