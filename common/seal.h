/* SPDX-License-Identifier: Apache-2.0 */
/* seal.h - sealed images: header, list of chunk digests, chunk arithmetic,
 * chunks in and out.
 *
 * No I/O; PROTOCOL.md section 7. A struct seal keeps one cipher context
 * with key and header set once; it works in place on the caller's buffer
 * and is not for two threads at a time (make one each: chunks are
 * independent and may be done in any order). A chunk is sealed once under
 * a key: a second time with other bytes would repeat its nonce. `list` has
 * DIGEST_LEN bytes for each chunk of the image. Errors: -EBADMSG (header or
 * length of another shape), -EPROTO (a sealed image of another version),
 * -EKEYREJECTED (a list or a chunk that does not verify: the chunk's buffer
 * then holds zeroes, never unverified plaintext), -ERANGE (no such chunk),
 * -EINVAL, -ENOMEM, -EIO. */
#ifndef MUSTER_SEAL_H
#define MUSTER_SEAL_H

#include "mem.h"

#define SEAL_KEY_LEN 32
#define SEAL_HEADER_LEN 64
#define SEAL_CHUNK_LOG2 18
#define SEAL_CHUNK ((size_t)1 << SEAL_CHUNK_LOG2) /* plain bytes */
#define SEAL_TAG_LEN 16
#define SEAL_CHUNK_SEALED (SEAL_CHUNK + SEAL_TAG_LEN)
#define SEAL_PLAIN_MAX ((uint64_t)1 << (SEAL_CHUNK_LOG2 + 32)) /* 2^32 chunks */

struct seal_header {
        uint64_t plain_size;
        uint64_t sealed_size; /* of the whole file; computed, as what follows is */
        uint64_t chunks;      /* 1 to 2^32 */
        uint64_t list_len;    /* bytes of the list, which follows the header */
        uint8_t image_id[16];
        uint8_t prefix[7];
};

/* A new header with random image id and nonce prefix, for a fresh key. */
int seal_header_make(uint64_t plain_size, uint8_t ret[SEAL_HEADER_LEN]);
int seal_header_parse(const uint8_t *p, size_t len, struct seal_header *ret);

/* 0 when the received header is the expected one, byte for byte, and the
 * sizes of the manifest follow from it. */
int seal_header_check(const uint8_t *p, size_t len, const uint8_t expected[SEAL_HEADER_LEN], uint64_t size,
                      uint64_t plain_size);

/* 0 when this is the list with the expected digest: the manifest's. */
int seal_list_check(const struct seal_header *h, const uint8_t *list, size_t len, const uint8_t expected[DIGEST_LEN]);

/* Where chunk i starts in the file, and its plain length (sealed: + 16). */
int seal_chunk_at(const struct seal_header *h, uint64_t i, uint64_t *ret_offset, size_t *ret_plain_len);

struct seal;

/* `sealing` chooses the direction; one context does one only. */
int seal_new(const uint8_t key[SEAL_KEY_LEN], const uint8_t header[SEAL_HEADER_LEN], bool sealing, struct seal **ret);
void seal_free(struct seal *s);
DEFINE_CLEANUP(struct seal *, seal_free)

/* In place. buf holds the chunk's plain bytes and room for the tag behind
 * them: len is the plain length + 16. After it, len bytes to store; their
 * digest is in the list. */
int seal_chunk(struct seal *s, uint8_t *list, uint64_t i, uint8_t *buf, size_t len);
/* In place. buf holds ciphertext and tag; after it, len - 16 plain bytes.
 * Bytes whose digest is not the list's are never decrypted: every node of an
 * image has its key and could make a tag for other bytes. */
int seal_open_chunk(struct seal *s, const uint8_t *list, uint64_t i, uint8_t *buf, size_t len);

#endif
