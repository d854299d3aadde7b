/* SPDX-License-Identifier: Apache-2.0 */
/* tpmanswer.h - whether the lengths in a TPM's answer fit the answer.
 *
 * Pure. The library above hashes and decrypts what these lengths name before
 * it has checked an HMAC, so whoever sits on the TPM's bus chooses them. They
 * are compared with the answer's own length here, before the library gets it.
 * An answer that is only a response code says nothing else and passes. */
#ifndef MUSTER_TPMANSWER_H
#define MUSTER_TPMANSWER_H

#include "cursor.h"

/* `command` is the whole command as it was sent, `answer` the whole answer. A
 * successful answer has the sessions of its command and no more, and each of
 * its parts ends where the next one begins: else -EBADMSG. -ENOSYS for a
 * command that Muster never sends. */
int tpmanswer_check(struct cursor command, struct cursor answer);

#endif
