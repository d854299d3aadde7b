/* SPDX-License-Identifier: Apache-2.0 */
/* decide.h - evidence, node record and references into a verdict.
 *
 * Pure; DESIGN section 5, codes of PROTOCOL.md 11. Four stages, each only
 * after the one before gave DECIDE_GO_ON, the cheap ones first:
 *   decide_signed()    who it is, and whether its AK signed this request on
 *                      this connection
 *   decide_evidence()  its EK certificates, and whether all that was signed
 *                      holds together
 *   decide_identity()  whether the AK is known or activated, whether the
 *                      node is approved: CHALLENGE and PENDING come here
 *   decide_policy()    firmware profile and boot chain: OK comes only here
 * Anything missing, empty or half loaded refuses. A decision owns nothing;
 * `code` is a static text, NULL unless REFUSED. Its diffs point into the
 * references and the evidence. Words for people: explain.h. */
#ifndef MUSTER_DECIDE_H
#define MUSTER_DECIDE_H

#include "ekcert.h"
#include "evidence.h"
#include "profile.h"
#include "refs.h"
#include "tpmadvice.h"

enum decide_verdict { DECIDE_REFUSED, DECIDE_GO_ON, DECIDE_CHALLENGE, DECIDE_PENDING, DECIDE_OK };

/* NODE_REC_NONE: no record (the node becomes pending). NODE_REC_REMOVED: it
 * had one earlier on this connection. NODE_REC_APPROVED: enrolled, released,
 * failed, refused or unreachable in the API's words. */
enum node_rec {
        NODE_REC_NONE,
        NODE_REC_REMOVED,
        NODE_REC_PENDING,
        NODE_REC_APPROVED,
        NODE_REC_QUARANTINED,
        NODE_REC_REVOKED
};

struct decide_node {
        enum node_rec rec;
        bool without_ek_cert; /* approved in this recorded mode */
        bool has_ak;
        uint8_t ak_name[POLICY_NAME_LEN];
        uint32_t reset_count; /* last seen for this AK; 0 when never */
        uint32_t restart_count; /* with it */
        uint64_t clock;         /* likewise, milliseconds */
};

struct decide_refs {
        bool loaded;                         /* false: the cache is being filled */
        bool has_image;                      /* an image is assigned, by default or by name */
        const struct boot_ref *const *boots; /* the assigned one first, then the previous one */
        size_t n_boots;
        const struct ipxe_set *ipxe;
        const struct profile *current;
        const struct profile *previous;
        bool judge_settings; /* PCR 1, by the profile's settings */
        /* digest parts of the Names of the policy keys that approve: the current
         * one first, and the previous one while it is being replaced */
        const uint8_t (*policy_keys)[DIGEST_LEN];
        size_t n_policy_keys;
        bool judge_tpm;      /* a TPM that an advisory names is refused */
        const struct tpm_advices *advices; /* NULL: none were read */
        const char *tpm_maker;             /* "": unknown */
};

enum diff_what {
        DIFF_TEXT,      /* `text` says it all */
        DIFF_PCR,       /* the value of `pcr` */
        DIFF_EVENT,     /* event `event` of `pcr` was not expected, or not this one */
        DIFF_MISSING,   /* an expected event of `pcr` is not there; `text` names it */
        DIFF_SEPARATOR, /* `pcr` holds no separator */
        DIFF_LOG_END,   /* the log ends early, after `event` events */
        DIFF_SETTING,   /* firmware setting `text` of PCR 1 differs (event), or is missing (SIZE_MAX) */
        DIFF_TPM,       /* `advice` names the TPM's firmware */
        DIFF_OPTIONS,   /* load options, event `event` of `pcr` */
        DIFF_INITRD,
        DIFF_RESET, /* got `count`, last seen `want_count` */
        DIFF_RESTART, /* the same of restartCount, where resetCount is equal */
        DIFF_CLOCK,   /* the same of the clock, where both counters are equal */
};

struct decide_diff {
        enum diff_what what;
        unsigned pcr;
        size_t event; /* index in the log; SIZE_MAX: none */
        uint64_t count, want_count;
        const uint8_t *got, *want; /* 32 bytes each, or NULL */
        const char *text;          /* static, or NULL */
        const struct tpm_advice *advice;
};

#define DECIDE_DIFFS 24

struct decision {
        enum decide_verdict verdict;
        const char *code;
        bool genuine;                  /* the known AK's signature over this request on this connection held */
        bool sound;                    /* decide_evidence() accepted all of it; only such evidence is kept */
        bool ak_changed;               /* another AK than the recorded one: journal it when activated */
        bool cleared;                  /* and its counters or its clock started over: TPM2_Clear() */
        size_t policy_key;             /* OK: which of the references' policy keys the node's initramfs holds */
        const struct boot_ref *boot;   /* OK: the entry that matched; refused: the one compared */
        const struct profile *profile; /* the one that matched or was compared */
        size_t n_diffs;
        struct decide_diff diffs[DECIDE_DIFFS];
};

/* `exporter`: the TLS exporter of the connection that the request came on.
 * The evidence keeps the keys that were checked; it is else as it was.
 * A record is not to be changed for a refusal with genuine == false: anyone
 * can send such a request in any node's name. */
void decide_signed(struct evidence *ev, const uint8_t exporter[DIGEST_LEN], const struct decide_node *node,
                   struct decision *ret);

/* Does decide_evidence() ask what `chain` is for such a node? If not, it need not be known. */
bool decide_wants_chain(const struct decide_node *node);

/* Goes on with the decision of decide_signed(). Reads the event log, which may
 * be the dearest part of a request and is not looked at before. */
void decide_evidence(struct evidence *ev, const struct decide_node *node, enum ek_chain chain, struct decision *ret);

/* Evidence out of the store, before a profile is learnt from it: GO_ON when
 * all holds that decide_evidence() checks without a connection and a record. */
void decide_stored(struct evidence *ev, struct decision *ret);

/* `activated`: the AK Name that was activated on this connection, or NULL. */
void decide_identity(const struct evidence *ev, const struct decide_node *node, const uint8_t *activated,
                     struct decision *ret);

/* Its facts are another machine's, and the admin wants such nodes quarantined. */
void decide_other_machine(struct decision *d);

void decide_policy(const struct evidence *ev, const struct decide_refs *refs, struct decision *ret);

#endif
