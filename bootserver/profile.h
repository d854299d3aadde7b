/* SPDX-License-Identifier: Apache-2.0 */
/* profile.h - what the firmware of one hardware model measures.
 *
 * Pure. Learnt from one boot's evidence (which decide_evidence() must have
 * accepted), kept as JSON, compared with later boots. PCR 4 is a sequence:
 * the firmware's own digests up to the separator as they are, after it the
 * boot chain as tokens; runs of @ipxe and of @uki are one token, because
 * iPXE probes a UKI before it loads it. Between the separator and the chain
 * may stand the digests of applications that the firmware starts out of a
 * volume of its own (profile_own() of them), such as a maker's theft agent. PCR 5 is recorded, never judged; of
 * PCR 1 the sequence of settings (profile_settings.c) is learnt, and judged
 * when the admin asked for it. The single events of the judged PCRs are kept only so that a
 * refusal can name the one that differs. Structs own nothing. */
#ifndef MUSTER_PROFILE_H
#define MUSTER_PROFILE_H

#include "evidence.h"
#include "refs.h"

#define PROFILE_NAME_MAX 96
#define PROFILE_PCRS 6     /* 0, 2, 3, 6, 7, 14 */
#define PROFILE_RECORDED 2 /* 1, 5 */
#define PROFILE_SEQ_MAX 64
#define PROFILE_EVENTS_MAX 160
#define PROFILE_SETTINGS_MAX 160
#define PROFILE_SETTING_NAME 32

extern const uint8_t profile_pcrs[PROFILE_PCRS];
extern const uint8_t profile_recorded[PROFILE_RECORDED];

enum chain_token { CHAIN_DIGEST, CHAIN_SEPARATOR, CHAIN_IPXE, CHAIN_UKI, CHAIN_KERNEL };

struct chain_step {
        enum chain_token token;
        uint8_t digest[DIGEST_LEN]; /* of CHAIN_DIGEST; of CHAIN_SEPARATOR: zero */
};

struct profile_event {
        uint8_t pcr;
        uint8_t digest[DIGEST_LEN];
};

/* An event of PCR 1 that a profile compares. */
struct profile_setting {
        bool tables; /* any handoff tables: `digest` is zero */
        uint8_t digest[DIGEST_LEN];
        char name[PROFILE_SETTING_NAME + 1]; /* of the variable, for people; "" when nothing vouches for it */
        size_t event;                        /* index in the log that it was read from */
};

struct profile {
        char firmware[WIRE_FACT_MAX + 1]; /* the version that the node stated */
        bool secure_boot;
        uint8_t pcr[PROFILE_PCRS][DIGEST_LEN];
        uint8_t recorded[PROFILE_RECORDED][DIGEST_LEN];
        size_t n_steps;
        struct chain_step steps[PROFILE_SEQ_MAX];
        size_t n_events;
        struct profile_event events[PROFILE_EVENTS_MAX];
        size_t n_settings; /* 0: learnt by a version that did not look at them, or too many */
        struct profile_setting settings[PROFILE_SETTINGS_MAX];
};

/* The name under which a node's model is kept: vendor and product in
 * [a-z0-9.-], "unknown" for empty ones. */
void profile_name(const struct attest_facts *f, char ret[PROFILE_NAME_MAX + 1]);

/* -EBADMSG with words in `why` when this boot cannot be learnt from: its
 * PCR 4 holds what the parent does not serve, or no UKI and kernel. */
int profile_learn(const struct evidence *ev, const struct boot_ref *const *boots, size_t n_boots,
                  const struct ipxe_set *ipxe, struct profile *ret, char why[JTAB_ERR]);

/* Where the separator stands in its steps (n_steps: nowhere), and how many applications of the firmware's own come after it. */
size_t profile_separator(const struct profile *p);
size_t profile_own(const struct profile *p);

/* The settings in a log, in its order. -E2BIG: there are too many. */
int profile_settings(const struct evidence *ev, struct profile_setting ret[PROFILE_SETTINGS_MAX], size_t *ret_n);
bool profile_setting_same(const struct profile_setting *a, const struct profile_setting *b);

int profile_json_build(const struct profile *p, struct buf *ret); /* a JSON object, NUL-terminated */
int profile_json_parse(const void *text, size_t len, struct profile *ret, char err[JTAB_ERR]);

#endif
