/* SPDX-License-Identifier: Apache-2.0 */
/* signer_proto.h - what musterd and its signing process say to each other.
 *
 * One SOCK_SEQPACKET socket pair, one request at a time, one answer each,
 * both sides the same program: structs in host order, without padding. A
 * request's length must be that of its operation, so nothing is parsed;
 * what is left are range checks, in signer_ops.c. An answer with error < 0
 * is the head alone. The signer reads the clock itself: `now` is nothing
 * that the network process could choose. */
#ifndef MUSTER_SIGNER_PROTO_H
#define MUSTER_SIGNER_PROTO_H

#include "pkikey.h"
#include "policy.h"
#include "signer.h"

#include <assert.h>

#define SIGNER_MAGIC 0x4d535331u
#define SIGNER_NAME 64       /* a node's or an image's, zero-padded */
#define SIGNER_CERT_MAX 1440 /* DER or SSH blob; fits its NV index beside the key */
#define SIGNER_BUNDLE 1u     /* in purposes: an approval for the bundle too */
#define SIGNER_PREVIOUS 2u   /* in purposes: by the previous policy key */
#define SIGNER_EK 384        /* TPM2B_PUBLIC; that of RSA-2048 has 316 bytes */
#define SIGNER_AK 128        /* TPM2B_PUBLIC; 90 bytes without a policy */
#define SIGNER_QUOTE 256     /* TPMS_ATTEST; 145 bytes */
#define SIGNER_SIGNATURE 80  /* TPMT_SIGNATURE of P-256 */

enum signer_op {
        SIGNER_RELEASE = 1,
        SIGNER_CHALLENGE,
        SIGNER_ACTIVATE,
        SIGNER_REWRAP,
        SIGNER_TLS,
        SIGNER_SSH,
        SIGNER_WRAP,
        SIGNER_OPS
};

struct signer_head {
        uint32_t op;
        uint32_t seq;
        uint8_t node[DIGEST_LEN]; /* for the signer's log; zero: none */
};

/* All that one release wants, in one exchange: approvals and the image's
 * key, both or neither. Not a policy digest but the quote, by an AK with a
 * token, and its values: the counters are the quote's, and the signer itself
 * sees that PCR 15 is zero. */
struct signer_release {
        struct signer_head head;
        uint32_t purposes;
        uint32_t ak_len, quote_len, signature_len;
        uint8_t token[SIGNER_TOKEN];
        uint8_t ak[SIGNER_AK];
        uint8_t quote[SIGNER_QUOTE];
        uint8_t signature[SIGNER_SIGNATURE];
        uint8_t pcrs[POLICY_PCRS][DIGEST_LEN];
        char name[SIGNER_NAME]; /* the image's */
        uint8_t header[64];
        uint8_t list[DIGEST_LEN];
        uint8_t wrapped[60];
};

/* A credential for this AK beside this EK. The ticket is the signer's own
 * note of the secret; it keeps nothing itself. */
struct signer_challenge {
        struct signer_head head;
        uint32_t ek_len, ak_len;
        uint8_t ek[SIGNER_EK];
        uint8_t ak[SIGNER_AK];
};

/* The secret that the TPM gave back, for a token. */
struct signer_activate {
        struct signer_head head;
        uint8_t ak_name[POLICY_NAME_LEN];
        uint8_t zero[2];
        uint8_t ticket[SIGNER_TICKET];
        uint8_t secret[SIGNER_SECRET];
};

struct signer_tls {
        struct signer_head head;
        uint32_t life; /* seconds */
        char name[SIGNER_NAME];
        char address[SIGNER_NAME]; /* "": none */
        uint8_t point[PKI_POINT_LEN];
        uint8_t zero[3];
};

struct signer_ssh {
        struct signer_head head;
        uint32_t life;
        char name[SIGNER_NAME];
        char address[SIGNER_NAME];
        uint8_t key[32];
};

struct signer_wrap {
        struct signer_head head;
        char name[SIGNER_NAME];
        uint8_t header[64];
        uint8_t list[DIGEST_LEN];
        uint8_t key[32];
};

/* An image's key, wrapped anew by the current store key. */
struct signer_rewrap {
        struct signer_head head;
        char name[SIGNER_NAME];
        uint8_t header[64];
        uint8_t list[DIGEST_LEN];
        uint8_t wrapped[60];
};

union signer_request {
        struct signer_head head;
        struct signer_release release;
        struct signer_challenge challenge;
        struct signer_activate activate;
        struct signer_rewrap rewrap;
        struct signer_tls tls;
        struct signer_ssh ssh;
        struct signer_wrap wrap;
};

struct signer_done {
        uint32_t op;
        uint32_t seq;
        int32_t error; /* 0 or negative errno */
};

struct signer_released {
        struct signer_done done;
        uint8_t nv[POLICY_APPROVAL_LEN];
        uint8_t bundle[POLICY_APPROVAL_LEN]; /* zero when not asked for */
        uint8_t key[32];                     /* the image's */
        uint8_t token[SIGNER_TOKEN];         /* by the current store key */
};

struct signer_challenged {
        struct signer_done done;
        uint32_t blob_len, secret_len;
        uint8_t ticket[SIGNER_TICKET];
        uint8_t blob[80];    /* TPM2B_ID_OBJECT */
        uint8_t secret[260]; /* TPM2B_ENCRYPTED_SECRET */
};

struct signer_activated {
        struct signer_done done;
        uint8_t token[SIGNER_TOKEN];
};

struct signer_cert {
        struct signer_done done;
        uint32_t len;
        int64_t from;
        int64_t to;
        uint8_t blob[SIGNER_CERT_MAX];
};

struct signer_wrapped {
        struct signer_done done;
        uint8_t wrapped[60];
};

union signer_answer {
        struct signer_done done;
        struct signer_released released;
        struct signer_challenged challenged;
        struct signer_activated activated;
        struct signer_cert cert;
        struct signer_wrapped wrapped;
};

/* The signer's first packet. */
struct signer_hello {
        uint32_t magic;
        int32_t error; /* -ENOKEY: of a key file */
        char what[512]; /* error < 0: for the log */
        char next[256];
        uint8_t policy[PKI_POINT_LEN];
        uint8_t previous[PKI_POINT_LEN]; /* of policy keys; zero: there is none */
        uint8_t store_previous;          /* 1: there is a previous store key */
        uint8_t zero[1];
        uint8_t ssh_ca[32];
};

static_assert(sizeof(struct signer_release) == 1252, "no padding");
static_assert(sizeof(struct signer_challenge) == 560, "no padding");
static_assert(sizeof(struct signer_activate) == 148, "no padding");
static_assert(sizeof(struct signer_tls) == 240, "no padding");
static_assert(sizeof(struct signer_ssh) == 204, "no padding");
static_assert(sizeof(struct signer_wrap) == 232, "no padding");
static_assert(sizeof(struct signer_rewrap) == 260, "no padding");
static_assert(sizeof(struct signer_released) == 220, "no padding");
static_assert(sizeof(struct signer_challenged) == 400, "no padding");
static_assert(sizeof(struct signer_activated) == 44, "no padding");
static_assert(sizeof(struct signer_cert) == 1472, "no padding");
static_assert(sizeof(struct signer_wrapped) == 72, "no padding");
static_assert(sizeof(struct signer_hello) == 940, "no padding");

#endif
