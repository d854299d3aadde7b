/* SPDX-License-Identifier: Apache-2.0 */
/* jtab.h - a JSON document into a C struct, by a table of its members.
 *
 * Pure. The document is one UTF-8 object of at most `max` bytes, nested at
 * most 8 deep: { is its first byte and } its last. Unknown, duplicate
 * (at any depth), missing and wrongly typed members are refused, and so is
 * \u0000. On failure `ret` is left wiped and zeroed, `err` says which
 * member and why (ASCII, always terminated), and the result is -EBADMSG,
 * -E2BIG (document larger than `max`) or -ENOMEM. On success `ret` owns
 * memory; jtab_wipe() frees it with the same table, overwriting first.
 * `ret` must be zeroed or hold nothing owned when jtab_parse() begins. */
#ifndef MUSTER_JTAB_H
#define MUSTER_JTAB_H

#include "mem.h"

#define JTAB_DEPTH 8
#define JTAB_ERR 192

enum jtype {
        JT_STR,    /* char[max + 1]; at most max bytes */
        JT_STRDUP, /* char *; at most max bytes */
        JT_HEX,    /* uint8_t[max]; exactly 2 * max lower-case digits */
        JT_B64,    /* struct buf; at most max bytes when decoded */
        JT_INT,    /* int64_t; 0 to max */
        JT_BOOL,   /* bool */
        JT_STRS,   /* struct jstrs; at most count strings of max bytes */
        JT_LENGTHS, /* struct jlengths; at most count pairs [name, 0 to max] */
        JT_OBJ,    /* an embedded struct, by table `sub` */
};

enum jflag {
        JF_REQUIRED = 1,
        JF_NULL = 2,   /* null is allowed: leaves the field zero */
        JF_SECRET = 4, /* the parser's own copy of the text is overwritten */
        JF_STATE = 8,  /* `state` is the offset of an enum jstate */
};

/* For members whose absence, null and value mean different things. */
enum jstate { JS_ABSENT, JS_NULL, JS_SET };

struct jstrs {
        char **v;
        size_t n;
};

struct jbufs {
        struct buf *v;
        size_t n;
};

/* A list of names, each with a length, in the document's order. */
#define JLENGTHS 64
struct jlengths {
        struct jlength {
                char name[24];
                size_t len;
        } v[JLENGTHS];
        size_t n;
};

struct jfield {
        const char *name;
        enum jtype type;
        size_t off;
        size_t max;
        unsigned flags;
        size_t count;
        const struct jfield *sub;
        size_t n_sub;
        size_t state;
};

int jtab_parse(const void *text, size_t len, size_t max, const struct jfield *tab, size_t n, void *ret,
               char err[JTAB_ERR]);
/* One string member of the outermost object, to choose the table by. */
int jtab_peek(const void *text, size_t len, size_t max, const char *name, char *ret, size_t n, char err[JTAB_ERR]);
void jtab_wipe(const struct jfield *tab, size_t n, void *obj);

void jstrs_free(struct jstrs *s);
int jstrs_add(struct jstrs *s, const char *text); /* copies; -ENOMEM */
void jbufs_free(struct jbufs *b);

#endif
