/* SPDX-License-Identifier: Apache-2.0 */
/* A document by a table that has every type: what is read can be written, and
 * means the same. */
#include "fuzz.h"

#include "jout.h"
#include "jtab.h"

struct doc {
        char word[17];
        char *text;
        uint8_t id[4];
        struct buf blob;
        int64_t n;
        bool yes;
        struct jstrs list;
        struct jlengths lengths;
        struct {
                char *name;
        } in;
        enum jstate in_state;
};

static const struct jfield in_tab[] = { { "he\xc3\xa9", JT_STRDUP, 0, 1000 } };
static const struct jfield tab[] = {
        { "word", JT_STR, offsetof(struct doc, word), 16 },
        { "text", JT_STRDUP, offsetof(struct doc, text), 60000, JF_SECRET },
        { "id", JT_HEX, offsetof(struct doc, id), 4 },
        { "blob", JT_B64, offsetof(struct doc, blob), 60000 },
        { "n", JT_INT, offsetof(struct doc, n), 1000000 },
        { "yes", JT_BOOL, offsetof(struct doc, yes), 0 },
        { "list", JT_STRS, offsetof(struct doc, list), 1000, 0, 16 },
        { "lengths", JT_LENGTHS, offsetof(struct doc, lengths), 1000000, 0, JLENGTHS },
        { "in", JT_OBJ, offsetof(struct doc, in), 0, JF_NULL | JF_STATE, 0, in_tab, 1, offsetof(struct doc, in_state) },
};

static void again(const struct doc *d)
{
        struct doc e = { 0 };
        struct jout o = { 0 };
        struct buf b = { 0 };
        char err[JTAB_ERR];

        jout_obj(&o, NULL);
        jout_str(&o, "word", d->word);
        jout_str(&o, "text", d->text ? d->text : "");
        jout_hex(&o, "id", d->id, sizeof(d->id));
        jout_b64(&o, "blob", d->blob.p, d->blob.len);
        jout_int(&o, "n", d->n);
        jout_bool(&o, "yes", d->yes);
        jout_arr(&o, "list");
        for (size_t i = 0; i < d->list.n; i++)
                jout_str(&o, NULL, d->list.v[i]);
        jout_end(&o, ']');
        jout_arr(&o, "lengths");
        for (size_t i = 0; i < d->lengths.n; i++) {
                jout_arr(&o, NULL);
                jout_str(&o, NULL, d->lengths.v[i].name);
                jout_int(&o, NULL, (int64_t)d->lengths.v[i].len);
                jout_end(&o, ']');
        }
        jout_end(&o, ']');
        jout_end(&o, '}');
        HOLDS(jout_take(&o, &b) == 0);
        HOLDS(jtab_parse(b.p, b.len, b.len, tab, ELEMENTSOF(tab), &e, err) == 0);
        HOLDS(strcmp(d->word, e.word) == 0 && (!d->text || strcmp(d->text, e.text) == 0) && d->n == e.n && d->yes == e.yes);
        HOLDS(d->blob.len == e.blob.len && (d->blob.len == 0 || memcmp(d->blob.p, e.blob.p, e.blob.len) == 0));
        HOLDS(memcmp(d->id, e.id, sizeof(e.id)) == 0 && d->list.n == e.list.n && d->lengths.n == e.lengths.n);
        for (size_t i = 0; i < d->list.n; i++)
                HOLDS(strcmp(d->list.v[i], e.list.v[i]) == 0);
        for (size_t i = 0; i < d->lengths.n; i++)
                HOLDS(strcmp(d->lengths.v[i].name, e.lengths.v[i].name) == 0 && d->lengths.v[i].len == e.lengths.v[i].len);
        jtab_wipe(tab, ELEMENTSOF(tab), &e);
        buf_wipe(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        char err[JTAB_ERR] = "";
        char word[32];
        struct doc d = { 0 };
        int r = jtab_parse(p, n, 1 << 20, tab, ELEMENTSOF(tab), &d, err);

        HOLDS(fuzz_printable(err));
        if (r == 0) {
                again(&d);
                jtab_wipe(tab, ELEMENTSOF(tab), &d);
        } else {
                HOLDS(!d.text && !d.blob.p && !d.list.v && d.lengths.n == 0);
        }
        if (jtab_peek(p, n, 1 << 20, "word", word, sizeof(word), err) == 0)
                HOLDS(strlen(word) < sizeof(word));
        return 0;
}
