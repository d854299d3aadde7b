/* SPDX-License-Identifier: Apache-2.0 */
/* jtree.h - one JSON document as json-c's tree, its long strings left out.
 *
 * Pure. jtree_parse() takes one object as jtab.h describes it: jscan() looks
 * at every byte, json-c makes the tree, and members that stand twice are
 * found. json-c takes a string byte by byte, and most of a request is one
 * string of base64. So what jscan() found to be plain, `least` bytes and more
 * in a row within a value, is replaced by \u0000 and a letter in what json-c
 * sees: jscan() refuses \u0000, so no document has such a mark of its own.
 * Characters beyond ASCII are escaped for it.
 *
 * `text` stays the caller's, and has to stay as it is while the tree is
 * used. Strings of the tree are read with jtree_len(), jtree_copy() and
 * jtree_whole(), never with json-c's functions. */
#ifndef MUSTER_JTREE_H
#define MUSTER_JTREE_H

#include "jscan.h"
#include "jtab.h"

#include <json-c/json.h>

struct jtree {
        struct json_object *root;
        const char *text;
        struct jruns runs;
};

/* -EBADMSG with the reason in err; -ENOMEM. */
int jtree_parse(const char *text, size_t len, size_t least, char err[JTAB_ERR], struct jtree *ret);
void jtree_free(struct jtree *t);
/* Overwrites all strings first. */
void jtree_forget(struct jtree *t);

/* Of a string: its length, and its bytes with a NUL behind them. None of
 * them is NUL. */
size_t jtree_len(const struct jtree *t, struct json_object *o);
void jtree_copy(const struct jtree *t, struct json_object *o, char *ret);
/* Where it stands in one piece, without a NUL; NULL: nowhere. */
const char *jtree_whole(const struct jtree *t, struct json_object *o);

#endif
