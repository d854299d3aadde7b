/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 4 of isolation.h. */
#include "isolation.h"

#include "landlock.h"
#include "syscalls.h"

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

static int confine(const char *who, bool log_only, const struct landlock_dir *dirs, size_t n,
                   int (*syscalls)(bool log_only), struct fail *fail)
{
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
                abi = landlock_confine(dirs, n);
        if (abi < 0)
                return fail_set(fail, abi, "", "set sandbox = log in musterd.conf until it is found out why",
                                "%s: cannot confine itself to its files (Landlock): %s", who, strerror(-abi));
        r = syscalls(log_only);
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

int sandbox_network(const struct conf *conf, struct fail *fail)
{
        const struct landlock_dir dirs[] = { { conf->state_dir, true }, { conf->ek_ca_dir, false } };

        return confine("the network process", strcmp(conf->sandbox, "log") == 0, dirs, ELEMENTSOF(dirs), syscalls_confine_network, fail);
}

int sandbox_signer(const struct conf *conf, struct fail *fail)
{
        return confine("the signer", strcmp(conf->sandbox, "log") == 0, NULL, 0, syscalls_confine_signer, fail);
}
