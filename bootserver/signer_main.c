/* SPDX-License-Identifier: Apache-2.0 */
/* The signing process: a child of musterd, forked before anything else.
 *
 *   1. as root: memory locked, keys read into OpenSSL's secure heap
 *   2. the configured user and group, no capabilities, no new privileges,
 *      not dumpable (so nobody but root may trace it or read its memory, its
 *      twin of the same user included)
 *   3. one of each signature made: keys work, first-use set-up is done
 *   4. limits, then sandbox_signer(): no file, no socket, no process
 *   5. "hello", then signer_loop() until the socket is closed, by musterd or
 *      by its death. PR_SET_PDEATHSIG comes on top; where Landlock confines
 *      the network process's signals (ABI 6) the kernel does not send it.
 *
 * No RLIMIT_FSIZE: the log may be a file, and nothing can be opened. */
#include "hex.h"
#include "isolation.h"
#include "logquote.h"
#include "quote.h"
#include "signer_impl.h"
#include "sshcert.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define HEAP 65536
#define HEAP_LEAST 32
#define LOCK_LEAST ((rlim_t)48 << 20)
#define DAY 86400u

static const char *const op_names[SIGNER_OPS] = {
        [SIGNER_RELEASE] = "release", [SIGNER_CHALLENGE] = "challenge", [SIGNER_ACTIVATE] = "ak-token",
        [SIGNER_REWRAP] = "rewrapped-key", [SIGNER_TLS] = "tls-certificate", [SIGNER_SSH] = "ssh-certificate",
        [SIGNER_WRAP] = "wrapped-key",
};

static const char *name_of(const union signer_request *q)
{
        switch (q->head.op) {
        case SIGNER_TLS:
                return q->tls.name;
        case SIGNER_SSH:
                return q->ssh.name;
        case SIGNER_WRAP:
                return q->wrap.name;
        case SIGNER_REWRAP:
                return q->rewrap.name;
        default:
                return q->release.name;
        }
}

/* What strangers cause, and what an AK without a token is sent away with, is
 * counted and judged by the network process: no line for each. */
static bool is_quiet(const union signer_request *q, int error)
{
        return (q->head.op == SIGNER_CHALLENGE && error == 0) ||
               (q->head.op == SIGNER_ACTIVATE && (error == 0 || error == -EKEYREJECTED)) ||
               (q->head.op == SIGNER_RELEASE && error == -EACCES);
}

/* Every signature is a line and a number, whatever the network process
 * makes of it: an auditor compares them with the journal. */
static void note(const struct signing *s, const union signer_request *q, const union signer_answer *a)
{
        bool named = q->head.op != SIGNER_CHALLENGE && q->head.op != SIGNER_ACTIVATE;
        char node[HEX_LEN(DIGEST_LEN)];
        char text[SIGNER_NAME + 1];
        char shown[4 * SIGNER_NAME + 3];
        char what[sizeof(shown) + 56] = "";
        struct quote quote;

        if (is_quiet(q, a->done.error))
                return;
        hex_encode(q->head.node, DIGEST_LEN, node);
        if (named) { /* quoted: a refused name may be anything, other fields too */
                (void)snprintf(text, sizeof(text), "%.*s", SIGNER_NAME, name_of(q));
                (void)snprintf(what, sizeof(what), " %s=%s",
                               q->head.op == SIGNER_TLS || q->head.op == SIGNER_SSH ? "name" : "image",
                               log_value(text, shown, sizeof(shown)));
        }
        if (q->head.op == SIGNER_RELEASE && q->release.quote_len <= sizeof(q->release.quote) &&
            quote_parse(q->release.quote, q->release.quote_len, &quote) == QUOTE_OK)
                (void)snprintf(what + strlen(what), sizeof(what) - strlen(what), " reset_count=%u restart_count=%u",
                               quote.reset_count, quote.restart_count);
        if (a->done.error < 0)
                log_warn("node=%s refused=%s%s: %s total=%llu", node, op_names[q->head.op], what, strerror(-a->done.error),
                         (unsigned long long)s->refused);
        else
                log_info("node=%s made=%s%s total=%llu", node, op_names[q->head.op], what,
                         (unsigned long long)s->done[q->head.op]);
}

static int64_t uptime(void)
{
        struct timespec t = { 0, 0 };

        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        return t.tv_sec;
}

int signer_loop(struct signing *s, int fd)
{
        for (;;) {
                union signer_request q;
                union signer_answer a;
                size_t len = 0;
                ssize_t n = recv(fd, &q, sizeof(q), MSG_TRUNC);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return 0;
                s->uptime = uptime();
                r = signer_answer(s, (int64_t)time(NULL), &q, (size_t)n, &a, &len); /* n: of the packet, not of what fits */
                if (r == 0) {
                        note(s, &q, &a);
                        if (send(fd, &a, len, MSG_NOSIGNAL) < 0)
                                r = -errno;
                }
                wipe(&q, sizeof(q));
                wipe(&a, sizeof(a));
                if (r < 0)
                        return r == -EPIPE || r == -ECONNRESET ? 0 : r;
        }
}

/* Standard error and the socket, as 3, and no other descriptor. */
static int only_fds(int *fd)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || (*fd != 3 && dup3(*fd, 3, O_CLOEXEC) < 0))
                return -errno;
        *fd = 3;
        return close_range(4, ~0u, 0) < 0 ? -errno : 0;
}

static int drop(const struct conf *conf, pid_t parent, struct fail *f)
{
        int r = isolation_drop(conf->user, conf->group, f);

        if (r < 0)
                return r;
        /* after the change of ids, which clears it; then: is it too late already? */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                return fail_set(f, -errno, "", "", "the signing process cannot ask to end with musterd: %s", strerror(errno));
        if (getppid() != parent)
                return fail_set(f, -ESRCH, "", "", "musterd died while the signing process started");
        return 0;
}

static int confine(const struct conf *conf, struct fail *f)
{
        const struct { int what; rlim_t to; } limits[] = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 8 }, { RLIMIT_NPROC, 0 } };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                struct rlimit l = { limits[i].to, limits[i].to };

                if (setrlimit((__rlimit_resource_t)limits[i].what, &l) < 0)
                        return fail_set(f, -errno, "", "", "cannot limit the signing process: %s", strerror(errno));
        }
        return sandbox_signer(conf, f);
}

/* The keys' heap is locked of itself, within the usual limit. This is for
 * what passes over the stack; it is not tried where it would make later
 * allocations fail. */
static void lock_memory(void)
{
        struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };

        (void)setrlimit(RLIMIT_MEMLOCK, &l); /* as root */
        if (getrlimit(RLIMIT_MEMLOCK, &l) < 0 || l.rlim_cur < LOCK_LEAST ||
            mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
                log_debug("only the heap of the keys is locked, not all memory: LimitMEMLOCK is low");
}

static int set_up(struct signing *s, const struct conf *conf, pid_t parent, struct fail *f)
{
        int r;

        lock_memory();
        if (CRYPTO_secure_malloc_init(HEAP, HEAP_LEAST) == 0)
                return fail_set(f, -ENOMEM, "", "raise LimitMEMLOCK", "no locked memory for the keys");
        if (signer_keys_load(conf->pki_dir, &s->keys, f) < 0)
                return -ENOKEY;
        s->life_max = conf->cert_days * DAY;
        memcpy(s->domain, conf->domain, sizeof(s->domain));
        s->addresses = strcmp(conf->cert_addresses, "yes") == 0;
        r = drop(conf, parent, f);
        if (r < 0)
                return r;
        r = signer_self_test(s, (int64_t)time(NULL));
        if (r < 0)
                return fail_set(f, r, "", "check the machine's memory and OpenSSL", "a trial signature fails: %s", strerror(-r));
        return confine(conf, f);
}

static int hello(const struct signing *s, int fd, int error, const struct fail *f)
{
        struct signer_hello h = { .magic = SIGNER_MAGIC, .error = error, .policy = { 4 } };

        if (error == 0 && (pki_p256_xy(s->keys.policy, h.policy + 1, h.policy + 1 + PKI_RAW_LEN) < 0 ||
                           ssh_public_from_pkey(s->keys.ssh_ca, h.ssh_ca) < 0))
                h.error = -EIO;
        if (error == 0 && s->keys.policy_previous) {
                h.previous[0] = 4;
                if (pki_p256_xy(s->keys.policy_previous, h.previous + 1, h.previous + 1 + PKI_RAW_LEN) < 0)
                        h.error = -EIO;
        }
        h.store_previous = error == 0 && s->keys.store_previous;
        (void)snprintf(h.what, sizeof(h.what), "%s", f->what);
        (void)snprintf(h.next, sizeof(h.next), "%s", f->next);
        return send(fd, &h, sizeof(h), MSG_NOSIGNAL) == (ssize_t)sizeof(h) ? h.error : -errno;
}

void signer_main(const struct conf *conf, int fd, pid_t parent)
{
        struct signing s = { 0 };
        struct fail f = { 0 };
        int r = only_fds(&fd);

        (void)prctl(PR_SET_NAME, "musterd-signer", 0, 0, 0);
        log_name("musterd-signer");
        if (r < 0)
                (void)fail_set(&f, r, "", "", "the signing process cannot close what it inherited: %s", strerror(-r));
        else
                r = set_up(&s, conf, parent, &f);
        r = hello(&s, fd, r, &f);
        if (r == 0)
                r = signer_loop(&s, fd);
        if (r == -EBADMSG)
                log_err("a request that no musterd sends: the network process is not to be trusted any more. "
                        "Next: look at what reached its ports, and tell the authors");
        signer_keys_wipe(&s.keys);
        _exit(r < 0);
}
