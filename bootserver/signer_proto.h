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

#include <assert.h>

#define SIGNER_MAGIC 0x4d535331u
#define SIGNER_NAME 64       /* a node's or an image's, zero-padded */
#define SIGNER_CERT_MAX 1440 /* DER or SSH blob; fits its NV index beside the key */
#define SIGNER_BUNDLE 1u     /* in purposes: an approval for the bundle too */
#define SIGNER_PREVIOUS 2u   /* in purposes: by the previous policy key */

enum signer_op { SIGNER_RELEASE = 1, SIGNER_REWRAP, SIGNER_TLS, SIGNER_SSH, SIGNER_WRAP, SIGNER_OPS };

struct signer_head {
        uint32_t op;
        uint32_t seq;
        uint8_t node[DIGEST_LEN]; /* for the signer's log; zero: none */
};

/* All that one release wants, in one exchange: approvals and the image's
 * key, both or neither. Not the policy digest, nor the digest of the values,
 * but the values: so that the signer itself sees that PCR 15 is zero. */
struct signer_release {
        struct signer_head head;
        uint32_t reset_count;
        uint32_t restart_count;
        uint32_t purposes;
        uint8_t pcrs[POLICY_PCRS][DIGEST_LEN];
        char name[SIGNER_NAME]; /* the image's */
        uint8_t header[64];
        uint8_t wrapped[60];
};

struct signer_tls {
        struct signer_head head;
        uint32_t life; /* seconds */
        char name[SIGNER_NAME];
        uint8_t point[PKI_POINT_LEN];
        uint8_t zero[3];
};

struct signer_ssh {
        struct signer_head head;
        uint32_t life;
        char name[SIGNER_NAME];
        uint8_t key[32];
};

struct signer_wrap {
        struct signer_head head;
        char name[SIGNER_NAME];
        uint8_t header[64];
        uint8_t key[32];
};

/* An image's key, wrapped anew by the current store key. */
struct signer_rewrap {
        struct signer_head head;
        char name[SIGNER_NAME];
        uint8_t header[64];
        uint8_t wrapped[60];
};

union signer_request {
        struct signer_head head;
        struct signer_rewrap rewrap;
        struct signer_release release;
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

static_assert(sizeof(struct signer_release) == 720, "no padding");
static_assert(sizeof(struct signer_tls) == 176, "no padding");
static_assert(sizeof(struct signer_ssh) == 140, "no padding");
static_assert(sizeof(struct signer_wrap) == 200, "no padding");
static_assert(sizeof(struct signer_rewrap) == 228, "no padding");
static_assert(sizeof(struct signer_released) == 188, "no padding");
static_assert(sizeof(struct signer_cert) == 1472, "no padding");
static_assert(sizeof(struct signer_wrapped) == 72, "no padding");
static_assert(sizeof(struct signer_hello) == 940, "no padding");

#endif
