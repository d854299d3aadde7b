/* SPDX-License-Identifier: Apache-2.0 */
/* wire_verdict.h - the parent's answers and the manifest, PROTOCOL.md 4.
 *
 * Pure. The builder checks that exactly the members of its kind are there
 * (-EINVAL). The parser is the client's: it refuses (-EBADMSG, words in
 * `err`) whatever PROTOCOL.md does not allow, a bundle without its approval
 * included. verdict_wipe() overwrites and frees everything, image_key too. */
#ifndef MUSTER_WIRE_VERDICT_H
#define MUSTER_WIRE_VERDICT_H

#include "jtab.h"

#define WIRE_VERDICT_MAX 65536 /* bytes of an answer */
#define WIRE_URLS 16
#define WIRE_URL_MAX 896
#define WIRE_MANIFEST_MAX 1024
#define WIRE_IMAGE_NAME_MAX 63

enum verdict_kind {
        VERDICT_NONE,
        VERDICT_OK,
        VERDICT_CHALLENGE,
        VERDICT_PENDING,
        VERDICT_REFUSED,
        VERDICT_MALFORMED,
        VERDICT_BUSY,
};

struct wire_bundle {
        struct buf public_area; /* TPM2B_PUBLIC */
        struct buf duplicate;   /* TPM2B_PRIVATE */
        struct buf seed;        /* TPM2B_ENCRYPTED_SECRET */
        struct buf data;
};

struct verdict {
        enum verdict_kind kind;
        /* challenge */
        struct buf credential_blob; /* TPM2B_ID_OBJECT */
        struct buf secret;          /* TPM2B_ENCRYPTED_SECRET */
        /* pending (id goes into `node`), refused, malformed, busy */
        int64_t retry_after; /* seconds, 0 to 3600 */
        char code[16];
        char incident[17]; /* 16 hex digits */
        /* ok */
        uint8_t node[DIGEST_LEN];
        char name[64];
        char boot[17];  /* 16 hex digits: this boot's id in logs */
        char *manifest; /* exact text; PCR 15 gets H of it */
        uint8_t image_key[32];
        struct jstrs image_urls;
        struct buf approval_nv;     /* TPMT_SIGNATURE */
        struct buf approval_bundle; /* empty without a bundle */
        struct buf cert_ssh;        /* OpenSSH certificate blob */
        struct buf cert_tls;        /* DER */
        char *ca;                   /* PEM */
        bool has_bundle;
        struct wire_bundle bundle;
};

int wire_verdict_build(const struct verdict *v, struct buf *ret_body);
int wire_verdict_parse(const void *body, size_t len, struct verdict *ret, char err[JTAB_ERR]);
unsigned wire_verdict_status(enum verdict_kind kind); /* the HTTP status */
void verdict_wipe(struct verdict *v);

/* An erofs is refused: the kernel reads its directories through the loop
 * device's page cache, which root on the node can write. */
#define WIRE_IMAGE_FORMAT "squashfs"

struct manifest {
        char name[WIRE_IMAGE_NAME_MAX + 1];
        int64_t size;       /* of the sealed file */
        int64_t plain_size; /* of the file system */
        uint8_t header[64];
        uint8_t list[DIGEST_LEN]; /* of the list of chunk digests */
};

/* Owns nothing; ret_text is NUL-terminated and freed with free(). */
int wire_manifest_build(const struct manifest *m, char **ret_text);
int wire_manifest_parse(const char *text, struct manifest *ret, char err[JTAB_ERR]);

/* [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?, the names of nodes. */
bool wire_name_ok(const char *name);
/* Could it be an id, or the beginning of one, that is given in a name's place: 8 to 64 hex digits? */
bool wire_name_like_id(const char *text);

#endif
