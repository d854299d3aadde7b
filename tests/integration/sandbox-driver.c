/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox-driver WHO STATE EK-CA DIR ACTION: gives up what WHO does (network,
 * signer, client, or control: nothing) with the programs' own functions, then
 * tries ACTION. DIR is elsewhere. Prints `done`, or `refused: ERRNO`;
 * or is killed. */
#include "../../initramfs/sandbox.h"
#include "isolation.h"
#include "store.h"

#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct conf conf;
static char elsewhere[400];
static char passfile[420];
static int spare = -1; /* a TCP socket, made before */
static pid_t other;    /* a process that is not ours to touch */

static int opens(const char *dir, const char *name, int flags)
{
        char path[700];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        fd = open(path, flags | O_CLOEXEC, 0600);
        if (fd < 0)
                return -1;
        return close(fd);
}

static int removes(const char *dir, const char *name)
{
        char path[700];

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        return unlink(path);
}

static int state_file(void)
{
        return opens(conf.state_dir, "new", O_RDWR | O_CREAT) < 0 ? -1 : removes(conf.state_dir, "new");
}
static int state_mkdir(void)
{
        char path[700];

        (void)snprintf(path, sizeof(path), "%s/dir", conf.state_dir);
        return mkdir(path, 0700);
}
static int state_rename_dir(void)
{
        char from[700];
        char to[700];

        (void)snprintf(from, sizeof(from), "%s/boot", conf.state_dir);
        (void)snprintf(to, sizeof(to), "%s/boot2", conf.state_dir);
        return rename(from, to);
}
static int ekca_read(void) { return opens(conf.ek_ca_dir, "ca.pem", O_RDONLY); }
static int ekca_write(void) { return opens(conf.ek_ca_dir, "ca.pem", O_WRONLY); }
static int elsewhere_read(void) { return opens(elsewhere, "file", O_RDONLY); }
static int elsewhere_write(void) { return opens(elsewhere, "file", O_WRONLY); }
static int elsewhere_make(void) { return opens(elsewhere, "made", O_WRONLY | O_CREAT); }
static int elsewhere_unlink(void) { return removes(elsewhere, "victim"); }
static int passwd_read(void) { return opens("/etc", "passwd", O_RDONLY); }
static int proc_read(void) { return opens("/proc/self", "maps", O_RDONLY); }
static int run_program(void) { return execl("/bin/echo", "echo", "done", (char *)NULL); }
static int fork_it(void)
{
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

        if (pid == 0)
                _exit(0);
        return pid < 0 || waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}
static void *nothing(void *arg) { return arg; }
static int make_thread(void)
{
        pthread_t t;
        int r = pthread_create(&t, NULL, nothing, NULL);

        errno = r;
        return r ? -1 : pthread_join(t, NULL);
}
static int user_namespace(void) { return unshare(CLONE_NEWUSER); }
static int trace(void) { return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL); }
static int become_root(void) { return setresuid(getuid(), getuid(), getuid()); }
static int any_socket(int family, int type)
{
        int fd = socket(family, type, 0);

        return fd < 0 ? -1 : close(fd);
}
static int pass_read(void)
{
        int fd = open(passfile, O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -1 : close(fd);
}
static int socket_stream(void) { return any_socket(AF_UNIX, SOCK_STREAM); }
static int socket_unix(void) { return any_socket(AF_UNIX, SOCK_DGRAM); }
static int socket_inet(void) { return any_socket(AF_INET, SOCK_STREAM); }
static int socket_netlink(void) { return any_socket(AF_NETLINK, SOCK_RAW); }
static int bind_port(void)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

        return bind(spare, (struct sockaddr *)&in, sizeof(in));
}
static int connect_out(void)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int r = connect(spare, (struct sockaddr *)&in, sizeof(in));

        return r < 0 && errno == ECONNREFUSED ? 0 : r; /* it was let try */
}
static int map_exec(void)
{
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}
static int make_exec(void)
{
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return p == MAP_FAILED ? -2 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static int kill_other(void) { return kill(other, SIGTERM); }
static int kill_self(void) { return kill(getpid(), 0); }
static int type_ahead(void)
{
        int r = ioctl(0, TIOCSTI, "x");

        return r < 0 && errno == ENOTTY ? 0 : r; /* it got as far as the driver */
}
static int dumpable(void) { return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }
static int uring(void)
{
        char params[256] = { 0 };
        int fd = (int)syscall(425, 4, params);

        return fd < 0 ? -1 : close(fd);
}
static int memfd(void) { return (int)syscall(SYS_memfd_create, "x", 0) < 0 ? -1 : 0; }
static int limits(void)
{
        return (int)syscall(SYS_prlimit64, 0, 7, &(uint64_t[2]){ 64, 64 }, NULL);
}
static int step_back(void)
{
        return setpriority(PRIO_PROCESS, 0, 5);
}
static int step_back_by_id(void)
{
        return setpriority(PRIO_PROCESS, (id_t)getpid(), 5);
}
static int random_bytes(void)
{
        char b[16];

        return getrandom(b, sizeof(b), 0) == (ssize_t)sizeof(b) ? 0 : -1;
}
static int no_environment(void)
{
        return getenv("PATH") ? -2 : 0;
}
static int inherited(void) { return fcntl(77, F_GETFD) < 0 ? -1 : 0; }
static int own_mount(void)
{
        return mount("none", elsewhere, "tmpfs", 0, NULL) < 0 ? -1 : umount(elsewhere);
}
static int overlay(void)
{
        char opts[2000];

        (void)snprintf(opts, sizeof(opts), "lowerdir=%s/lo,upperdir=%s/rw/up,workdir=%s/rw/wk", elsewhere, elsewhere, elsewhere);
        (void)strcat(elsewhere, "/root");
        return mount("o", elsewhere, "overlay", 0, opts);
}
static int load_module(void) { return (int)syscall(SYS_finit_module, -1, "", 0); }
static int capabilities(void)
{
        char line[200];
        FILE *f = fopen("/proc/self/status", "re");

        while (f && fgets(line, sizeof(line), f))
                if (strncmp(line, "Cap", 3) == 0)
                        (void)dprintf(1, "%.3s=%.16s ", line + 3, line + 8);
        return f ? fclose(f) : -1;
}
static int foreign_abi(void)
{
#ifdef __x86_64__
        return (int)syscall(0x40000000 + 39) < 0 ? -1 : 0;
#else
        return -2;
#endif
}

static const struct {
        const char *name;
        int (*run)(void);
} actions[] = {
        { "state-file", state_file }, { "state-mkdir", state_mkdir }, { "state-rename-dir", state_rename_dir },
        { "ekca-read", ekca_read }, { "ekca-write", ekca_write }, { "elsewhere-read", elsewhere_read },
        { "elsewhere-write", elsewhere_write }, { "elsewhere-make", elsewhere_make },
        { "elsewhere-unlink", elsewhere_unlink }, { "passwd-read", passwd_read }, { "proc-read", proc_read },
        { "exec", run_program }, { "fork", fork_it }, { "thread", make_thread }, { "userns", user_namespace },
        { "ptrace", trace }, { "setuid", become_root }, { "socket-unix", socket_unix }, { "socket-inet", socket_inet },
        { "socket-stream", socket_stream }, { "pass-read", pass_read },
        { "socket-netlink", socket_netlink }, { "bind", bind_port }, { "connect", connect_out },
        { "map-exec", map_exec }, { "mprotect-exec", make_exec }, { "kill-other", kill_other },
        { "kill-self", kill_self }, { "tiocsti", type_ahead }, { "dumpable", dumpable }, { "io-uring", uring },
        { "memfd", memfd }, { "limits", limits }, { "random", random_bytes },
        { "priority", step_back }, { "priority-by-id", step_back_by_id }, { "foreign-abi", foreign_abi },
        { "environment", no_environment }, { "descriptor", inherited }, { "mount", own_mount }, { "overlay", overlay },
        { "module", load_module }, { "capabilities", capabilities },
};

static int take(const char *who)
{
        struct fail f = { 0 };
        const char *what;
        int r;

        if (strcmp(who, "client") == 0) /* stays root */
                return sandbox_enter(&what);
        r = isolation_early() < 0 ? -EPERM : isolation_drop("nobody", "nogroup", &f);

        if (r == 0 && strcmp(who, "network") == 0)
                r = sandbox_network(&conf, NULL, &f);
        else if (r == 0 && strcmp(who, "network-pg-local") == 0)
                r = sandbox_network(&conf, &(struct store_reach){ .local = true, .files = { passfile } }, &f);
        else if (r == 0 && strcmp(who, "network-pg-tcp") == 0)
                r = sandbox_network(&conf, &(struct store_reach){ .tcp = true, .ports = { 9 } }, &f);
        else if (r == 0 && strcmp(who, "network-pg-tcp-other") == 0)
                r = sandbox_network(&conf, &(struct store_reach){ .tcp = true, .ports = { 10 } }, &f);
        else if (r == 0)
                r = sandbox_signer(&conf, &f);
        if (r < 0)
                (void)fprintf(stderr, "%s\n", f.what);
        return r;
}

int main(int argc, char **argv)
{
        const char *who = argc == 6 ? argv[1] : "";

        conf_defaults(&conf);
        if (argc != 6)
                return 2;
        log_init("sandbox-driver", LOG_LVL_INFO);
        (void)snprintf(conf.state_dir, sizeof(conf.state_dir), "%s", argv[2]);
        (void)snprintf(conf.ek_ca_dir, sizeof(conf.ek_ca_dir), "%s", argv[3]);
        (void)snprintf(elsewhere, sizeof(elsewhere), "%s", argv[4]);
        (void)snprintf(passfile, sizeof(passfile), "%s/file", argv[4]);
        (void)snprintf(conf.sandbox, sizeof(conf.sandbox), "%s", getenv("SANDBOX") ? getenv("SANDBOX") : "enforce");
        spare = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        other = getppid();
        if (strcmp(who, "control") == 0) { /* the same user, nothing else taken; and one whom it may signal */
                if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
                        return 3;
                (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        } else if (take(who) < 0) {
                return 3;
        }
        if (strcmp(argv[5], "kill-other") == 0 && strcmp(who, "control") == 0)
                other = getpid(), (void)signal(SIGTERM, SIG_IGN);
        for (size_t i = 0; i < ELEMENTSOF(actions); i++)
                if (strcmp(actions[i].name, argv[5]) == 0) {
                        int r = actions[i].run();

                        if (r == 0)
                                return dprintf(1, "done\n") < 0;
                        return dprintf(1, r == -1 ? "refused: %s\n" : "untried\n", strerrorname_np(errno)) < 0;
                }
        return 2;
}
