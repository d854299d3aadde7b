/* SPDX-License-Identifier: Apache-2.0 */
#include "listen.h"

#include "ahead.h"
#include "distrust.h"
#include "outbox.h"
#include "serve.h"
#include "tls_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define CONN_MEMORY ((size_t)8192)
#define CONN_MEMORY_ATTEST ((size_t)3072) /* a node has few headers, and stays while its TPM stores the keys */
#define ADMIN_CONNECTIONS 64
#define OTHER_FILES 256 /* store, keys, hooks, polling */
#define BOOT_NICE 10    /* beyond what musterd has: attests go first when there is not CPU for all */

static struct listener_ctx contexts[LISTENERS];

static int open_tcp(const char *address, unsigned backlog, int *ret, struct fail *fail)
{
        _cleanup_(closep) int fd = -1;
        struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
        struct sockaddr_in four = { .sin_family = AF_INET };
        struct endpoint e;
        int one = 1;
        int r = endpoint_parse(address, &e);

        if (r < 0)
                return fail_set(fail, r, "", "correct it in musterd.conf", "%s is no address to listen on", address);
        six.sin6_port = four.sin_port = htons(e.port);
        (void)inet_pton(AF_INET6, e.host, &six.sin6_addr);
        (void)inet_pton(AF_INET, e.host, &four.sin_addr);
        fd = socket(e.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
            bind(fd, e.v6 ? (struct sockaddr *)&six : (struct sockaddr *)&four, e.v6 ? sizeof(six) : sizeof(four)) < 0 ||
            listen(fd, (int)backlog) < 0)
                return fail_set(fail, -errno, "", errno == EADDRINUSE ? "stop the program that has it, or set another port"
                                                                     : "check the address in musterd.conf",
                                "cannot listen on %s: %s", address, strerror(errno));
        *ret = fd;
        fd = -1;
        return 0;
}

/* A socket left by a musterd that died is removed; a live one is not. */
static int remove_stale(const struct sockaddr_un *sun, struct fail *fail)
{
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct stat st;

        if (lstat(sun->sun_path, &st) < 0)
                return 0;
        if (!S_ISSOCK(st.st_mode))
                return fail_set(fail, -EEXIST, "", "move it away", "%s is there and is no socket", sun->sun_path);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0)
                return fail_set(fail, -EADDRINUSE, "", "stop it first", "another musterd answers on %s", sun->sun_path);
        if (unlink(sun->sun_path) < 0)
                return fail_set(fail, -errno, "", "remove it", "cannot remove the old socket %s: %s", sun->sun_path,
                                strerror(errno));
        return 0;
}

static int make_parent_dir(const char *path)
{
        char dir[108];
        char *slash;

        (void)snprintf(dir, sizeof(dir), "%s", path);
        slash = strrchr(dir, '/');
        if (!slash || slash == dir)
                return 0;
        *slash = '\0';
        if (mkdir(dir, 0755) < 0)
                return errno == EEXIST ? 0 : -errno; /* whose it is, and who may enter, is the admin's choice */
        return chmod(dir, 0755) < 0 ? -errno : 0;
}

/* The socket is root's and of the group `gid`, without CAP_CHOWN. */
static int bind_as(int fd, const struct sockaddr_un *sun, gid_t gid)
{
        bool root = geteuid() == 0;
        int r;

        if (root && setegid(gid) < 0)
                return -errno;
        r = bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 ? -errno : 0;
        if (root && setegid(getgid()) < 0)
                return -errno;
        return r;
}

static int open_admin(const char *path, gid_t gid, int *ret, struct fail *fail)
{
        _cleanup_(closep) int fd = -1;
        struct sockaddr_un sun = { .sun_family = AF_UNIX };
        int r = remove_stale((snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path), &sun), fail);

        if (r < 0)
                return r;
        (void)make_parent_dir(path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        r = fd < 0 ? -errno : bind_as(fd, &sun, gid);
        if (r == 0 && (chmod(path, 0660) < 0 || listen(fd, ADMIN_CONNECTIONS) < 0))
                r = -errno;
        if (r < 0)
                return fail_set(fail, r, "", "check admin-socket and who owns its directory", "cannot listen on %s: %s",
                                path, strerror(-r));
        *ret = fd;
        fd = -1;
        return 0;
}

/* Connections that were told to end are open until their thread sees it. */
static unsigned slots(unsigned connections, unsigned threads)
{
        return connections + connections / 8 + 16 * threads;
}

/* One for each attest connection; one of the boot listener may have a file too. */
static rlim_t files(const struct conf *c)
{
        return (rlim_t)slots(c->max_connections, c->threads) + 2 * (rlim_t)slots(c->boot_connections, c->threads) +
               ADMIN_CONNECTIONS + 8 * c->threads + OTHER_FILES;
}

/* A node waits for a place at the boot listener, whose connections are short:
 * it gives way first, to a quarter of the attest listener's. */
static int open_files(struct conf *c, struct fail *fail)
{
        struct rlimit l;
        unsigned asked = c->max_connections;
        rlim_t need;

        c->boot_connections = c->max_connections;
        need = files(c);
        if (getrlimit(RLIMIT_NOFILE, &l) < 0)
                return 0;
        if (l.rlim_cur < need && l.rlim_max >= need)
                l.rlim_cur = need;
        else if (l.rlim_cur < need)
                l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
        while (l.rlim_cur < files(c)) {
                unsigned *less = c->boot_connections > c->max_connections / 4 ? &c->boot_connections : &c->max_connections;

                *less -= *less / 16 + 1;
                if (*less < c->threads || *less > asked)
                        return fail_set(fail, -EMFILE, "", "raise the open files limit (LimitNOFILE), or lower threads",
                                        "%u threads cannot serve with %llu open files", c->threads,
                                        (unsigned long long)l.rlim_cur);
        }
        if (c->max_connections < asked)
                log_warn("max-connections is %u, not %u, and on the boot listener %u: the open files limit is %llu. Next: raise "
                         "it (LimitNOFILE) to %llu",
                         c->max_connections, asked, c->boot_connections, (unsigned long long)l.rlim_cur,
                         (unsigned long long)need);
        else if (c->boot_connections < asked)
                log_info("max-connections is %u on the boot listener, not %u: the open files limit is %llu. Next: if that is too "
                         "few, raise it (LimitNOFILE) to %llu",
                         c->boot_connections, asked, (unsigned long long)l.rlim_cur, (unsigned long long)need);
        return 0;
}

/* The kernel cuts a backlog down to this; what does not fit comes again
 * after a second. */
static void look_at_backlog(const struct conf *c)
{
        char text[24] = "";
        FILE *in = fopen("/proc/sys/net/core/somaxconn", "re");
        unsigned long most = in && fgets(text, sizeof(text), in) ? strtoul(text, NULL, 10) : 0;

        if (most > 0 && most < c->boot_connections)
                log_info("net.core.somaxconn is %lu: of more nodes that connect within milliseconds some come a second later. "
                         "Next: if this parent has more, sysctl net.core.somaxconn=%u", most, c->max_connections);
        if (in)
                (void)fclose(in);
}

int listen_open(struct server *srv, uid_t uid, gid_t gid, struct fail *fail)
{
        int r;

        (void)uid;
        for (int i = 0; i < LISTENERS; i++)
                srv->fd[i] = -1;
        r = open_files(&srv->conf, fail);
        look_at_backlog(&srv->conf);
        if (r == 0)
                r = open_tcp(srv->conf.boot_listen, srv->conf.boot_connections, &srv->fd[L_BOOT], fail);
        if (r == 0)
                r = open_tcp(srv->conf.attest_listen, srv->conf.max_connections, &srv->fd[L_ATTEST], fail);
        if (r == 0)
                r = open_admin(srv->conf.admin_socket, gid, &srv->fd[L_ADMIN], fail);
        return r;
}

static void on_mhd_log(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_mhd_log(void *cls, const char *fmt, va_list ap)
{
        char text[300];

        (void)cls;
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        text[strcspn(text, "\n")] = '\0';
        log_debug("http: %s", text);
}

static unsigned limit_of(const struct conf *c, enum listener l)
{
        return slots(l == L_BOOT ? c->boot_connections : c->max_connections, c->threads);
}

static struct MHD_Daemon *start_one(struct server *srv, enum listener l)
{
        const struct conf *c = &srv->conf;
        unsigned flags = MHD_USE_ERROR_LOG | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL;
        unsigned threads = l == L_ADMIN || c->threads < 2 ? 0 : c->threads;
        unsigned limit = l == L_ADMIN ? ADMIN_CONNECTIONS : limit_of(c, l);
        struct MHD_OptionItem tls[] = {
                { MHD_OPTION_HTTPS_MEM_KEY, 0, srv->keys.server_key.p },
                { MHD_OPTION_HTTPS_MEM_CERT, 0, srv->keys.server_pem.p },
                { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
                { MHD_OPTION_END, 0, NULL },
        };
        struct MHD_OptionItem rest[] = {
                { MHD_OPTION_CONNECTION_LIMIT, (intptr_t)limit, NULL },
                /* guard.c's own come first, and are counted */
                { MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)c->timeout + 5, NULL },
                { MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)(l == L_ATTEST ? CONN_MEMORY_ATTEST : CONN_MEMORY), NULL },
                { MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL }, /* head.h says what that leaves */
                { l == L_ATTEST ? MHD_OPTION_STRICT_FOR_CLIENT : MHD_OPTION_LISTEN_SOCKET, l == L_ATTEST ? 1 : srv->fd[l], NULL },
                { threads ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL },
                { MHD_OPTION_END, 0, NULL },
        };

        contexts[l] = (struct listener_ctx){ srv, l };
        if (l == L_ATTEST)
                flags |= MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET; /* door.c's */
        return MHD_start_daemon(flags, 0, l == L_BOOT ? serve_accept : NULL, &contexts[l], serve_request, &contexts[l],
                                MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
                                MHD_OPTION_URI_LOG_CALLBACK, serve_target, &contexts[l],
                                MHD_OPTION_UNESCAPE_CALLBACK, serve_unescape, &contexts[l],
                                MHD_OPTION_NOTIFY_COMPLETED, serve_completed, &contexts[l],
                                MHD_OPTION_NOTIFY_CONNECTION, serve_connection, &contexts[l],
                                MHD_OPTION_ARRAY, rest, MHD_OPTION_ARRAY, l == L_ATTEST ? tls : tls + 3, MHD_OPTION_END);
}

struct start {
        struct server *srv;
        enum listener l;
        struct MHD_Daemon *ret;
};

static void *start_nicely(void *arg)
{
        struct start *s = arg;

        errno = 0;
        if (nice(BOOT_NICE) == -1 && errno != 0)
                log_warn("images are served at the priority of attestations: %s", strerror(errno));
        s->ret = start_one(s->srv, s->l);
        return NULL;
}

/* The boot listener's threads are begun by one of a lower priority, which
 * they inherit and it cannot have back: so it is a thread of its own. */
static struct MHD_Daemon *start_boot(struct server *srv)
{
        struct start s = { srv, L_BOOT, NULL };
        pthread_t t;

        if (pthread_create(&t, NULL, start_nicely, &s) != 0)
                return NULL;
        (void)pthread_join(t, NULL);
        return s.ret;
}

int listen_start(struct server *srv, struct fail *fail)
{
        const char *const names[LISTENERS] = { srv->conf.boot_listen, srv->conf.attest_listen, srv->conf.admin_socket };
        int r = ahead_open((size_t)files(&srv->conf));

        if (r < 0)
                return fail_set(fail, r, "", "", "cannot serve files: %s", strerror(-r));
        distrust_watch();
        for (int i = 0; i < LISTENERS; i++) {
                srv->daemon[i] = i == L_BOOT ? start_boot(srv) : start_one(srv, (enum listener)i);
                if (!srv->daemon[i])
                        return fail_set(fail, -EIO, "",
                                        "check the open files limit (LimitNOFILE), max-connections and the server's key pair",
                                        "cannot serve on %s", names[i]);
        }
        r = door_open(srv, limit_of(&srv->conf, L_ATTEST), &srv->door);
        return r < 0 ? fail_set(fail, r, "", "", "cannot serve on %s: %s", names[L_ATTEST], strerror(-r)) : 0;
}

void listen_stop(struct server *srv)
{
        struct timespec grace = { 0, 100000000 }; /* for held requests to get their answer */
        bool held = srv->waiters && waiters_count(srv->waiters) > 0;

        if (srv->waiters)
                waiters_stop(srv->waiters);
        if (srv->outbox && outbox_stop(srv->outbox) > 0)
                held = true;
        if (held)
                (void)nanosleep(&grace, NULL);
        if (srv->door)
                door_shut(srv->door);
        for (int i = 0; i < LISTENERS; i++) {
                if (srv->daemon[i])
                        MHD_stop_daemon(srv->daemon[i]);
                if (srv->fd[i] >= 0 && (!srv->daemon[i] || i == L_ATTEST))
                        (void)close(srv->fd[i]);
                srv->daemon[i] = NULL;
                srv->fd[i] = -1;
        }
        if (srv->door)
                door_free(srv->door);
        srv->door = NULL;
        ahead_close();
}
