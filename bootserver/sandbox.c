/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 4 of isolation.h. */
#include "isolation.h"

#include "landlock.h"
#include "store.h"
#include "syscalls.h"

#include <libgen.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <time.h>

/* The leak checker of a sanitizer build forks and traces its own process. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static struct sandbox_facts facts = { .syscalls = "" };

struct sandbox_facts sandbox_facts(void)
{
        return facts;
}

/* What the libraries read from disk on first use, while they still may. */
static void warm_up(void)
{
        uint8_t b[8];

        tzset();
        sqlite3_randomness(sizeof(b), b); /* seeded from /dev/urandom, once */
        (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
}

struct room {
        const struct landlock_dir *dirs;
        size_t n;
        const struct store_reach *reach; /* NULL: none */
        int (*syscalls)(bool log_only, unsigned sockets);
};

static unsigned sockets_of(const struct store_reach *reach)
{
        return !reach ? 0 : (reach->local ? SOCKETS_LOCAL : 0u) | (reach->tcp ? SOCKETS_TCP : 0u);
}

static int landlock_failed(const char *who, int r, const char *at, struct fail *fail)
{
        if (at)
                return fail_set(fail, r, "", "let its user enter the folders above it, or put it elsewhere",
                                "%s: it cannot reach %s: %s", who, at, strerror(-r));
        return fail_set(fail, r, "", "set sandbox = log in musterd.conf until it is found out why",
                        "%s: cannot confine itself to its files (Landlock): %s", who, strerror(-r));
}

static int confine(const char *who, bool log_only, const struct room *room, struct fail *fail)
{
        const char *at = NULL;
        int abi = 0;
        int r = 0;

        if (SANITIZED) {
                facts.syscalls = "off";
                log_warn("%s runs without its sandbox: this is a sanitizer build, for tests", who);
                return 0;
        }
        warm_up();
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return fail_set(fail, -errno, "", "", "%s: cannot give up new privileges: %s", who, strerror(errno));
        if (!log_only)
                abi = landlock_confine(room->dirs, room->n, room->reach ? room->reach->ports : NULL,
                                       room->reach ? ELEMENTSOF(room->reach->ports) : 0, &at);
        if (abi < 0)
                return landlock_failed(who, abi, at, fail);
        r = room->syscalls(log_only, sockets_of(room->reach));
        if (r < 0)
                return fail_set(fail, r, "", "run a kernel with CONFIG_SECCOMP_FILTER, or set sandbox = log in musterd.conf",
                                "%s: cannot confine itself to its system calls (seccomp): %s", who, strerror(-r));
        facts = (struct sandbox_facts){ .syscalls = log_only ? "log" : "enforce", .landlock = abi };
        if (log_only)
                log_warn("%s IS NOT CONFINED: sandbox = log only writes what would be refused to the audit log. "
                         "Next: read it, report it, set sandbox = enforce", who);
        else if (abi == 0)
                log_info("%s: system calls confined; this kernel has no Landlock, so files are protected by their owners "
                         "and modes only", who);
        else
                log_info("%s: system calls and files confined (Landlock ABI %d)", who, abi);
        return 0;
}

int sandbox_network(const struct conf *conf, const struct store_reach *reach, struct fail *fail)
{
        char advisories[CONF_STR]; /* its folder: the file is replaced, and read again */
        struct landlock_dir dirs[3 + ELEMENTSOF(reach->files)] = { { .path = conf->state_dir, .writable = true },
                                                                   { .path = conf->ek_ca_dir },
                                                                   { .path = advisories } };
        struct room room = { .dirs = dirs, .n = 3, .reach = reach, .syscalls = syscalls_confine_network };

        (void)snprintf(advisories, sizeof(advisories), "%s", conf->tpm_advisories);
        (void)dirname(advisories);
        for (size_t i = 0; reach && i < ELEMENTSOF(reach->files); i++)
                if (reach->files[i])
                        dirs[room.n++] = (struct landlock_dir){ .path = reach->files[i], .file = true };
        return confine("the network process", strcmp(conf->sandbox, "log") == 0, &room, fail);
}

int sandbox_signer(const struct conf *conf, struct fail *fail)
{
        const struct room room = { .syscalls = syscalls_confine_signer };

        return confine("the signer", strcmp(conf->sandbox, "log") == 0, &room, fail);
}
