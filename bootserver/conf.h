/* SPDX-License-Identifier: Apache-2.0 */
/* conf.h - musterd.conf: parsed, defaulted, checked as a whole: also that
 * the threads have connections to serve.
 *
 * conf_parse() is pure. conf_load() reads the file and fills `fail` with a
 * line for the admin. Strings live inside the struct; nothing to free.
 * Errors: -EBADMSG (syntax or a value), -E2BIG, or the errno of the read. */
#ifndef MUSTER_CONF_H
#define MUSTER_CONF_H

#include "log.h"

#define CONF_STR 256
#define CONF_LIST 1024

struct conf {
        char boot_listen[CONF_STR];
        char attest_listen[CONF_STR];
        char public_url[CONF_STR]; /* no trailing '/' */
        char image_urls[CONF_LIST]; /* further base URLs, space separated */
        char state_dir[CONF_STR];
        char database[CONF_LIST]; /* libpq's conninfo; "": SQLite, in state_dir */
        char pki_dir[CONF_STR];
        char ek_ca_dir[CONF_STR];
        char hooks_dir[CONF_STR];
        char admin_socket[100]; /* fits sun_path */
        char ipxe_template[CONF_STR];
        char tpm_advisories[CONF_STR];
        char user[64];
        char group[64];
        unsigned max_connections;
        unsigned boot_connections; /* the boot listener's; listen.c lowers it when there are few files */
        unsigned max_per_address;
        unsigned timeout;       /* seconds */
        unsigned pending_limit; /* nodes */
        unsigned cert_days;
        unsigned threads;
        char domain[CONF_STR]; /* of the nodes' names in certificates; "": none */
        char cert_addresses[8]; /* "yes": certificates hold the node's address too; or "no" */
        char sandbox[16]; /* "enforce" or "log" */
        unsigned rate_address;   /* per second */
        unsigned rate_strangers; /* per second */
        unsigned min_rate;       /* bytes per second */
        unsigned body_memory;    /* MiB */
        unsigned image_sends; /* at once; 0: no limit */
        unsigned image_rate;  /* bytes per second of each; 0: no limit */
};

/* An address to listen on: "0.0.0.0:8080", "[::]:8443". */
struct endpoint {
        char host[64]; /* an IP literal, no brackets */
        uint16_t port;
        bool v6;
};

void conf_defaults(struct conf *c);
int conf_parse(const char *text, size_t len, struct conf *ret, struct fail *fail);
int conf_load(const char *path, struct conf *ret, struct fail *fail);
int endpoint_parse(const char *text, struct endpoint *ret);

/* PREFIX/text, into out[n]: -ENAMETOOLONG when it does not fit. */
int conf_path(const char *dir, const char *name, char *out, size_t n);

#endif
