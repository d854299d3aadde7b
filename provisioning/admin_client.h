/* SPDX-License-Identifier: Apache-2.0 */
/* admin_client.h - musterd's admin API over its Unix socket.
 *
 * One kept-alive connection; a GET is tried once more when the server had
 * closed it. Functions return 0 or an exit code of cli.h, with `f` filled:
 * MUSTER_UNREACHABLE (no connection, or it broke), MUSTER_NO (the server
 * refused; its own words). Answers are at most ADMIN_ANSWER_MAX bytes of
 * JSON; members unknown here are kept. */
#ifndef MUSTER_ADMIN_CLIENT_H
#define MUSTER_ADMIN_CLIENT_H

#include "cli.h"

#define ADMIN_ANSWER_MAX ((size_t)64 << 20)

struct admin;

int admin_open(const char *socket_path, struct admin **ret, struct fail *f);
void admin_free(struct admin *a);
DEFINE_CLEANUP(struct admin *, admin_free)

/* body: JSON text or NULL. ret: the caller's, an object; may be NULL. */
int admin_call(struct admin *a, const char *method, const char *target, const char *body, struct json_object **ret,
               struct fail *f);

/* GET into a new file of mode 0600, which is removed again when that fails. */
int admin_download(struct admin *a, const char *target, const char *path, struct fail *f);

/* One line "PREFIX<escaped name>SUFFIX" as a target: -ENAMETOOLONG when it
 * does not fit. Everything but [A-Za-z0-9._~-] of the name is %XX. */
int admin_target(char *out, size_t n, const char *prefix, const char *name, const char *suffix);

/* Members of answers, tolerant: a missing or differently typed member is
 * NULL ("" for admin_text), 0 or false. What is returned belongs to o. */
struct json_object *admin_get(struct json_object *o, const char *key);
const char *admin_str(struct json_object *o, const char *key);
const char *admin_text(struct json_object *o, const char *key);
int64_t admin_int(struct json_object *o, const char *key);
bool admin_bool(struct json_object *o, const char *key);

#endif
