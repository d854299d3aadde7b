/* SPDX-License-Identifier: Apache-2.0 */
/* conditions.h - which part of a file a request wants, and whether it wants
 * one at all (RFC 9110, 13 and 14). Pure.
 *
 * Headers are NUL-terminated texts of the network, or NULL when absent.
 * An ETag is "text" with its quotes, and strong: same tag, same bytes. */
#ifndef MUSTER_CONDITIONS_H
#define MUSTER_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

/* "Range: bytes=A-B" of a file of `total` bytes: 1 with the part, 0 to send
 * all (no range, several, or another unit), -ERANGE for 416. */
int range_parse(const char *header, uint64_t total, uint64_t *ret_first, uint64_t *ret_len);

/* "If-Range": may the part be sent? Only of this very file; a date never is. */
bool range_holds(const char *if_range, const char *etag);

/* "If-None-Match": does the asker have this file (304)? */
bool etag_listed(const char *if_none_match, const char *etag);

#endif
