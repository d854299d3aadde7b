/* SPDX-License-Identifier: Apache-2.0 */
/* wire_attest.h - the attest and activate requests of PROTOCOL.md 3 and 4, in the
 * frames of wire_frame.h.
 *
 * Pure. Parsers return 0, -EBADMSG or -E2BIG with words in `err` (for the
 * journal, not for the client: that gets M-MALFORMED), -ENOMEM, or -EIO when
 * OpenSSL fails. Sizes and counts are checked; the TPM structures inside are not looked into.
 * attest_request_wipe() frees what a parser filled. Builders borrow. */
#ifndef MUSTER_WIRE_ATTEST_H
#define MUSTER_WIRE_ATTEST_H

#include "jtab.h"
#include "policy.h"

#define WIRE_ATTEST_MAX 196608 /* bytes of a body */
#define WIRE_ACTIVATE_MAX 4096
#define WIRE_EVENTLOG_MAX 131072
#define WIRE_EK_CERTS 8
#define WIRE_EK_CERT_MAX 4096
#define WIRE_FACT_MAX 128
#define WIRE_TPM_MAX 8
#define WIRE_MACS 16
#define WIRE_CODE_MAX 14 /* of an E- or M-code */

enum nv_state { NV_STATE_ABSENT, NV_STATE_PRESENT, NV_STATE_ALTERED, NV_STATE_UNREADABLE, NV_STATE_NONE };

struct attest_facts {
        char vendor[WIRE_FACT_MAX + 1];
        char product[WIRE_FACT_MAX + 1];
        char serial[WIRE_FACT_MAX + 1];
        char uuid[WIRE_FACT_MAX + 1];
        char firmware[WIRE_FACT_MAX + 1];
        char client[WIRE_FACT_MAX + 1];
        char tpm[WIRE_TPM_MAX + 1]; /* the TPM's manufacturer: "STM", "IFX", "INTC" */
        struct jstrs macs;
};

struct attest_request {
        uint8_t node[DIGEST_LEN];
        struct buf ek_public;                  /* TPM2B_PUBLIC */
        struct jbufs ek_certs;                 /* DER, the leaf first */
        struct buf ak_public;                  /* TPM2B_PUBLIC */
        uint8_t pcrs[POLICY_PCRS][DIGEST_LEN]; /* in the order of policy_pcrs */
        struct buf eventlog;
        enum nv_state nv_ssh, nv_tls;
        struct attest_facts facts;
        char former[WIRE_CODE_MAX + 1]; /* what the attempt before failed with; "" */
        uint8_t policy[DIGEST_LEN];     /* the policy key it has: its Name without the algorithm */
        struct buf quote;           /* TPMS_ATTEST */
        struct buf signature;       /* TPMT_SIGNATURE */
        uint8_t digest[DIGEST_LEN]; /* H(all bytes before the quote) */
};

int wire_attest_parse(const void *body, size_t len, struct attest_request *ret, char err[JTAB_ERR]);
void attest_request_wipe(struct attest_request *r);

/* The client: first the message without quote and signature, whose H goes into
 * qualifyingData; then the whole of it. */
int wire_request_build(const struct attest_request *r, struct buf *ret_text, uint8_t ret_digest[DIGEST_LEN]);
int wire_attest_build(const struct buf *text, const struct buf *quote, const struct buf *signature,
                      struct buf *ret_body);

/* qualifyingData = H("muster attest v2" ‖ exporter ‖ H(request)). */
int wire_qualifying_data(const uint8_t exporter[DIGEST_LEN], const uint8_t request[DIGEST_LEN],
                         uint8_t ret[DIGEST_LEN]);

int wire_activate_build(const void *secret, size_t len, struct buf *ret_body);
int wire_activate_parse(const void *body, size_t len, struct buf *ret_secret, char err[JTAB_ERR]);

const char *nv_state_name(enum nv_state s);

/* [EM]-[A-Z]{2,12} */
bool wire_code_ok(const char *code);

/* The facts as one JSON object, for the store and the admin API, and back; `tpm` may be missing there. */
struct jout;
void wire_facts_out(struct jout *o, const char *key, const struct attest_facts *f);
int wire_facts_parse(const void *text, size_t len, struct attest_facts *ret, char err[JTAB_ERR]);
void attest_facts_wipe(struct attest_facts *f);

#endif
