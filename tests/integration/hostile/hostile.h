/* SPDX-License-Identifier: Apache-2.0 */
/* hostile.h - a node whose TPM is software it controls, to tell musterd
 * lies that no real TPM tells.
 *
 *   hostile files DIR       writes DIR/r9.efi, r8.efi and snponly.efi
 *   hostile lies            prints the table of lies: NAME CODE PROOF WORDS
 *   hostile talk CA PORT    does what standard input says, a line each, and
 *                           prints one line for each answer
 *
 *   dial N [FROM]      a new connection N (0-3), from a loopback address
 *   attest N [LIE]     the answer's code or verdict
 *   tell N LIE         the same with the incident, and what else the answer holds
 *   print N [LIE]      the head of the answer as it came
 *   relay N M          the request that was made for connection N, sent on M
 *   activate N [LIE]   answers the last challenge; lies: wrong, short, empty
 *   send N PATH        no message: {} to PATH
 *   burst N MOST LIE   attests until another answer comes; prints how many did
 *   wait SECONDS       does nothing that long
 *   hang N             an attest without waiting for its answer, then closes
 *   leave N            the same with an activation
 *   ak | ek            another AK; another EK, and AK
 *   other              changes to a second identity, or back
 *   swap               takes the other identity's EK, and it this one's
 *   reboot | rewind    the TPM's reset counter goes up, or down
 *   policy FILE        the parent's public policy key, for approvals
 *   approvals N        attests; for which boot the approval holds
 *   storm N FILE       attests until FILE is there; how often, which answers
 *   certs [FILE…]      the EK certificates of later requests, DER
 *   public FILE        writes the EK's public key there, PEM
 *   fact KEY [VALUE]   a fact of later requests (\n and \e are read)
 *
 * lies.c holds the table; a lie is one row of it. */
#ifndef MUSTER_HOSTILE_H
#define MUSTER_HOSTILE_H

#include "../../unit/fixture_evidence.h"

/* Bytes that replace those at `at` of one part; `cut` bytes less or `more`
 * bytes behind it. */
enum part { NO_PART, EK, AK, QUOTE, SIGNATURE, LOG, BODY };
struct patch {
        enum part part;
        size_t at;
        const char *find; /* its first place is `at` */
        const char *bytes;
        size_t n;
        size_t cut, keep; /* this many less; no more than these, unless 0 */
        const char *more;
        size_t n_more;
};

/* Another boot, or another log of it. */
enum change { NO_CHANGE, ALTER, REMOVE, REMOVE_TWO, SWAP, APPEND, APPEND_SEPARATOR, NO_SEPARATOR, ERROR_SEPARATOR, HIDE };
struct events {
        enum change change;
        unsigned pcr;
        size_t nth;          /* of the events that extend this PCR */
        bool log_only;       /* the TPM saw the true ones */
        const char *data;    /* of an APPEND: a UEFI variable's event, not "evil" */
        size_t n_data;
        const char *options; /* the UKI was started with these */
        bool old_uki, no_ipxe, secure_boot;
};

/* What is wrong with a request; members that are not given are truthful. */
struct lie {
        const char *name;
        const char *code;
        /* What musterd may do on it. u: anyone can send it, so nothing
         * changes. g: the AK signed it, so the node is refused, but its
         * evidence is not kept. s: sound evidence of a wrong boot, kept.
         * t: it is no lie. */
        char proof;
        const char *words;
        struct fx_knobs k;
        struct patch patch;
        struct events events;
        void (*prepare)(struct fx_knobs *k); /* knobs that are computed */
        uint32_t reset_count;
};

extern struct fixture f;
extern const struct lie lies[];
extern const size_t n_lies;

const struct lie *lie_find(const char *name);
/* The request with this lie, for this channel, into f.body. */
void lie_build(const struct lie *lie, const uint8_t exporter[DIGEST_LEN]);
extern uint8_t lie_other_exporter[DIGEST_LEN]; /* of another connection */
extern struct jbufs lie_certs;                 /* EK certificates that requests bring */

/* tpm.c: TPM2_ActivateCredential by f.ek, for the AK of f.evidence; by any EK,
 * for the AK of that Name. */
void tpm_activate_for(EVP_PKEY *ek, const uint8_t *ak_name, const struct buf *blob, const struct buf *wire_secret,
                      uint8_t ret[32]);
void tpm_activate(const struct buf *blob, const struct buf *wire_secret, uint8_t ret[32]);
EVP_PKEY *tpm_new_key(void);
void tpm_write_public(const char *path);

#ifndef FX
#define FX(x)                                                                                                          \
        do {                                                                                                           \
                if (!(x)) {                                                                                            \
                        (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                  \
                        abort();                                                                                       \
                }                                                                                                      \
        } while (0)
#endif

#endif
