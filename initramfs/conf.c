/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"

#include "ini.h"
#include "pki.h"

#include <arpa/inet.h>
#include <fcntl.h>

#define ATTEST_PORT 8443

static const char next_conf[] = "correct it on the parent and make the initramfs again";

int file_read(const char *path, size_t max, struct buf *ret)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        _cleanup_(buf_wipe) struct buf b = { 0 };
        size_t room = 4096;

        if (fd < 0)
                return -errno;
        for (;;) {
                uint8_t *p;
                ssize_t k;

                if (!b.p || b.len == room) {
                        room = b.p ? room * 2 : room;
                        p = realloc(b.p, room + 1);
                        if (!p)
                                return -ENOMEM;
                        b.p = p;
                }
                k = read(fd, b.p + b.len, room - b.len);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                b.len += (size_t)k;
                if (b.len > max)
                        return -EFBIG;
                if (k == 0)
                        break;
        }
        b.p[b.len] = '\0';
        *ret = b;
        b = (struct buf){ 0 };
        return 0;
}

static bool is_ip(const char *s)
{
        uint8_t ip[16];

        return inet_pton(AF_INET, s, ip) == 1 || inet_pton(AF_INET6, s, ip) == 1;
}

static bool host_ok(const char *s)
{
        size_t n = strlen(s);

        return n > 0 && n < 254 &&
               (is_ip(s) ||
                (strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n && s[0] != '-' && s[0] != '.'));
}

/* "HOST", "HOST:PORT", "[V6]", "[V6]:PORT" */
static int authority(char *s, struct url *u)
{
        char *port = NULL;
        char *end = NULL;
        unsigned long n;

        if (s[0] == '[') {
                end = strchr(++s, ']');
                if (!end || !strchr(s, ':') || (end[1] && end[1] != ':'))
                        return -EBADMSG;
                port = end[1] ? end + 2 : NULL;
                *end = '\0';
        } else if ((end = strchr(s, ':'))) {
                *end = '\0';
                port = end + 1;
        }
        if (!host_ok(s))
                return -EBADMSG;
        (void)snprintf(u->host, sizeof(u->host), "%.253s", s);
        if (!port)
                return 0;
        if (strlen(port) == 0 || strlen(port) > 5 || strspn(port, "0123456789") != strlen(port))
                return -EBADMSG;
        n = strtoul(port, NULL, 10);
        if (n == 0 || n > 65535)
                return -EBADMSG;
        u->port = (uint16_t)n;
        return 0;
}

int url_parse(const char *text, struct url *ret)
{
        struct url u = { 0 };
        char auth[300];
        size_t n;

        if (strncmp(text, "https://", 8) == 0)
                u.tls = true;
        else if (strncmp(text, "http://", 7) != 0)
                return -EBADMSG;
        text += u.tls ? 8 : 7;
        u.port = u.tls ? ATTEST_PORT : 80;
        n = strcspn(text, "/?#");
        if (n >= sizeof(auth) || strlen(text + n) >= sizeof(u.path) || (text[n] && text[n] != '/'))
                return -EBADMSG;
        memcpy(auth, text, n);
        auth[n] = '\0';
        for (const char *p = text + n; *p; p++)
                if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '#')
                        return -EBADMSG;
        (void)snprintf(u.path, sizeof(u.path), "%s", text[n] ? text + n : "/");
        if (authority(auth, &u) < 0)
                return -EBADMSG;
        *ret = u;
        return 0;
}

const char *node_conf_address(const struct node_conf *c, const char *host)
{
        if (is_ip(host))
                return host;
        for (size_t i = 0; i < c->n_hosts; i++)
                if (strcmp(c->hosts[i].name, host) == 0)
                        return c->hosts[i].ip;
        return NULL;
}

static int set_parents(struct node_conf *c, char *words, const char **why)
{
        char *save = NULL;

        for (char *w = strtok_r(words, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
                *why = "too many parents";
                if (c->n_parents == CONF_PARENTS)
                        return -EBADMSG;
                *why = "a parent is https://HOST:PORT";
                if (url_parse(w, &c->parents[c->n_parents]) < 0 || !c->parents[c->n_parents].tls ||
                    strcmp(c->parents[c->n_parents].path, "/") != 0)
                        return -EBADMSG;
                c->n_parents++;
        }
        return 0;
}

static int set_hosts(struct node_conf *c, char *words, const char **why)
{
        char *save = NULL;

        for (char *w = strtok_r(words, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
                struct host_address *h = &c->hosts[c->n_hosts];
                char *eq = strchr(w, '=');

                *why = "hosts are NAME=ADDRESS, at most 16";
                if (c->n_hosts == CONF_HOSTS || !eq)
                        return -EBADMSG;
                *eq = '\0';
                if (!host_ok(w) || is_ip(w) || !is_ip(eq + 1))
                        return -EBADMSG;
                (void)snprintf(h->name, sizeof(h->name), "%s", w);
                (void)snprintf(h->ip, sizeof(h->ip), "%s", eq + 1);
                c->n_hosts++;
        }
        return 0;
}

static int on_pair(void *ctx, const char *section, const char *key, const char *value, const char **why)
{
        struct node_conf *c = ctx;
        char words[1024];

        *why = "the only section is [muster]";
        if (strcmp(section, "muster") != 0)
                return -EBADMSG;
        (void)snprintf(words, sizeof(words), "%s", value);
        if (strcmp(key, "parents") == 0)
                return set_parents(c, words, why);
        if (strcmp(key, "hosts") == 0)
                return set_hosts(c, words, why);
        *why = "a path is absolute and shorter than 256 bytes";
        if (strcmp(key, "ca") == 0 || strcmp(key, "policy-key") == 0) {
                if (value[0] != '/' || strlen(value) >= sizeof(c->ca_path))
                        return -EBADMSG;
                (void)snprintf(key[0] == 'c' ? c->ca_path : c->policy_path, sizeof(c->ca_path), "%s", value);
                return 0;
        }
        *why = "not-before is a Unix time in seconds";
        if (strcmp(key, "not-before") == 0) {
                if (!*value || strlen(value) > 12 || strspn(value, "0123456789") != strlen(value))
                        return -EBADMSG;
                c->not_before = strtoll(value, NULL, 10);
                return 0;
        }
        *why = "no such key; there are parents, hosts, ca, policy-key, not-before";
        return -EBADMSG;
}

int node_conf_parse(const char *text, size_t len, struct node_conf *ret, unsigned *ret_line, const char **ret_why)
{
        _cleanup_(freep) struct node_conf *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        (void)snprintf(c->ca_path, sizeof(c->ca_path), "/etc/muster/ca.pem");
        (void)snprintf(c->policy_path, sizeof(c->policy_path), "/etc/muster/policy.pem");
        r = ini_parse(text, len, on_pair, c, ret_line, ret_why);
        if (r < 0)
                return r;
        *ret_line = 0;
        *ret_why = "it names no parents";
        if (c->n_parents == 0)
                return -EBADMSG;
        *ret_why = "a parent's host is neither an IP address nor in `hosts`";
        for (size_t i = 0; i < c->n_parents; i++)
                if (!node_conf_address(c, c->parents[i].host))
                        return -EBADMSG;
        *ret = *c;
        return 0;
}

static int load_keys(struct node_conf *c, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf ca = { 0 };
        _cleanup_(buf_wipe) struct buf policy = { 0 };
        int r = file_read(c->ca_path, PKI_PEM_MAX, &ca);

        if (r == 0)
                r = pki_cert_from_pem(ca.p, ca.len, &c->ca);
        if (r < 0)
                return fail_set(f, r, "E-CONFIG", next_conf, "read the cluster CA %s: %s", c->ca_path, strerror(-r));
        r = file_read(c->policy_path, PKI_PEM_MAX, &policy);
        if (r == 0)
                r = pki_public_from_pem(policy.p, policy.len, &c->policy_key);
        if (r < 0)
                return fail_set(f, r, "E-CONFIG", next_conf, "read the policy key %s: %s", c->policy_path, strerror(-r));
        return 0;
}

int node_conf_load(const char *path, struct node_conf *ret, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf text = { 0 };
        const char *why = "out of memory";
        unsigned line = 0;
        int r = file_read(path, INI_FILE_MAX, &text);

        *ret = (struct node_conf){ 0 };
        if (r < 0)
                return fail_set(f, r, "E-CONFIG", next_conf, "read %s: %s", path, strerror(-r));
        r = node_conf_parse((char *)text.p, text.len, ret, &line, &why);
        if (r < 0)
                return fail_set(f, r, "E-CONFIG", next_conf, "read %s, line %u: %s", path, line, why);
        r = load_keys(ret, f);
        if (r < 0)
                node_conf_free(ret);
        return r;
}

void node_conf_free(struct node_conf *c)
{
        X509_free(c->ca);
        EVP_PKEY_free(c->policy_key);
        c->ca = NULL;
        c->policy_key = NULL;
}

enum onfail onfail_from_name(const char *name)
{
        static const char *const names[] = { "", "retry", "reboot", "halt" };

        for (size_t i = 1; i < ELEMENTSOF(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return (enum onfail)i;
        return ONFAIL_UNSET;
}

/* The next word KEY=VALUE, from *line on, that fits. */
static bool next_value(const char **line, const char *key, char *ret, size_t n)
{
        size_t k = strlen(key);

        while (**line) {
                const char *word = *line;
                size_t len = strcspn(word, " \t\n");

                *line += len;
                *line += strspn(*line, " \t\n");
                if (len > k && len - k < n && strncmp(word, key, k) == 0) {
                        memcpy(ret, word + k, len - k);
                        ret[len - k] = '\0';
                        return true;
                }
        }
        return false;
}

void cmdline_value(const char *cmdline, const char *key, char *ret, size_t n)
{
        while (next_value(&cmdline, key, ret, n))
                ;
}

enum onfail onfail_from_cmdline(const char *cmdline)
{
        enum onfail found = ONFAIL_UNSET;
        char value[16];

        while (next_value(&cmdline, "rd.muster.onfail=", value, sizeof(value)))
                if (onfail_from_name(value) != ONFAIL_UNSET)
                        found = onfail_from_name(value);
        return found;
}
