/* SPDX-License-Identifier: Apache-2.0 */
/* storm.h - a fleet in one thread: nodes with software TPMs that boot at the
 * same parents over real TLS 1.3.
 *
 *   storm files DIR          the boot files that all nodes measure: r9.efi, snponly.efi
 *   storm evidence DIR       what a machine of the first model measures: eventlog.bin, and
 *                            extends, the arguments of tpm2_pcrextend
 *   storm keys FILE N CSV    makes N nodes' EKs and AKs; CSV: a purchase manifest of them
 *   storm run OPTION…        lets them boot, and says how it went
 *
 * tpm.c has the nodes' keys and requests, link.c one connection, fleet.c who
 * dials when, foes.c those among them that mean ill, tally.c and report.c what is counted, proc.c what musterd uses.
 * Nothing is freed before the end but connections and bodies. */
#ifndef MUSTER_STORM_H
#define MUSTER_STORM_H

#include "backoff.h"
#include "policy.h"
#include "wire_verdict.h"

#include <openssl/ssl.h>

#define CLASSES 4 /* hardware models, one for each size of event log */
#define PARENTS 8
#define SAMPLES 20000

enum stage { S_LATER, S_CONNECT, S_TLS, S_SEND, S_HEAR, S_PAUSE, S_HOLD, S_DONE, S_GIVEN_UP };

/* What a client does instead of booting. */
enum foe { F_NONE, F_IDLE, F_GARBAGE, F_HALF, F_DRIP, F_FORGE, F_REPLAY, F_CHALLENGE, FOES };

struct node {
        EVP_PKEY *ek;
        EVP_PKEY_CTX *sign; /* of the AK, ready */
        uint8_t id[DIGEST_LEN];
        uint8_t ak_name[POLICY_NAME_LEN];
        struct buf ek_public, ak_public; /* TPM2B_PUBLIC */
        const struct model *model;

        enum foe foe;
        enum stage stage;
        uint32_t events; /* asked of epoll */
        int fd;
        SSL *ssl;
        struct buf out, in;
        size_t sent;
        int64_t due; /* us: when to act, or to lose patience */
        int64_t arrived, dialled, asked;
        struct backoff backoff;
        int64_t told; /* ms, named by a parent since it began with the first one; 0: none */
        bool heard; /* the parent has begun its side of the handshake */
        unsigned parent;
        unsigned asks; /* that could end in a release */
        unsigned oks;
        char boot[17];
};

struct arrival {
        enum { ALL, POISSON, WAVES } how;
        double rate;     /* POISSON: per second */
        unsigned size;   /* WAVES: so many */
        double interval; /* every so many seconds */
};

struct options {
        const char *keys, *ca, *out, *series, *ledger, *pid_file;
        const char *title;
        const char *templates[CLASSES]; /* real event logs, for the first models */
        unsigned n_templates;
        unsigned n; /* nodes */
        unsigned foes; /* hostile clients, after them in `fleet` */
        struct { char host[64]; uint16_t port; } parents[PARENTS];
        unsigned n_parents;
        struct arrival arrival;
        uint32_t reset_count;
        bool steady; /* their NV indices are present */
        bool once;   /* a refusal is the end */
        bool bare;   /* any HTTPS server: GET / instead of an attestation */
        double hold; /* seconds that a connection stays after its verdict */
        double limit; /* seconds for all */
};

extern struct options opt;
extern struct node *fleet;
extern int fleet_epoll;

/* tpm.c */
void tpm_files(const char *dir);
void tpm_evidence(const char *dir);
void tpm_make_keys(const char *path, unsigned n, const char *csv);
void tpm_load(const char *path, unsigned n, bool steady, uint32_t reset_count);
struct buf tpm_request(const struct node *n, const uint8_t exporter[DIGEST_LEN]);
/* An AK's contexts and public area, of `with`, for a client that poses as `n`. */
void tpm_swap(struct node *n, const struct node *with, bool its_public);
struct buf tpm_secret(const struct node *n, const struct verdict *challenge);
size_t tpm_log_size(unsigned model);

/* link.c: what a connection does when its socket is ready. Ends in
 * fleet_verdict() or fleet_lost(). */
void link_init(const char *ca);
void link_dial(struct node *n);
void link_ready(struct node *n, uint32_t events);
void link_post(struct node *n, const char *path, struct buf body);
void link_ask(struct node *n);
bool link_exporter(struct node *n, uint8_t ret[DIGEST_LEN]);
void link_close(struct node *n);
unsigned link_open(void);

/* foes.c: hostile clients. They borrow the keys of honest nodes; each starts
 * over, after a while, when the parent has got rid of it. */
void foes_init(unsigned nodes, unsigned foes);
void foe_saw(const struct buf *request); /* an honest node's, to be sent again */
bool foe_connected(struct node *n);      /* false: it goes on to a handshake */
void foe_asks(struct node *n);
void foe_drips(struct node *n);
void foe_verdict(struct node *n, const struct verdict *v);
void foe_lost(struct node *n);
const char *foe_name(enum foe f);

/* fleet.c */
int fleet_run(void); /* 0: all were released */
void fleet_verdict(struct node *n, struct verdict *v);
void fleet_lost(struct node *n, const char *code);
void fleet_answered(struct node *n); /* --bare */
int64_t now_us(void);

/* tally.c */
struct sample {
        float at; /* seconds */
        float server_cpu, client_cpu;
        unsigned rss_kib, open, released, failed;
};
struct tally {
        int64_t start, end; /* us */
        int64_t longest; /* us that the simulator did not listen */
        unsigned released, failed, dials, sent;
        unsigned foe_dials, foe_answers, foe_released; /* the last: must be 0 */
        struct { char code[32]; unsigned n; } codes[32];
        float *boot, *link, *answer; /* ms: since arrival, since the last dial, since the request */
        struct sample sample[SAMPLES];
        size_t n_samples;
};
extern struct tally tally;
void tally_init(void);
void tally_code(const char *code);
void tally_turn(int64_t began, int64_t ended);
void tally_release(const struct node *n, int64_t now);
void tally_sample(int64_t now); /* at most every 100 ms */

/* report.c */
int report(void);

/* proc.c: of musterd and its children, over restarts; false: it does not run */
bool proc_look(const char *pid_file, double *ret_cpu, unsigned *ret_rss_kib);
double proc_own_cpu(void);

#endif
