/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"
#include "init.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>

#define CONF_MAX 8192

static bool is_v6(const char *address)
{
        return address && strchr(address, ':') != NULL;
}

static bool is_ip(const char *text)
{
        uint8_t raw[16];

        return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

const char *init_first_ip(const struct init_spec *s)
{
        for (size_t i = 0; i < s->n_addresses; i++)
                if (is_ip(s->address[i]))
                        return s->address[i];
        return NULL;
}

bool init_address_ok(const char *text)
{
        size_t n = strlen(text);

        if (is_ip(text))
                return true;
        /* what looks like an address but is none is no host name either */
        if (n == 0 || n > 253 || strspn(text, "0123456789.") == n)
                return false;
        for (const char *p = text; *p;) {
                size_t label = strcspn(p, ".");

                if (label == 0 || label > 63 || p[0] == '-' || p[label - 1] == '-' ||
                    strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") < label)
                        return false;
                p += label;
                if (*p == '.' && !*++p)
                        return false;
        }
        return true;
}

static int put_text(char *ret, size_t n, size_t *at, const char *fmt, ...) _printf_(4, 5);
static int put_text(char *ret, size_t n, size_t *at, const char *fmt, ...)
{
        va_list ap;
        int len;

        va_start(ap, fmt);
        len = vsnprintf(ret + *at, n - *at, fmt, ap);
        va_end(ap);
        if (len < 0 || (size_t)len >= n - *at)
                return -ENAMETOOLONG;
        *at += (size_t)len;
        return 0;
}

int init_musterd_conf(const struct init_spec *s, char *ret, size_t n)
{
        const char *a = init_first_ip(s);
        const char *any = is_v6(a) ? "[::]" : "0.0.0.0";
        size_t at = 0;
        int r;

        r = put_text(ret, n, &at,
                     "# musterd's configuration, see musterd(8)\n"
                     "[musterd]\n"
                     "boot-listen = %s:%lu\n"
                     "attest-listen = %s:%lu\n"
                     "# where nodes reach this parent\n"
                     "public-url = http://%s%s%s:%lu\n"
                     "# caches and mirrors that carry the sealed images too, tried in this order\n"
                     "#image-urls = http://cache1:8080\n"
                     "state-dir = %s\n"
                     "pki-dir = %s/pki\n"
                     "ek-ca-dir = %s/ek-ca\n"
                     "admin-socket = %s\n"
                     "# nodes' certificates hold r1n001.cluster beside r1n001\n"
                     "#domain = cluster\n"
                     "user = %s\n"
                     "group = %s\n",
                     any, s->boot_port, any, s->attest_port, is_v6(a) ? "[" : "", a, is_v6(a) ? "]" : "", s->boot_port,
                     s->state, s->etc, s->etc, s->socket, s->user, s->group);
        return r < 0 ? r : (int)at;
}

int init_node_conf(const struct init_spec *s, char *ret, size_t n)
{
        size_t at = 0;
        int r;

        r = put_text(ret, n, &at, "# copied into every initramfs, where it is measured; see muster-node(8)\n[muster]\nparents =");
        for (size_t i = 0; r == 0 && i < s->n_addresses; i++)
                if (is_ip(s->address[i])) /* nodes look up no names */
                        r = put_text(ret, n, &at, " https://%s%s%s:%lu", is_v6(s->address[i]) ? "[" : "", s->address[i],
                                     is_v6(s->address[i]) ? "]" : "", s->attest_port);
        if (r == 0)
                r = put_text(ret, n, &at,
                             "\nca = /etc/muster/ca.pem\n"
                             "policy-key = /etc/muster/policy.pem\n"
                             "# nodes without a clock judge the parent's certificate by this time\n"
                             "not-before = %" PRId64 "\n",
                             (int64_t)s->now);
        return r < 0 ? r : (int)at;
}

static int write_conf(const struct init_spec *s, const char *name, int (*text)(const struct init_spec *, char *, size_t),
                      struct init_report *r, struct fail *f)
{
        char body[CONF_MAX];
        char path[PATH_MAX];
        struct stat st;
        int len;
        int e;

        (void)snprintf(path, sizeof(path), "%s/%s", s->etc, name);
        if (lstat(path, &st) == 0) {
                init_note(r, false, path);
                return 0;
        }
        if (s->n_addresses == 0)
                return fail_set(f, MUSTER_USAGE, "", "give --address, the parent's on the provisioning network",
                                "write %s: no address to put in it", path);
        len = text(s, body, sizeof(body));
        if (len < 0)
                return fail_set(f, MUSTER_USAGE, "", "shorten the paths", "write %s: too long", path);
        e = file_make(path, body, (size_t)len, 0644);
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", "", "write %s: %s", path, strerror(-e));
        init_note(r, true, path);
        return 0;
}

int init_conf(const struct init_spec *s, struct init_report *r, struct fail *f)
{
        int rc = write_conf(s, "musterd.conf", init_musterd_conf, r, f);

        return rc ? rc : write_conf(s, "node.conf", init_node_conf, r, f);
}
