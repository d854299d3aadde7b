/* SPDX-License-Identifier: Apache-2.0 */
/* nvdata.h - Muster's two NV indices: public areas, Names, contents.
 *
 * Pure; PROTOCOL.md section 8. nvdata_parse() returns views into the
 * caller's buffer, which holds a private key: the caller wipes it. Errors:
 * -EBADMSG (does not parse), -EKEYREJECTED (key and certificate do not
 * belong together), -E2BIG (the certificate does not fit), -EINVAL
 * (no such purpose), -ENOMEM, -EIO. */
#ifndef MUSTER_NVDATA_H
#define MUSTER_NVDATA_H

#include "mem.h"

enum nv_purpose {
        NV_SSH = 1, /* Ed25519 seed and OpenSSH certificate blob */
        NV_TLS = 2, /* P-256 scalar and X.509 DER */
};

#define NV_PURPOSES 2
#define NV_INDEX_SSH 0x01804D01u
#define NV_INDEX_TLS 0x01804D02u
#define NV_SIZE_SSH 1024
#define NV_SIZE_TLS 1536
#define NV_SIZE_MAX 1536
#define NV_KEY_LEN 32
#define NV_NAME_LEN 34
#define NV_PUBLIC_LEN 48 /* TPM2B_NV_PUBLIC, its size field included */

/* POLICYWRITE | POLICYREAD | NO_DA | READ_STCLEAR | WRITE_STCLEAR */
#define NV_ATTRIBUTES 0x82084008u
#define NV_ATTR_WRITELOCKED 0x00000800u
#define NV_ATTR_READLOCKED 0x10000000u
#define NV_ATTR_WRITTEN 0x20000000u

struct nvdata {
        const uint8_t *key; /* NV_KEY_LEN bytes */
        const uint8_t *certificate;
        size_t certificate_len;
};

uint32_t nvdata_index(enum nv_purpose purpose); /* 0: no such purpose */
size_t nvdata_size(enum nv_purpose purpose);    /* 0: no such purpose */

/* `state` is any of WRITTEN, READLOCKED, WRITELOCKED, added to
 * NV_ATTRIBUTES: 0 to define it, WRITTEN for a `present` index. */
int nvdata_public(enum nv_purpose purpose, const uint8_t auth_policy[DIGEST_LEN], uint32_t state,
                  uint8_t ret[NV_PUBLIC_LEN]);
int nvdata_name(enum nv_purpose purpose, const uint8_t auth_policy[DIGEST_LEN], uint32_t state,
                uint8_t ret[NV_NAME_LEN]);

/* Fills all nvdata_size() bytes of `ret`; ret_size must be exactly that. */
int nvdata_make(enum nv_purpose purpose, const uint8_t key[NV_KEY_LEN], const uint8_t *certificate, size_t len,
                uint8_t *ret, size_t ret_size);
/* The bytes of an index that hold anything, with such a certificate. */
size_t nvdata_len(enum nv_purpose purpose, size_t certificate_len);
/* From the first bytes of an index, how many of it hold anything; all of it
 * when they do not say. */
size_t nvdata_used(enum nv_purpose purpose, const uint8_t *p, size_t len);
int nvdata_parse(enum nv_purpose purpose, const uint8_t *p, size_t len, struct nvdata *ret);

/* 0 when the certificate's public key is the private key's. Says nothing
 * about who signed it. */
int nvdata_key_matches(enum nv_purpose purpose, const uint8_t key[NV_KEY_LEN], const uint8_t *certificate, size_t len);

#endif
