/* SPDX-License-Identifier: Apache-2.0 */
/* evidence_impl.h - what evidence.h hides, for profile, decide and explain.
 *
 * Pure. A chain is PCR 4 as the event log (replayed to the quote) has it:
 * the boot-chain digests named by the references, actions after the
 * separator left out (they name no code), nothing collapsed. */
#ifndef MUSTER_EVIDENCE_IMPL_H
#define MUSTER_EVIDENCE_IMPL_H

#include "eventlog.h"
#include "evidence.h"
#include "profile.h"
#include "quote.h"
#include "tpmpub.h"

struct evidence {
        const struct attest_request *req;
        struct tpmpub ek, ak;
        bool has_ek, has_ak;
        uint8_t ak_name[POLICY_NAME_LEN];
        uint8_t ek_digest[DIGEST_LEN]; /* SHA-256 of the EK's public area */
        /* Worked out of these bytes by decide_evidence(), or given by keycache.c for exactly them: */
        bool has_ek_id;
        uint8_t ek_id[DIGEST_LEN]; /* the node id that the EK makes */
        struct quote_verifier ak_ready; /* none: not yet; its point is on the curve */
        struct quote quote;
        enum quote_err quote_err;
        struct quote_sig sig;
        enum quote_err sig_err;
        struct evlog log;
        bool log_read; /* evidence_read_log() was called, */
        int log_err;   /* and returned this */
        bool has_log;        /* parsed, with SHA-256, replayed */
        const char *log_why; /* static, when !has_log */
        int bank;
        struct evlog_pcrs replay;
};

extern const uint8_t zero_digest[DIGEST_LEN];

/* The event's SHA-256 digest, NULL when it extends nothing there. */
const uint8_t *evidence_digest(const struct evidence *ev, const struct evlog_event *e);

/* Is the event's data what its digest (so the quote) vouches for? */
bool evidence_data_is_genuine(const struct evidence *ev, const struct evlog_event *e);

/* The nth event that extends a PCR; SIZE_MAX when there are not so many. */
size_t evidence_nth(const struct evidence *ev, unsigned pcr, size_t nth);
bool evidence_secure_boot(const struct evidence *ev);
extern const uint8_t separator_digests[2][DIGEST_LEN];
extern const uint8_t action_digests[2][DIGEST_LEN];
bool separator_digest(const uint8_t digest[DIGEST_LEN]);

#define CHAIN_MAX 128

struct chain_event {
        enum chain_token token; /* CHAIN_DIGEST after the separator: not served */
        size_t event;
        const uint8_t *digest;
};

struct chain {
        size_t n;
        size_t separator; /* index in v; n when there is none */
        struct chain_event v[CHAIN_MAX];
};

/* -E2BIG: more events than CHAIN_MAX. */
int chain_build(const struct evidence *ev, const struct boot_ref *const *boots, size_t n_boots,
                const struct ipxe_set *ipxe, struct chain *ret);
/* The chain as a profile keeps it. -E2BIG. */
int chain_steps(const struct chain *c, struct chain_step ret[PROFILE_SEQ_MAX], size_t *ret_n);

/* One separator, then the firmware's own applications, and last a UKI and a kernel, and no other digest there. */
bool profile_is_sound(const struct profile *p);

#endif
