/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - connections to musterd, and what it answers. */
#ifndef MUSTER_HOSTILE_LINK_H
#define MUSTER_HOSTILE_LINK_H

#include "http.h"
#include "policy.h"
#include "wire_verdict.h"

#include <arpa/inet.h>

#define LINKS 4

struct link {
        struct http *http; /* NULL: closed */
        char from[INET_ADDRSTRLEN];
        uint8_t exporter[DIGEST_LEN];
};

struct said {
        char word[32]; /* code, verdict or what else happened */
        char incident[17];
        int members; /* of the answer */
        uint8_t approval[POLICY_APPROVAL_LEN]; /* for the NV indices */
        uint8_t image_key[DIGEST_LEN];         /* zero where there is none */
};

extern struct link links[LINKS];
extern struct verdict challenge; /* the last one */
extern char last_answer[8192];

void link_parent(X509 *ca, unsigned port);
void link_dial(struct link *l, const char *from); /* "": from any address */
void link_close(struct link *l);
struct said link_post(struct link *l, const char *path, const struct buf *body);
struct said link_attest(struct link *l, const char *lie);

#endif
