/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - the client's TLS 1.3 to a parent: PROTOCOL.md section 1.
 *
 * A stream over a connected TCP stream, which tls_connect() takes over
 * whatever happens. Verified: chain to the one CA, the host's name or
 * address, the parents' extendedKeyUsage, validity at `when`. No
 * resumption, no early data, no other protocol version. Pure but for the
 * connection itself; 0 or negative errno, -EKEYREJECTED when the parent is
 * not to be trusted, with a reason in ret_why (at most TLS_WHY bytes). */
#ifndef MUSTER_TLS_H
#define MUSTER_TLS_H

#include "stream.h"
#include <time.h>

#define TLS_WHY 200

struct tls_trust {
        X509 *ca;    /* borrowed */
        time_t when; /* max(the clock, not-before of node.conf) */
};

int tls_connect(struct stream *tcp, const char *host, const struct tls_trust *trust, struct stream **ret,
                char ret_why[TLS_WHY]);

/* "EXPORTER-muster-attest-v2" of a stream that tls_connect() made. */
int tls_exporter(struct stream *tls, uint8_t ret[DIGEST_LEN]);

#endif
