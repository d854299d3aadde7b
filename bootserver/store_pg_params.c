/* SPDX-License-Identifier: Apache-2.0 */
/* How to connect: what the admin said, what musterd adds.
 *
 * Names are looked up here, once, before the sandbox: there neither a
 * resolver nor the account's home is in reach. */
#include "store_pg.h"

#include <netdb.h>
#include <pwd.h>

struct pg_params {
        char **key; /* NULL after the last */
        char **value;
        size_t n;
};

#define PARAMS_MAX 64

void pg_params_free(struct pg_params *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->n; i++) {
                free(p->key[i]);
                free(p->value[i]);
        }
        free(p->key);
        free(p->value);
        free(p);
}
DEFINE_CLEANUP(struct pg_params *, pg_params_free)

static const char *get(const struct pg_params *p, const char *key)
{
        for (size_t i = 0; i < p->n; i++)
                if (p->key[i] && strcmp(p->key[i], key) == 0)
                        return p->value[i];
        return NULL;
}

/* Unless the admin has said so. */
static int add(struct pg_params *p, const char *key, const char *value)
{
        if (get(p, key))
                return 0;
        if (p->n >= PARAMS_MAX - 1)
                return -E2BIG;
        p->key[p->n] = strdup(key);
        p->value[p->n] = strdup(value);
        p->n++;
        return p->key[p->n - 1] && p->value[p->n - 1] ? 0 : -ENOMEM;
}

static int add_all(struct pg_params *p, const PQconninfoOption *o, struct fail *fail)
{
        int r = 0;

        for (; o->keyword && r == 0; o++) {
                if (!o->val || !o->val[0])
                        continue;
                if (strcmp(o->keyword, "password") == 0 || strcmp(o->keyword, "sslpassword") == 0 ||
                    strcmp(o->keyword, "service") == 0 || strcmp(o->keyword, "options") == 0)
                        return fail_set(fail, -EBADMSG, "", "put a password into the file that passfile=/PATH names; see musterd(8)",
                                        "`database` may not have %s in it", o->keyword);
                r = add(p, o->keyword, o->val);
        }
        return r;
}

static int add_standard(struct pg_params *p)
{
        static const char *const standard[][2] = {
                { "application_name", "musterd" }, { "gssencmode", "disable" }, { "target_session_attrs", "any" },
                { "keepalives_idle", "5" }, { "keepalives_interval", "2" }, { "keepalives_count", "3" },
                { "tcp_user_timeout", "8000" },
        };
        const struct passwd *pw = get(p, "user") ? NULL : getpwuid(geteuid());
        int r = pw ? add(p, "user", pw->pw_name) : 0;

        for (size_t i = 0; i < ELEMENTSOF(standard) && r == 0; i++)
                r = add(p, standard[i][0], standard[i][1]);
        return r;
}

/* One address for each host of the list: the first the resolver names. */
static int add_addresses(struct pg_params *p, struct fail *fail)
{
        const char *hosts = get(p, "host");
        char all[1024] = "";
        size_t len = 0;

        if (!hosts || get(p, "hostaddr") || hosts[0] == '/' || hosts[0] == '@')
                return 0;
        for (const char *at = hosts;; at++) {
                const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
                size_t n = strcspn(at, ",");
                struct addrinfo *found = NULL;
                char host[256];
                char one[NI_MAXHOST] = "";

                (void)snprintf(host, sizeof(host), "%.*s", (int)n, at);
                if (getaddrinfo(host, NULL, &want, &found) == 0)
                        (void)getnameinfo(found->ai_addr, found->ai_addrlen, one, sizeof(one), NULL, 0, NI_NUMERICHOST);
                if (found)
                        freeaddrinfo(found);
                if (!one[0])
                        return fail_set(fail, -EIO, "", "correct host in `database`, or the resolver",
                                        "the PostgreSQL server %s has no address", host);
                len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", len ? "," : "", one);
                if (len >= sizeof(all))
                        return -E2BIG;
                at += n;
                if (*at == '\0')
                        break;
        }
        return add(p, "hostaddr", all);
}

int pg_params_parse(const char *conninfo, struct pg_params **ret, struct fail *fail)
{
        _cleanup_(pg_params_freep) struct pg_params *p = calloc(1, sizeof(*p));
        PQconninfoOption *o = PQconninfoParse(conninfo, NULL);
        int r = 0;

        if (p) {
                p->key = calloc(PARAMS_MAX, sizeof(*p->key));
                p->value = calloc(PARAMS_MAX, sizeof(*p->value));
        }
        if (!p || !p->key || !p->value)
                r = -ENOMEM;
        else if (!o) /* libpq's words may have a password in them */
                r = fail_set(fail, -EBADMSG, "", "write postgresql://USER@HOST/NAME or host=HOST dbname=NAME; see musterd(8)",
                             "`database` is not what libpq understands");
        else
                r = add_all(p, o, fail);
        PQconninfoFree(o);
        if (r == 0)
                r = add_standard(p);
        if (r == 0)
                r = add_addresses(p, fail);
        if (r == 0)
                *ret = take_ptr(p);
        return r;
}

/* What failed is in the result too; here it would go to standard error as it came. */
static void unsaid(void *ctx, const PGresult *res)
{
        (void)ctx;
        (void)res;
}

PGconn *pg_params_connect(const struct pg_params *p)
{
        PGconn *c = PQconnectStartParams((const char *const *)p->key, (const char *const *)p->value, 0);

        if (c)
                (void)PQsetNoticeReceiver(c, unsaid, NULL);
        return c;
}

int pg_params_reach(const struct pg_params *p, struct store_reach *ret)
{
        static const char *const files[] = { "passfile", "sslrootcert", "sslcert", "sslkey", "sslcrl" };
        const char *host = get(p, "host");
        const char *port = get(p, "port");
        size_t n = 0;

        *ret = (struct store_reach){ .tcp = get(p, "hostaddr") != NULL };
        ret->local = !ret->tcp && (!host || host[0] == '/');
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                ret->files[i] = get(p, files[i]);
        for (port = port ? port : "5432"; ret->tcp && port; port = strchr(port, ',') ? strchr(port, ',') + 1 : NULL) {
                unsigned long v = strtoul(port, NULL, 10);

                if (n == ELEMENTSOF(ret->ports))
                        return -E2BIG;
                ret->ports[n++] = v > 0 && v <= 65535 ? (uint16_t)v : 5432; /* an empty one is the standard */
        }
        return 0;
}
