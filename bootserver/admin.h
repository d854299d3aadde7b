/* SPDX-License-Identifier: Apache-2.0 */
/* admin.h - what the admin handlers share. */
#ifndef MUSTER_ADMIN_H
#define MUSTER_ADMIN_H

#include "routes.h"

#include "jtab.h"

#define ADMIN_BODY_MAX 65536

/* Parses the body by `tab` (an empty body is {}): true, or false with the
 * 400 queued in *ret. */
bool admin_body(struct call *c, const struct jfield *tab, size_t n, void *into, enum MHD_Result *ret);

/* A journal entry for what an admin did, with who asked (their uid); inside
 * a transaction. `more` may be NULL; it gets an open object to add to. */
typedef void (*detail_fn)(struct jout *o, const void *ctx);
int admin_journal(struct call *c, const struct node *n, const char *event, detail_fn more, const void *ctx);

/* The 404 or 409 for what node_lookup() said. */
enum MHD_Result admin_no_node(struct call *c, int r);

/* 409: what to do when an entry's file is not what was added. */
#define ADMIN_NO_FILE_NEXT "put the file back and restart musterd, or remove the entry and add it again"

/* What `remove` of a boot entry or an image answers: 200. gone: what catalog_delete_file() said of its file. */
enum MHD_Result admin_reply_removed(struct call *c, const char *name, const char *file, uint64_t size, int gone);

/* The node as JSON, 200; takes the catalogue's read lock. */
enum MHD_Result admin_reply_node(struct call *c, const struct node *n, const char *learned, bool with_learned);

/* Learns a profile from the node's stored evidence, with the catalogue's
 * write lock held and inside a transaction; promote: it becomes current at
 * once, else proposed. -ENOENT: no evidence; -EBADMSG: why says. */
int admin_learn(struct call *c, struct node *n, bool promote, char why[JTAB_ERR]);

/* A number of the query, `standard` when it is not there: true, or false with
 * the 400 queued in *ret_r when it is none from min to max. */
bool admin_arg_number(struct call *c, const char *key, uint64_t standard, uint64_t min, uint64_t max, uint64_t *ret,
                      enum MHD_Result *ret_r);

/* Of a list: what `limit` is without one, and the most that it may be. */
#define ADMIN_PAGE 1000
#define ADMIN_PAGE_MAX 1000

/* At the start, with the database's lock held: removes what a backup left in
 * the state directory that ended with the process. */
void backup_clean(const char *state_dir);

#endif
