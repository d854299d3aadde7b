/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"

#include "ini.h"
#include "names.h"

#include <arpa/inet.h>
#include <fcntl.h>

#ifndef MUSTER_PREFIX
#define MUSTER_PREFIX "/usr"
#endif

enum kind { K_TEXT, K_PATH, K_NUMBER, K_ENDPOINT, K_URL, K_URLS, K_DATABASE, K_SANDBOX, K_DOMAIN, K_YES };

struct option {
        const char *key;
        enum kind kind;
        size_t offset;
        size_t size;   /* of a text */
        unsigned low;  /* of a number */
        unsigned high;
        const char *standard; /* NULL: a number's is `number` */
        unsigned number;
};

#define TEXT(k, kind, field, standard) \
        { k, kind, offsetof(struct conf, field), sizeof(((struct conf *)0)->field), 0, 0, standard, 0 }
#define NUMBER(k, field, low, high, standard) \
        { k, K_NUMBER, offsetof(struct conf, field), 0, low, high, NULL, standard }

static const struct option options[] = {
        TEXT("boot-listen", K_ENDPOINT, boot_listen, "0.0.0.0:8080"),
        TEXT("attest-listen", K_ENDPOINT, attest_listen, "0.0.0.0:8443"),
        TEXT("public-url", K_URL, public_url, ""),
        TEXT("image-urls", K_URLS, image_urls, ""),
        TEXT("state-dir", K_PATH, state_dir, "/var/lib/muster"),
        TEXT("database", K_DATABASE, database, ""),
        TEXT("pki-dir", K_PATH, pki_dir, "/etc/muster/pki"),
        TEXT("ek-ca-dir", K_PATH, ek_ca_dir, "/etc/muster/ek-ca"),
        TEXT("hooks-dir", K_PATH, hooks_dir, "/etc/muster/hooks.d"),
        TEXT("admin-socket", K_PATH, admin_socket, "/run/muster/admin.sock"),
        TEXT("ipxe-template", K_PATH, ipxe_template, MUSTER_PREFIX "/share/muster/muster.ipxe.in"),
        TEXT("tpm-advisories", K_PATH, tpm_advisories, MUSTER_PREFIX "/share/muster/tpm-advisories"),
        TEXT("user", K_TEXT, user, "muster"),
        TEXT("group", K_TEXT, group, "muster"),
        NUMBER("max-connections", max_connections, 4, 1000000, 10240),
        NUMBER("max-connections-per-address", max_per_address, 1, 1000000, 64),
        NUMBER("timeout", timeout, 5, 3600, 30),
        NUMBER("pending-limit", pending_limit, 1, 100000, 1000),
        NUMBER("cert-days", cert_days, 1, 3650, 30),
        NUMBER("threads", threads, 1, 256, 2),
        TEXT("domain", K_DOMAIN, domain, ""),
        TEXT("cert-addresses", K_YES, cert_addresses, "no"),
        TEXT("sandbox", K_SANDBOX, sandbox, "enforce"),
        NUMBER("rate-per-address", rate_address, 1, 1000000, 50),
        NUMBER("rate-strangers", rate_strangers, 1, 1000000, 500),
        NUMBER("min-rate", min_rate, 0, 1000000000, 4096),
        NUMBER("image-sends", image_sends, 0, 1000000, 0),
        NUMBER("image-rate", image_rate, 0, 2000000000, 0),
        NUMBER("body-memory", body_memory, 1, 65536, 128),
};

static const char *bad_text(const struct option *o, const char *value)
{
        struct endpoint e;

        if (strlen(value) >= o->size)
                return "the value is too long";
        switch (o->kind) {
        case K_ENDPOINT:
                return endpoint_parse(value, &e) < 0 ? "an address is IP:PORT, for example 0.0.0.0:8080 or [::]:8080" : NULL;
        case K_PATH:
                return value[0] != '/' ? "a path must be absolute" : NULL;
        case K_SANDBOX:
                return strcmp(value, "enforce") == 0 || strcmp(value, "log") == 0 ? NULL : "it is enforce or log";
        case K_DOMAIN:
                return domain_ok(value) ? NULL : "a domain is a DNS name in lower case, for example cluster or hpc.example.org";
        case K_YES:
                return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0 ? NULL : "it is yes or no";
        case K_DATABASE:
                return strncmp(value, "postgresql://", 13) == 0 || strncmp(value, "postgres://", 11) == 0 || strchr(value, '=')
                               ? NULL : "a database is postgresql://USER@HOST/NAME, or host=HOST dbname=NAME as libpq has it";
        case K_URL:
                return url_ok(value) ? NULL : "a URL is http://HOST:PORT without spaces, quotes or a query";
        case K_URLS:
                for (const char *p = value; *p;) {
                        char one[CONF_STR];
                        size_t n = strcspn(p, " ");

                        if (n >= sizeof(one))
                                return "a URL is too long";
                        memcpy(one, p, n);
                        one[n] = '\0';
                        if (n > 0 && !url_ok(one))
                                return "URLs are http://HOST:PORT[/PATH], separated by spaces";
                        p += n + strspn(p + n, " ");
                }
                return NULL;
        default:
                return value[0] == '\0' ? "the value is empty" : NULL;
        }
}

static int set_number(const struct option *o, const char *value, unsigned *ret)
{
        char *end = NULL;
        unsigned long v;

        errno = 0;
        v = strtoul(value, &end, 10);
        if (errno != 0 || end == value || *end != '\0' || value[0] < '0' || value[0] > '9' || v < o->low || v > o->high)
                return -EBADMSG;
        *ret = (unsigned)v;
        return 0;
}

static int on_pair(void *ctx, const char *section, const char *key, const char *value, const char **why)
{
        struct conf *c = ctx;

        *why = "the only section is [musterd]";
        if (strcmp(section, "musterd") != 0)
                return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                const struct option *o = &options[i];
                char *field = (char *)c + o->offset;

                if (strcmp(o->key, key) != 0)
                        continue;
                *why = "the number is out of range; see musterd(8)";
                if (o->kind == K_NUMBER)
                        return set_number(o, value, (unsigned *)(void *)field);
                *why = bad_text(o, value);
                if (*why)
                        return -EBADMSG;
                (void)snprintf(field, o->size, "%s", value);
                return 0;
        }
        *why = "there is no such key; see musterd(8)";
        return -EBADMSG;
}

void conf_defaults(struct conf *c)
{
        memset(c, 0, sizeof(*c));
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                char *field = (char *)c + options[i].offset;

                if (options[i].kind == K_NUMBER)
                        *(unsigned *)(void *)field = options[i].number;
                else
                        (void)snprintf(field, options[i].size, "%s", options[i].standard);
        }
}

int conf_parse(const char *text, size_t len, struct conf *ret, struct fail *fail)
{
        struct conf c;
        unsigned line = 0;
        const char *why = "";
        int r;

        conf_defaults(&c);
        r = ini_parse(text, len, on_pair, &c, &line, &why);
        if (r < 0)
                return fail_set(fail, r, "", "correct the line; musterd(8) lists the keys", "line %u: %s", line, why);
        if (c.threads > c.max_connections)
                return fail_set(fail, -EBADMSG, "", "raise max-connections, or lower threads",
                                "threads = %u is more than max-connections = %u", c.threads, c.max_connections);
        *ret = c;
        return 0;
}

/* The name of this machine and the port of boot-listen. */
static int default_url(struct conf *c, struct fail *fail)
{
        struct endpoint e;
        char host[128] = "";

        if (c->public_url[0])
                return 0;
        if (gethostname(host, sizeof(host) - 1) == 0 && endpoint_parse(c->boot_listen, &e) == 0)
                (void)snprintf(c->public_url, sizeof(c->public_url), "http://%s:%u", host, e.port);
        if (!url_ok(c->public_url))
                return fail_set(fail, -EBADMSG, "", "set public-url = http://HOST:PORT, the address nodes use",
                                "public-url is not set, and this machine's name makes none");
        return 0;
}

int conf_load(const char *path, struct conf *ret, struct fail *fail)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        _cleanup_(freep) char *text = NULL;
        size_t n;
        int r;

        if (!f)
                return fail_set(fail, -errno, "", "run `muster init`, or give --config FILE", "cannot read %s: %s",
                                path, strerror(errno));
        text = malloc(INI_FILE_MAX + 1);
        if (!text)
                return -ENOMEM;
        n = fread(text, 1, INI_FILE_MAX + 1, f);
        if (ferror(f))
                return fail_set(fail, -EIO, "", "check the file", "cannot read %s", path);
        r = conf_parse(text, n, ret, fail);
        if (r == 0)
                r = default_url(ret, fail);
        if (r < 0) {
                char what[400];

                (void)snprintf(what, sizeof(what), "%.380s", fail->what);
                (void)snprintf(fail->what, sizeof(fail->what), "%.100s: %s", path, what);
        }
        return r;
}

int endpoint_parse(const char *text, struct endpoint *ret)
{
        struct endpoint e = { .v6 = text[0] == '[' };
        const char *colon = strrchr(text, ':');
        const char *host = e.v6 ? text + 1 : text;
        unsigned char addr[16];
        char *end = NULL;
        size_t n;
        unsigned long port;

        if (!colon || colon <= host)
                return -EBADMSG;
        n = (size_t)(colon - host) - (e.v6 ? 1 : 0);
        if (n == 0 || n >= sizeof(e.host) || (e.v6 && host[n] != ']'))
                return -EBADMSG;
        memcpy(e.host, host, n);
        if (inet_pton(e.v6 ? AF_INET6 : AF_INET, e.host, addr) != 1)
                return -EBADMSG;
        if (colon[1] < '0' || colon[1] > '9')
                return -EBADMSG;
        port = strtoul(colon + 1, &end, 10);
        if (*end != '\0' || port < 1 || port > 65535)
                return -EBADMSG;
        e.port = (uint16_t)port;
        *ret = e;
        return 0;
}

int conf_path(const char *dir, const char *name, char *out, size_t n)
{
        int k = snprintf(out, n, "%s/%s", dir, name);

        return k < 0 || (size_t)k >= n ? -ENAMETOOLONG : 0;
}
