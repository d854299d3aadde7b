/* SPDX-License-Identifier: Apache-2.0 */
#include "syscalls.h"

#include "mem.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define THREAD_FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* Names, not numbers: one that this architecture lacks is left out. */
static const char *const basic[] = {
        "brk", "munmap", "mremap", "madvise", "futex", "rseq", "set_robust_list", "sched_yield", "sched_getaffinity",
        "exit", "exit_group", "restart_syscall", "rt_sigreturn", "rt_sigprocmask", "rt_sigaction", "sigaltstack",
        "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getrandom", "clock_gettime", "clock_getres",
        "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrusage", "sysinfo", "uname",
        "read", "readv", "write", "writev", "close", "poll", "ppoll", "recvfrom", "recvmsg", "sendto", "sendmsg",
        "shutdown", "lseek", /* dprintf() seeks before it writes */
        /* "clone", "mmap", "mprotect", "fcntl", "ioctl", "prctl", "kill", "tgkill", "prlimit64": see below */
};

static const char *const network[] = {
        /* connections: accepted, never made, but to PostgreSQL: add_sockets() */
        "accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendfile", "select", "pselect6",
        "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "pipe2",
        /* the state directory; where, is Landlock's and the owner's matter */
        "open", "openat", "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
        "faccessat2", "readlink", "readlinkat", "getcwd", "getdents64", "pread64", "preadv", "pwrite64",
        "pwritev", "ftruncate", "fallocate", "fadvise64", "fsync", "fdatasync", "unlink", "unlinkat", "rename",
        "renameat", "renameat2", "fchmod", "umask",
        /* signals are waited for; the helpers are reaped */
        "rt_sigtimedwait", "rt_sigpending", "wait4", "waitid",
};

static const char *const deadly[] = {
        "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd",
        "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "bpf", "perf_event_open",
        "userfaultfd", "keyctl", "add_key", "request_key", "mount", "umount2", "pivot_root", "chroot", "move_mount",
        "open_tree", "fsopen", "unshare", "setns", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid",
        "setgroups", "setfsuid", "setfsgid", "capset", "personality", "modify_ldt", "reboot", "swapon", "swapoff",
        "sethostname", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "open_by_handle_at", "mknod",
        "mknodat", "process_madvise", "kcmp", "iopl", "ioperm",
};

static const int fcntls[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_DUPFD_CLOEXEC };
static const unsigned ioctls[] = { TCGETS, FIONBIO, FIONREAD };

DEFINE_CLEANUP(scmp_filter_ctx, seccomp_release)

static int add(scmp_filter_ctx c, uint32_t action, const char *name, unsigned n, const struct scmp_arg_cmp *args)
{
        int nr = seccomp_syscall_resolve_name(name);

        if (nr < 0)
                return 0; /* not on this architecture */
        return seccomp_rule_add_array(c, action, nr, n, args);
}

static int add_names(scmp_filter_ctx c, uint32_t action, const char *const *names, size_t n)
{
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++)
                r = add(c, action, names[i], 0, NULL);
        return r;
}

/* No memory that can be run, whoever asks. */
static int add_memory(scmp_filter_ctx c, uint32_t refuse)
{
        static const char *const calls[] = { "mmap", "mprotect" };
        const struct scmp_arg_cmp plain = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
        const struct scmp_arg_cmp exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(calls) && r == 0; i++) {
                r = add(c, SCMP_ACT_ALLOW, calls[i], 1, &plain);
                if (r == 0 && refuse)
                        r = add(c, refuse, calls[i], 1, &exec);
        }
        return r;
}

static int add_process(scmp_filter_ctx c)
{
        const struct scmp_arg_cmp me = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
        const struct scmp_arg_cmp limits[] = { SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0) };
        const struct scmp_arg_cmp name = SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME);
        int r = add(c, SCMP_ACT_ALLOW, "tgkill", 1, &me);

        if (r == 0)
                r = add(c, SCMP_ACT_ALLOW, "kill", 1, &me);
        if (r == 0)
                r = add(c, SCMP_ACT_ALLOW, "prlimit64", ELEMENTSOF(limits), limits);
        if (r == 0)
                r = add(c, SCMP_ACT_ALLOW, "prctl", 1, &name);
        for (size_t i = 0; i < ELEMENTSOF(fcntls) && r == 0; i++) {
                const struct scmp_arg_cmp cmd = SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)fcntls[i]);

                r = add(c, SCMP_ACT_ALLOW, "fcntl", 1, &cmd);
        }
        for (size_t i = 0; i < ELEMENTSOF(ioctls) && r == 0; i++) {
                const struct scmp_arg_cmp request = SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, ioctls[i]);

                r = add(c, SCMP_ACT_ALLOW, "ioctl", 1, &request);
        }
        return r;
}

/* A thread may step back behind the others, itself only. */
static int add_priority(scmp_filter_ctx c)
{
        const struct scmp_arg_cmp self[] = { SCMP_A0(SCMP_CMP_EQ, PRIO_PROCESS), SCMP_A1(SCMP_CMP_EQ, 0) };

        int r = add(c, SCMP_ACT_ALLOW, "getpriority", ELEMENTSOF(self), self);

        return r < 0 ? r : add(c, SCMP_ACT_ALLOW, "setpriority", ELEMENTSOF(self), self);
}

/* Streams of the families that were asked for, to connect and no more; any
 * other socket is refused. */
static int add_sockets(scmp_filter_ctx c, uint32_t refuse, unsigned sockets)
{
        static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
        int r = sockets ? add(c, SCMP_ACT_ALLOW, "connect", 0, NULL) : 0;

        if (!sockets)
                return refuse ? add(c, refuse, "socket", 0, NULL) : 0;
        for (size_t i = 0; i < ELEMENTSOF(families) && r == 0; i++) {
                const struct scmp_arg_cmp stream[] = {
                        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]),
                        SCMP_A1(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK) & 0xffffffff, SOCK_STREAM),
                };

                if (sockets & (families[i] == AF_UNIX ? SOCKETS_LOCAL : SOCKETS_TCP))
                        r = add(c, SCMP_ACT_ALLOW, "socket", ELEMENTSOF(stream), stream);
        }
        return r;
}

/* Threads, not processes. clone3 hides its flags behind a pointer: ENOSYS
 * makes libc use clone. */
static int add_threads(scmp_filter_ctx c, bool kill)
{
        const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, THREAD_FLAGS | NAMESPACES, THREAD_FLAGS);
        const struct scmp_arg_cmp process = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);
        int r = add(c, SCMP_ACT_ALLOW, "clone", 1, &thread);

        return r < 0 || !kill ? r : add(c, SCMP_ACT_KILL_PROCESS, "clone", 1, &process);
}

static int confine(bool log_only, bool is_network, unsigned sockets)
{
        uint32_t otherwise = log_only ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(ENOSYS);
        uint32_t refuse = log_only ? 0 : SCMP_ACT_ERRNO(EPERM);
        _cleanup_(seccomp_releasep) scmp_filter_ctx c = seccomp_init(otherwise);
        int r;

        if (!c)
                return -ENOMEM;
        r = seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (r == 0)
                r = seccomp_attr_set(c, SCMP_FLTATR_CTL_NNP, 1);
        /* a tree of comparisons: a call costs log n of them */
        if (r == 0)
                r = seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (r == 0)
                r = add_names(c, SCMP_ACT_ALLOW, basic, ELEMENTSOF(basic));
        if (r == 0)
                r = add_memory(c, refuse);
        if (r == 0)
                r = add_process(c);
        if (r == 0)
                r = add_sockets(c, refuse, sockets);
        if (r == 0 && is_network)
                r = add_names(c, SCMP_ACT_ALLOW, network, ELEMENTSOF(network));
        if (r == 0 && is_network)
                r = add_threads(c, !log_only);
        if (r == 0 && is_network)
                r = add_priority(c);
        if (r == 0 && !log_only)
                r = add_names(c, SCMP_ACT_KILL_PROCESS, deadly, ELEMENTSOF(deadly));
        return r < 0 ? r : seccomp_load(c);
}

int syscalls_confine_network(bool log_only, unsigned sockets)
{
        return confine(log_only, true, sockets);
}

int syscalls_confine_signer(bool log_only, unsigned none)
{
        return confine(log_only, false, none);
}
