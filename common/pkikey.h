/* SPDX-License-Identifier: Apache-2.0 */
/* pkikey.h - private and public keys: make, raw form, PEM in memory.
 *
 * Pure but for random numbers. P-256 and Ed25519 only; anything else is
 * refused with -EPROTONOSUPPORT. Raw private keys are 32 bytes: the
 * big-endian scalar, or the seed. PEM is PKCS#8, unencrypted, and
 * SubjectPublicKeyInfo; a PEM input is one object with nothing but white
 * space after it, at most PKI_PEM_MAX bytes, else -EBADMSG. An encrypted
 * key is -EBADMSG too: nothing ever asks for a pass phrase. Outputs are
 * owned by the caller (EVP_PKEY_free, buf_wipe; a PEM buf also ends in a
 * NUL that len does not count). Other errors: -EINVAL (raw scalar out of
 * range), -ENOMEM, -EIO. */
#ifndef MUSTER_PKIKEY_H
#define MUSTER_PKIKEY_H

#include "mem.h"

#define PKI_RAW_LEN 32
#define PKI_PEM_MAX 16384

enum pki_type {
        PKI_P256 = 1,
        PKI_ED25519,
};

int pki_key_new(enum pki_type type, EVP_PKEY **ret);
int pki_key_type(const EVP_PKEY *key, enum pki_type *ret);

/* The public part is computed from the private one. */
int pki_key_from_raw(enum pki_type type, const uint8_t raw[PKI_RAW_LEN], EVP_PKEY **ret);
int pki_key_raw(const EVP_PKEY *key, uint8_t ret[PKI_RAW_LEN]);

int pki_key_to_pem(const EVP_PKEY *key, struct buf *ret);
int pki_key_from_pem(const void *pem, size_t len, EVP_PKEY **ret);

int pki_public_to_pem(const EVP_PKEY *key, struct buf *ret);
int pki_public_from_pem(const void *pem, size_t len, EVP_PKEY **ret);

/* DER SubjectPublicKeyInfo, e.g. to keep a node's public keys. */
int pki_public_to_der(const EVP_PKEY *key, struct buf *ret);
int pki_public_from_der(const uint8_t *der, size_t len, EVP_PKEY **ret);

/* The affine coordinates of a P-256 key, padded; else -EPROTONOSUPPORT. */
int pki_p256_xy(const EVP_PKEY *key, uint8_t ret_x[PKI_RAW_LEN], uint8_t ret_y[PKI_RAW_LEN]);

/* 0x04 ‖ x ‖ y: out of what pki_public_to_der() made, and into a key;
 * -EBADMSG unless it is a point of the curve. */
#define PKI_POINT_LEN (1 + 2 * PKI_RAW_LEN)
int pki_p256_point(const uint8_t *der, size_t len, uint8_t ret[PKI_POINT_LEN]);
int pki_p256_from_point(const uint8_t point[PKI_POINT_LEN], EVP_PKEY **ret);

/* The DER inside the one PEM object named `name`, e.g. "CERTIFICATE". */
int pki_pem_read(const void *pem, size_t len, const char *name, struct buf *ret_der);

#endif
