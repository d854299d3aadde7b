/* SPDX-License-Identifier: Apache-2.0 */
/* conf.h - node.conf, the two files it names, URLs, the kernel command line.
 *
 * node_conf_load() reads files; the rest is pure. Everything in node.conf
 * is measured, since it is part of the initramfs; nothing is resolved by
 * DNS. The caller frees with node_conf_free(). 0 or negative errno with
 * `f` set to E-CONFIG: file, line, why, what to do. */
#ifndef MUSTER_NODE_CONF_H
#define MUSTER_NODE_CONF_H

#include "log.h"
#include "mem.h"

#define CONF_PARENTS 16
#define CONF_HOSTS 16
#define CONF_PATH "/etc/muster/node.conf"

struct url {
        bool tls;
        char host[254]; /* without brackets */
        uint16_t port;
        char path[1024]; /* with query; "/" when there is none */
};

struct host_address {
        char name[254];
        char ip[46];
};

struct node_conf {
        struct url parents[CONF_PARENTS];
        size_t n_parents;
        struct host_address hosts[CONF_HOSTS];
        size_t n_hosts;
        char ca_path[256];
        char policy_path[256];
        int64_t not_before;
        X509 *ca;
        EVP_PKEY *policy_key;
};

enum onfail { ONFAIL_UNSET, ONFAIL_RETRY, ONFAIL_REBOOT, ONFAIL_HALT };

int node_conf_load(const char *path, struct node_conf *ret, struct fail *f);
void node_conf_free(struct node_conf *c);

/* Text of node.conf into *ret; paths are not opened. */
int node_conf_parse(const char *text, size_t len, struct node_conf *ret, unsigned *ret_line, const char **ret_why);

/* http://HOST[:PORT][/PATH] or https://…; -EBADMSG otherwise. */
int url_parse(const char *text, struct url *ret);

/* The IP literal for a host: itself, or from `hosts`; NULL when unknown. */
const char *node_conf_address(const struct node_conf *c, const char *host);

/* "retry", "reboot", "halt"; ONFAIL_UNSET for anything else. */
enum onfail onfail_from_name(const char *name);
/* The value of the last word KEY=… of a kernel command line that has one and
 * fits; ret[n] is left as it is without one. */
void cmdline_value(const char *cmdline, const char *key, char *ret, size_t n);
/* rd.muster.onfail= of a kernel command line; the last one counts. */
enum onfail onfail_from_cmdline(const char *cmdline);

/* Reads a whole file of at most max bytes; NUL-terminated beyond len.
 * -EFBIG when it is larger. */
int file_read(const char *path, size_t max, struct buf *ret);

#endif
