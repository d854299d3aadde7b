/* SPDX-License-Identifier: Apache-2.0 */
/* init.h - the steps of `muster init`.
 *
 * Nothing that exists is overwritten, but for a parent's certificate under
 * --renew; every file is noted as made or kept. Steps return 0 or an exit
 * code of cli.h with f filled; they print nothing. The texts are pure:
 * they return the length, or -ENAMETOOLONG. */
#ifndef MUSTER_INIT_H
#define MUSTER_INIT_H

#include "cli.h"

#include <limits.h>
#include <time.h>

#define INIT_ADDRESSES_MAX 16

struct init_spec {
        const char *etc;
        const char *state;
        const char *socket;
        const char *user;
        char group[64];
        const char *ipxe; /* NULL: none to copy */
        const char *hosts;
        const char *address[INIT_ADDRESSES_MAX];
        size_t n_addresses;
        unsigned long boot_port;
        unsigned long attest_port;
        bool renew;
        time_t now;
};

struct init_report {
        struct json_object *made;
        struct json_object *kept;
};

void init_note(struct init_report *r, bool made, const char *path);

/* The system account, when root and it does not exist (noted as "user NAME"). */
int init_account(struct init_spec *s, struct init_report *r, struct fail *f);
int init_dirs(const struct init_spec *s, struct init_report *r, struct fail *f);
int init_keys(const struct init_spec *s, struct init_report *r, struct fail *f);
int init_conf(const struct init_spec *s, struct init_report *r, struct fail *f);
int init_ipxe(const struct init_spec *s, struct init_report *r, struct fail *f);
/* The line for known_hosts, of the SSH CA's public key on file. */
int init_known_hosts(const struct init_spec *s, char *ret, size_t n, struct fail *f);

int init_musterd_conf(const struct init_spec *s, char *ret, size_t n);
int init_node_conf(const struct init_spec *s, char *ret, size_t n);
/* A host name, or an IPv4 or IPv6 address without brackets. */
bool init_address_ok(const char *text);
/* The first --address that is no name, or NULL: what nodes are told. */
const char *init_first_ip(const struct init_spec *s);

#endif
