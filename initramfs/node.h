/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - one attempt of `muster-node boot`, and what its parts share.
 *
 * A struct node lives for one attempt; node_wipe() closes, flushes, wipes
 * and frees everything in it. Each step returns 0 or negative errno and
 * leaves its words in n->f. Only boot.c and console.c print. */
#ifndef MUSTER_NODE_H
#define MUSTER_NODE_H

#include "conf.h"
#include "http.h"
#include "nvdata.h"
#include "tpm_bundle.h"
#include "tpm_keys.h"
#include "tpm_nv.h"
#include "wire_attest.h"
#include "wire_verdict.h"

#define NODE_STAGES 32

enum { MOUNTED_RO = 1, MOUNTED_RW = 2, MOUNTED_ROOT = 4 };

struct boot_options {
        const char *config;
        const char *sysroot;    /* NULL: stop after keys and image */
        const char *run_dir;
        const char *image_file; /* NULL: in a memfd */
        enum onfail onfail;
        bool once;
        bool cap; /* lock and cap even without a sysroot */
};

struct node_stage {
        const char *name;
        int64_t ms;
};

struct node {
        const struct node_conf *conf;
        const struct boot_options *opt;
        struct fail f;
        char former[WIRE_CODE_MAX + 1]; /* what the attempt before this one failed with, "" */
        char incident[17];
        int retry_after; /* seconds, from the parent; 0: none */

        struct tpm *tpm;
        struct tpm_key ek;
        struct tpm_key ak;
        struct tpm_ek_certs certs;
        uint8_t id[DIGEST_LEN];
        char id_hex[2 * DIGEST_LEN + 1];
        uint8_t policy[DIGEST_LEN]; /* the policy key: its Name without the algorithm */
        uint8_t nv_policy[DIGEST_LEN];
        enum nv_state nv[NV_PURPOSES + 1]; /* by enum nv_purpose */
        struct attest_facts facts;
        struct buf eventlog;

        struct http *http;
        char parent[300];
        uint8_t exporter[DIGEST_LEN];
        uint8_t pcrs[POLICY_PCRS][DIGEST_LEN];
        bool unlogged; /* the PCRs are not what the event log says */
        struct policy_boot counters; /* of the quote */
        struct verdict verdict;
        struct manifest manifest;
        int image_fd; /* what node_store_open() made; -1: nothing */

        uint8_t key[NV_PURPOSES + 1][NV_KEY_LEN]; /* by enum nv_purpose */
        bool nv_used[NV_PURPOSES + 1]; /* holds the keys, to be locked */
        struct tpm_approval approval;  /* POLICY_NV */
        struct tpm_nv nv_session;      /* node_session()'s, until the cap */
        bool capped;
        bool keys_out; /* key files of this attempt are in run_dir */
        unsigned mounted; /* MOUNTED_… */

        struct node_stage stages[NODE_STAGES];
        size_t n_stages;
        int64_t stage_start;
        int64_t start;
};

/* Ends a stage: the time since the last one goes under this name. */
void node_stage(struct node *n, const char *name);
void node_wipe(struct node *n);

/* tpm.c: opens the TPM, EK, AK; id, facts, event log, NV states. */
int node_tpm_open(struct node *n);

/* attest.c: talks to the parents until a verdict that is not `pending`.
 * 0: n->verdict is ok and n->manifest set. -EACCES: refused (code in
 * n->f); -EINPROGRESS: pending, with opt->once. `again` stays on the
 * connection there is, if any. */
int node_attest(struct node *n, bool again);

/* keys.c: n->nv_session, started unless it is: one for all that a boot does,
 * since salting costs a key agreement. Who leaves half a policy in it ends it. */
int node_session(struct node *n);

/* keys.c: keys from NV or from the bundle, NV brought up to date. -ESTALE:
 * NV was unreadable; n->nv says so, attest again. */
int node_keys(struct node *n);
/* Locks both indices, wipes approvals and keys, extends PCR 15. */
int node_cap(struct node *n);

/* image.c: fetches and verifies the image into fd. */
int node_image_fetch(struct node *n, int fd);

/* mount.c: where the image goes; the new root out of it; and undoing it. */
int node_store_open(struct node *n);
int node_mount(struct node *n);
void node_unmount(struct node *n);

/* output.c: the key files and boot.json in run_dir, and their removal. */
int node_output_keys(struct node *n);
int node_output_facts(struct node *n);
void node_output_remove(const char *run_dir);
/* Writes a file in the directory `dir`, replacing what is there; never
 * through a symbolic link. */
int file_write_at(int dir, const char *name, mode_t mode, const void *p, size_t len);

/* console.c: one line to standard error and, when booting, /dev/console. */
void console_use_device(void);
void console_line(const char *fmt, ...) _printf_(1, 2);
uint32_t random_bits(void);
void sleep_ms(int64_t ms);
void sleep_jittered(int64_t ms); /* at random half to all of it */

/* boot.c, status.c, platform.c: the commands. They return an exit status. */
int cmd_boot(const struct boot_options *opt);
int cmd_enroll(void);
int cmd_status(const char *run_dir);
int cmd_check_platform(bool try);
void platform_warn(const char *node); /* of what would undo the cap; `node`: its id */

/* Exit statuses: muster-node.8 */
enum {
        EXIT_OK = 0,
        EXIT_OTHER = 1,
        EXIT_USAGE = 2,
        EXIT_CONFIG = 3,
        EXIT_TPM = 4,
        EXIT_NET = 5,
        EXIT_PARENT = 6,
        EXIT_REFUSED = 7,
        EXIT_PENDING = 8,
        EXIT_IMAGE = 9,
        EXIT_KEYS = 10,
        EXIT_CAP = 11,
        EXIT_PLATFORM = 12,
        EXIT_UNTRIED = 13,
};

#endif
