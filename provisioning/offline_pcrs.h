/* SPDX-License-Identifier: Apache-2.0 */
/* offline_pcrs.h - PCR values in a file, put in a quote's order.
 *
 * Pure. Reads what tpm2_quote -o writes (its serialized format, on a
 * little-endian machine, and its plain values), and JSON of the form
 * {"sha256": {"0": "<hex>", …}}, alone or under "pcrs". ret: the values of
 * the quote's selection concatenated in its order. -EBADMSG: the file is
 * none of these; -ENOENT: it lacks a selected PCR, or holds others than
 * selected. ret_why: static reason. */
#ifndef MUSTER_OFFLINE_PCRS_H
#define MUSTER_OFFLINE_PCRS_H

#include "quote.h"

#define OFFLINE_PCRS_MAX (QUOTE_MAX_BANKS * 32 * 64)

int offline_pcrs(const struct buf *file, const struct quote *q, uint8_t ret[OFFLINE_PCRS_MAX], size_t *ret_len,
                 const char **ret_why);

#endif
