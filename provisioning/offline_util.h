/* SPDX-License-Identifier: Apache-2.0 */
/* offline_util.h - what the offline commands share.
 *
 * For the program only: offline_read() tells its error. The json_ helpers
 * add to an object or array they borrow, and skip what memory is lacking
 * for. offline_key(): a public key in PEM, DER, TPM2B_PUBLIC or
 * TPMT_PUBLIC; `pub` views the caller's bytes when *ret_has_pub. */
#ifndef MUSTER_OFFLINE_UTIL_H
#define MUSTER_OFFLINE_UTIL_H

#include "cli.h"
#include "offline.h"
#include "tpmpub.h"

/* The whole file into ret (buf_wipe); OFFLINE_OK or OFFLINE_BAD, told. */
int offline_read(const char *what, const char *path, size_t max, struct buf *ret);

/* OFFLINE_BAD, told: "WHAT PATH: WHY. Next: NEXT" */
int offline_bad(const char *what, const char *path, const char *why, const char *next);

int offline_key(const struct buf *b, EVP_PKEY **ret, struct tpmpub *ret_pub, bool *ret_has_pub);

void json_add(struct json_object *o, const char *key, struct json_object *v);
void json_add_text(struct json_object *o, const char *key, const char *text);
void json_add_hex(struct json_object *o, const char *key, const void *p, size_t n);
void json_push_hex(struct json_object *array, const void *p, size_t n);

#endif
