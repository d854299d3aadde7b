/* SPDX-License-Identifier: Apache-2.0 */
/* ek_input.h - EK certificates as makers' services hand them out.
 *
 * Beside DER and PEM, which ekcert_parse() reads: a JSON object whose member
 * `certificate` is the DER in base64url, and base64 or base64url as bare text.
 * Pure. */
#ifndef MUSTER_EK_INPUT_H
#define MUSTER_EK_INPUT_H

#include "mem.h"

/* Makes DER of such text, in place; anything else stays as it is. -EBADMSG with a
 * static reason: JSON, but not of that form. -ENOMEM. */
int ek_input_decode(struct buf *b, const char **ret_why);

/* base64 or base64url, padded or not, without white space. */
int ek_base64_decode(const char *text, size_t len, struct buf *ret);

#endif
