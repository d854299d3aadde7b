/* SPDX-License-Identifier: Apache-2.0 */
/* musterd - Muster's boot server; musterd(8). */
#include "admin.h"
#include "attest.h"
#include "ek_cas.h"
#include "ek_recheck.h"
#include "hooks.h"
#include "hooks_runner.h"
#include "isolation.h"
#include "keycache.h"
#include "listen.h"
#include "notify.h"
#include "outbox.h"
#include "rewrap.h"
#include "signer_impl.h"
#include "version.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

enum { EXIT_OK = 0, EXIT_RUNTIME = 1, EXIT_CONFIG = 2, EXIT_KEYS = 3, EXIT_STORE = 4, EXIT_LISTEN = 5,
       EXIT_SIGNER = 6, EXIT_DISK = 7 };

DEFINE_CLEANUP(struct ekca *, ekca_free)

#define DEFAULT_CONF "/etc/muster/musterd.conf"
#define TEMPLATE_MAX 16384
#define NEWS_MS 300 /* what another musterd on the same PostgreSQL changed is known this soon */
#define FLUSH_SECONDS 10 /* refusals that were folded are journalled this late at most */

static struct server server;

static int failed(int code, const struct fail *f)
{
        log_err("%s%s%s", f->what, f->next[0] ? ". Next: " : "", f->next);
        return code;
}

static void usage(void)
{
        (void)printf("Usage: musterd [--config FILE] [--debug]\n"
                     "       musterd --check-config [--config FILE]\n"
                     "       musterd --version | --help\n\n"
                     "Muster's boot server, in the foreground. See musterd(8).\n\n"
                     "  -c, --config FILE   read FILE instead of " DEFAULT_CONF "\n"
                     "      --check-config  read the configuration and the keys, and exit\n"
                     "      --foreground    accepted; the only mode\n"
                     "      --debug         log more\n"
                     "  -V, --version       show the version\n"
                     "  -h, --help          show this help\n");
}

struct args {
        const char *conf;
        bool check;
        bool debug;
};

/* -1: go on; else the exit code. */
static int parse_args(int argc, char **argv, struct args *ret)
{
        static const struct option longs[] = {
                { "config", required_argument, NULL, 'c' },  { "check-config", no_argument, NULL, 'k' },
                { "foreground", no_argument, NULL, 'f' },    { "debug", no_argument, NULL, 'd' },
                { "version", no_argument, NULL, 'V' },       { "help", no_argument, NULL, 'h' },
                { NULL, 0, NULL, 0 },
        };
        int o;

        *ret = (struct args){ .conf = DEFAULT_CONF };
        while ((o = getopt_long(argc, argv, "c:Vh", longs, NULL)) >= 0) {
                switch (o) {
                case 'c': ret->conf = optarg; break;
                case 'k': ret->check = true; break;
                case 'd': ret->debug = true; break;
                case 'f': break;
                case 'V': (void)printf("musterd %s\n", MUSTER_VERSION); return EXIT_OK;
                case 'h': usage(); return EXIT_OK;
                default: return EXIT_CONFIG;
                }
        }
        if (optind < argc) {
                (void)fprintf(stderr, "musterd: %s: musterd takes no arguments; see --help\n", argv[optind]);
                return EXIT_CONFIG;
        }
        return -1;
}

/* A file that is not as it has to be stops the start; without one no TPM is judged. */
static int check_advices(const struct conf *conf)
{
        _cleanup_(freep) struct tpm_advices *a = NULL;
        struct fail f = { 0 };
        int r = advices_read(conf->tpm_advisories, &a, &f);

        return r < 0 && r != -ENOENT ? failed(EXIT_CONFIG, &f) : EXIT_OK;
}

/* Reads and checks every key, of both processes, and what `database` says. */
static int check_keys(const struct conf *conf)
{
        _cleanup_(store_closep) struct store *store = NULL;
        _cleanup_(keys_wipe) struct keys keys = { 0 };
        _cleanup_(signer_keys_wipe) struct signer_keys signing = { 0 };
        struct fail f = { 0 };

        if (conf->database[0] && store_pg_new(conf->database, &store, &f) < 0)
                return failed(EXIT_CONFIG, &f);
        if (check_advices(conf) != EXIT_OK)
                return EXIT_CONFIG;
        if (signer_keys_load(conf->pki_dir, &signing, &f) < 0 || keys_load(conf->pki_dir, &keys, &f) < 0)
                return failed(EXIT_KEYS, &f);
        return EXIT_OK;
}

/* Directories that are read whole, as the user that will read them: what is not
 * used there keeps nothing else from being used, so it is named and no more. */
static int check_directories(const struct conf *conf, size_t *ret_unused)
{
        _cleanup_(ekca_freep) struct ekca *set = NULL;
        struct unused unused[3] = { 0 };
        struct fail f = { 0 };
        struct stat st;

        if (geteuid() == 0 && isolation_drop(conf->user, conf->group, &f) < 0)
                return failed(EXIT_CONFIG, &f);
        (void)ek_cas_read(conf->ek_ca_dir, &set, &unused[0]);
        (void)catalog_look_at_ipxe(conf, &unused[1]);
        if (stat(conf->hooks_dir, &st) == 0 && S_ISDIR(st.st_mode))
                (void)hooks_look(conf->hooks_dir, &unused[2]);
        *ret_unused = unused[0].n + unused[1].n + unused[2].n;
        return EXIT_OK;
}

/* As root: the configuration is read; keys, template and sockets follow. */
static int prepare(struct server *srv, uid_t *ret_uid)
{
        struct fail f = { 0 };
        struct signer_public public = { 0 };
        gid_t gid = 0;
        int r = isolation_ids(srv->conf.user, srv->conf.group, ret_uid, &gid, &f);

        if (r < 0)
                return failed(EXIT_CONFIG, &f);
        if (check_advices(&srv->conf) != EXIT_OK)
                return EXIT_CONFIG;
        r = hooks_start(&srv->conf, &srv->hooks, &f);
        if (r < 0)
                return failed(EXIT_RUNTIME, &f);
        r = keys_file_read(srv->conf.ipxe_template, TEMPLATE_MAX, false, &srv->ipxe_template);
        if (r < 0) {
                (void)fail_set(&f, r, "", "set ipxe-template to the muster.ipxe.in that came with musterd",
                               "cannot read %s: %s", srv->conf.ipxe_template, strerror(-r));
                return failed(EXIT_CONFIG, &f);
        }
        /* the last to be forked, so that no other process has its socket; and
         * before this one has read a key */
        r = signer_start(&srv->conf, &srv->signer, &public, &f);
        if (r < 0)
                return failed(r == -ENOKEY ? EXIT_KEYS : EXIT_SIGNER, &f);
        r = keys_load(srv->conf.pki_dir, &srv->keys, &f);
        if (keys_take_public(&srv->keys, &public) < 0 && r == 0)
                r = fail_set(&f, -EIO, "", "", "cannot name the policy key");
        if (r < 0)
                return failed(EXIT_KEYS, &f);
        r = listen_open(srv, *ret_uid, gid, &f);
        return r < 0 ? failed(EXIT_LISTEN, &f) : EXIT_OK;
}

/* Damage waits for an admin; a full disk may have room the next time. */
static int store_exit(int r)
{
        if (r == -EBADMSG || r == -EINVAL || r == -E2BIG)
                return EXIT_CONFIG;
        return r == -EUCLEAN || r == -EPROTO ? EXIT_STORE : EXIT_DISK;
}

static int open_store(struct server *srv, struct fail *fail)
{
        char db[CONF_STR];
        int r;

        if (srv->store)
                return store_pg_start(srv->store, fail);
        r = conf_path(srv->conf.state_dir, "muster.db", db, sizeof(db));
        return r < 0 ? r : store_sqlite_open(db, &srv->store, fail);
}

/* PostgreSQL's addresses are looked up before, and only what leads there stays open. */
static int enter_sandbox(struct server *srv)
{
        struct store_reach reach = { 0 };
        struct fail f = { 0 };
        int r = 0;

        if (srv->conf.database[0]) {
                r = store_pg_new(srv->conf.database, &srv->store, &f);
                if (r == 0)
                        r = store_pg_reach(srv->store, &reach);
                if (r < 0)
                        return failed(store_exit(r), &f);
        }
        r = sandbox_network(&srv->conf, srv->store ? &reach : NULL, &f);
        return r < 0 ? failed(EXIT_RUNTIME, &f) : EXIT_OK;
}

static int start(struct server *srv)
{
        struct fail f = { 0 };
        int r = open_store(srv, &f);

        if (r == 0)
                backup_clean(srv->conf.state_dir);
        if (r == 0 && srv->keys.store_previous)
                r = rewrap_images(srv->store, srv->signer, &f);
        if (r == 0)
                r = catalog_open(&srv->conf, srv->store, &srv->catalog, &f);
        if (r < 0)
                return failed(store_exit(r), &f);
        r = ek_cas_new(srv->conf.ek_ca_dir, &srv->ek_cas);
        if (r == 0)
                r = keycache_new(&srv->keycache);
        if (r == 0)
                (void)ek_cas_reload(srv->ek_cas);
        if (r == 0)
                r = waiters_start(srv->conf.pending_limit < srv->conf.max_connections / 4 ? srv->conf.pending_limit
                                                                                          : srv->conf.max_connections / 4,
                                  &srv->waiters);
        if (r == 0)
                r = release_outbox(srv);
        if (r == 0)
                r = guard_start(&srv->conf, &srv->metrics, &srv->guard);
        if (r < 0) {
                (void)fail_set(&f, r, "", "", "cannot start: %s", strerror(-r));
                return failed(EXIT_RUNTIME, &f);
        }
        srv->started = server_now();
        ek_recheck_start(srv, false);
        r = listen_start(srv, &f);
        keys_forget_server(&srv->keys);
        return r < 0 ? failed(EXIT_LISTEN, &f) : EXIT_OK;
}

static void reload(struct server *srv)
{
        struct unused cas = { 0 };
        struct unused binaries = { 0 };
        int r = ek_cas_reload(srv->ek_cas);
        int ipxe = catalog_reload_ipxe(srv->catalog);
        int advices = catalog_reload_advices(srv->catalog);
        size_t n = ek_cas_now(srv->ek_cas, &cas);

        catalog_ipxe_unused(srv->catalog, &binaries);
        log_info("reloaded: %zu EK CA certificates%s, %d iPXE binaries%s, %d TPM advisories%s; %zu files are not used%s", n,
                 r < 0 ? " as before" : "", ipxe < 0 ? 0 : ipxe, ipxe < 0 ? " (their directory cannot be read)" : "",
                 advices < 0 ? 0 : advices, advices < 0 ? " read anew, those of before stay" : "", cas.n + binaries.n,
                 cas.n + binaries.n > 0 ? ", named in the lines before and by `muster status`" : "");
        ek_recheck_start(srv, true);
}

/* With SQLite nobody else changes anything. */
static int next_signal(struct server *srv, const sigset_t *signals, const struct timespec *tick)
{
        const struct timespec often = { .tv_nsec = NEWS_MS * 1000000L };

        if (!srv->conf.database[0])
                return sigtimedwait(signals, NULL, tick);
        for (time_t i = 0; i < tick->tv_sec * 1000 / NEWS_MS; i++) {
                int sig = sigtimedwait(signals, NULL, &often);

                catalog_follow(srv->catalog);
                if (sig > 0)
                        return sig;
        }
        return -1;
}

static int serve(struct server *srv, const sigset_t *signals)
{
        unsigned alive = notify_interval();
        struct timespec tick = { .tv_sec = alive < FLUSH_SECONDS ? alive : FLUSH_SECONDS };
        char how[64];

        notify("READY=1");
        log_info("ready version=%s boot=%s attest=%s admin=%s", MUSTER_VERSION, srv->conf.boot_listen,
                 srv->conf.attest_listen, srv->conf.admin_socket);
        for (;;) {
                int sig = next_signal(srv, signals, &tick);

                refuse_flush(srv, false);
                pending_expire(srv);
                if (sig == SIGHUP)
                        reload(srv);
                else if (sig == SIGTERM || sig == SIGINT)
                        break;
                if (sig == SIGCHLD && signer_ended(srv->signer, how)) {
                        log_err("the signing process is gone (%s), so nothing can be released. Next: start musterd again "
                                "(systemd does); if it goes again, see its last lines in the log", how);
                        return EXIT_SIGNER;
                }
                if (atomic_load(&srv->store->unsure)) {
                        log_err("a sync failed, so what is on disk is not known: stopping, to write it again at the next start. "
                                "Next: check the disk that holds %s", srv->conf.state_dir);
                        return EXIT_DISK;
                }
                notify_alive(srv);
        }
        notify("STOPPING=1");
        return EXIT_OK;
}

static void stop(struct server *srv)
{
        listen_stop(srv);
        ek_recheck_stop(srv);
        if (srv->store)
                refuse_flush(srv, true);
        guard_free(srv->guard);
        hooks_stop(srv->hooks);
        waiters_free(srv->waiters);
        outbox_free(srv->outbox);
        ek_cas_free(srv->ek_cas);
        keycache_free(srv->keycache);
        catalog_free(srv->catalog);
        store_close(srv->store);
        signer_stop(srv->signer);
        keys_wipe(&srv->keys);
        buf_wipe(&srv->ipxe_template);
}

static int check_config(const struct args *args, const struct conf *conf)
{
        size_t unused = 0;
        int r = check_keys(conf);

        if (r == EXIT_OK)
                r = check_directories(conf, &unused);
        if (r == EXIT_OK && unused > 0)
                log_warn("%s and the keys in %s are in order, but %zu files would not be used: see the lines before", args->conf,
                         conf->pki_dir, unused);
        else if (r == EXIT_OK)
                log_info("%s and the keys in %s are in order", args->conf, conf->pki_dir);
        return r;
}

int main(int argc, char **argv)
{
        struct server *srv = &server;
        struct fail f = { 0 };
        sigset_t signals;
        struct args args;
        uid_t uid = 0;
        int r = parse_args(argc, argv, &args);

        if (r >= 0)
                return r;
        log_init("musterd", args.debug ? LOG_LVL_DEBUG : LOG_LVL_INFO);
        if (isolation_early() < 0)
                log_warn("cannot turn core dumps off: %s", strerror(errno));
        /* before any thread, so that all inherit it */
        (void)sigemptyset(&signals);
        (void)sigaddset(&signals, SIGTERM);
        (void)sigaddset(&signals, SIGINT);
        (void)sigaddset(&signals, SIGHUP);
        (void)sigaddset(&signals, SIGCHLD);
        (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
        for (int i = 0; i < LISTENERS; i++)
                srv->fd[i] = -1;
        if (conf_load(args.conf, &srv->conf, &f) < 0)
                return failed(EXIT_CONFIG, &f);
        if (args.check) {
                return check_config(&args, &srv->conf);
        }
        r = prepare(srv, &uid);
        notify_open();
        if (r == EXIT_OK && isolation_drop(srv->conf.user, srv->conf.group, &f) < 0)
                r = failed(EXIT_RUNTIME, &f);
        if (r == EXIT_OK)
                r = enter_sandbox(srv);
        if (r == EXIT_OK)
                r = start(srv);
        if (r == EXIT_OK)
                r = serve(srv, &signals);
        stop(srv);
        if (r == EXIT_OK)
                log_info("stopped");
        return r;
}
