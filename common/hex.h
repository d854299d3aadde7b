/* SPDX-License-Identifier: Apache-2.0 */
/* hex.h - hexadecimal and base64, both strict.
 *
 * Pure, no allocation. hex_encode() writes 2n lower-case digits and a NUL.
 * Decoders take exactly `len` characters, no white space; -EBADMSG for a
 * character, length or padding that does not belong (base64: RFC 4648
 * section 4, padded, unused bits zero), -ENOBUFS when `cap` is too small;
 * then the bytes at `ret` mean nothing.
 * b64_encode() needs B64_LEN(n) characters, the NUL included. */
#ifndef MUSTER_HEX_H
#define MUSTER_HEX_H

#include <stddef.h>
#include <stdint.h>

#define HEX_LEN(n) (2 * (n) + 1)
#define B64_LEN(n) (4 * (((n) + 2) / 3) + 1)

void hex_encode(const void *p, size_t n, char *ret);
int hex_decode(const char *s, size_t len, uint8_t *ret, size_t cap, size_t *ret_len);
/* Exactly n bytes from a NUL-terminated string. */
int hex_decode_exact(const char *s, uint8_t *ret, size_t n);

void b64_encode(const void *p, size_t n, char *ret);
int b64_decode(const char *s, size_t len, uint8_t *ret, size_t cap, size_t *ret_len);

#endif
