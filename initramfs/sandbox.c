/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * One filter for the whole client, because what is parsed (verdict, image)
 * and what is done with it (mount) take turns in one process. It is made of
 * tables here instead of by libseccomp, which would add 100 KiB.
 *
 * Capabilities: overlayfs does all it does for the life of the new root
 * with the credentials of whoever mounted it, so the file system ones must
 * stay, or root on the booted node could not chown(2) a file. */
#include "sandbox.h"

#include "mem.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/loop.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define FILTER_MAX 512
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static const unsigned caps_kept[] = {
        CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_LINUX_IMMUTABLE, CAP_IPC_LOCK,
        CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_RESOURCE, CAP_MKNOD, CAP_SETFCAP, CAP_MAC_OVERRIDE, CAP_MAC_ADMIN,
};

static int drop_capabilities(void)
{
        struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct d[2] = { { 0 } };
        uint64_t keep = 0;

        for (size_t i = 0; i < ELEMENTSOF(caps_kept); i++)
                keep |= 1ull << caps_kept[i];
        for (unsigned cap = 0; cap < 64; cap++)
                if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno == EPERM)
                        break; /* not root: there is nothing to drop */
        (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        if (syscall(SYS_capget, &h, d) < 0)
                return -errno;
        for (int i = 0; i < 2; i++) {
                d[i].permitted &= (uint32_t)(keep >> 32 * i);
                d[i].effective &= (uint32_t)(keep >> 32 * i);
                d[i].inheritable = 0;
        }
        return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

#if defined(ARCH) && !defined(__SANITIZE_ADDRESS__)
/* The frequent ones first. */
static const int allowed[] = {
        SYS_read, SYS_pwrite64, SYS_write, SYS_ppoll, SYS_recvfrom, SYS_sendto, SYS_close, SYS_openat, SYS_fstat,
        SYS_newfstatat, SYS_munmap, SYS_brk, SYS_clock_gettime, SYS_getrandom, SYS_futex, SYS_readv, SYS_writev, SYS_pread64,
        SYS_lseek, SYS_mremap, SYS_madvise, SYS_fcntl, SYS_connect, SYS_getsockopt, SYS_setsockopt, SYS_getsockname,
        SYS_getpeername, SYS_recvmsg, SYS_sendmsg, SYS_shutdown, SYS_pselect6, SYS_nanosleep, SYS_clock_nanosleep,
        SYS_gettimeofday, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall, SYS_getpid,
        SYS_gettid, SYS_tgkill, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_uname, SYS_sysinfo, SYS_getdents64,
        SYS_readlinkat, SYS_faccessat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_mkdirat, SYS_unlinkat, SYS_renameat2,
        SYS_mknodat, SYS_fchmod, SYS_fchmodat, SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_fsync, SYS_sync,
        SYS_openat2, SYS_umask, SYS_mount, SYS_umount2, SYS_reboot, SYS_sched_yield, SYS_exit, SYS_exit_group,
        SYS_sched_getaffinity, SYS_set_robust_list, SYS_rseq,
#ifdef SYS_open /* the older ones that new architectures lack */
        SYS_open, SYS_poll, SYS_select, SYS_stat, SYS_lstat, SYS_access, SYS_mkdir, SYS_unlink, SYS_rename, SYS_mknod,
        SYS_chmod, SYS_readlink, SYS_time,
#endif
};

static const int deadly[] = {
        SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_unshare,
        SYS_setns, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load, SYS_bpf,
        SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_pivot_root, SYS_chroot, SYS_personality,
        SYS_setuid, SYS_setresuid, SYS_capset, SYS_open_by_handle_at, SYS_swapon,
#ifdef SYS_fork
        SYS_fork, SYS_vfork, SYS_iopl, SYS_ioperm,
#endif
};

/* What makes a thread of this process and nothing else. clone3() has its flags
 * in memory, where no filter sees them: it does not exist, and glibc falls back. */
static const unsigned threads[] = { CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD |
                                    CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID };

/* The image's file. Nothing of it can be run: execve() and PROT_EXEC are refused. */
static const unsigned memfds[] = { MFD_CLOEXEC | MFD_ALLOW_SEALING, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL };

static const unsigned ioctls[] = { TCGETS, FIONREAD, FIONBIO, LOOP_CTL_GET_FREE, LOOP_CONFIGURE, LOOP_GET_STATUS64, LOOP_CLR_FD };

struct program {
        struct sock_filter at[FILTER_MAX];
        unsigned short n;
};

static void put(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
        if (p->n < FILTER_MAX)
                p->at[p->n++] = (struct sock_filter)BPF_JUMP(code, k, yes, no);
}

static void load(struct program *p, size_t offset)
{
        put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void finish(struct program *p, uint32_t action)
{
        put(p, BPF_RET | BPF_K, 0, 0, action);
}

/* When the loaded word is `value`. */
static void when(struct program *p, uint32_t value, uint32_t action)
{
        put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
        finish(p, action);
}

/* Allows call `nr` for these values of argument `arg`. */
static void when_arg(struct program *p, int nr, unsigned arg, const unsigned *values, size_t n, uint32_t otherwise)
{
        put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * n + 2), (uint32_t)nr);
        load(p, offsetof(struct seccomp_data, args) + 8 * arg);
        for (size_t i = 0; i < n; i++)
                when(p, values[i], SECCOMP_RET_ALLOW);
        finish(p, otherwise);
}

static void when_not_exec(struct program *p, int nr)
{
        put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)nr);
        load(p, offsetof(struct seccomp_data, args) + 8 * 2);
        put(p, BPF_JMP | BPF_JSET | BPF_K, 0, 1, PROT_EXEC);
        finish(p, SECCOMP_RET_ERRNO | EPERM);
        finish(p, SECCOMP_RET_ALLOW);
}

static int filter_calls(void)
{
        static const unsigned families[] = { AF_INET, AF_INET6 };
        struct program p = { .n = 0 };
        struct sock_fprog f = { .filter = p.at };

        load(&p, offsetof(struct seccomp_data, arch));
        put(&p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
        finish(&p, SECCOMP_RET_KILL_PROCESS);
        load(&p, offsetof(struct seccomp_data, nr));
        for (size_t i = 0; i < ELEMENTSOF(allowed); i++)
                when(&p, (uint32_t)allowed[i], SECCOMP_RET_ALLOW);
        when_not_exec(&p, SYS_mmap);
        when_not_exec(&p, SYS_mprotect);
        when_arg(&p, SYS_socket, 0, families, ELEMENTSOF(families), SECCOMP_RET_ERRNO | EPERM);
        when_arg(&p, SYS_ioctl, 1, ioctls, ELEMENTSOF(ioctls), SECCOMP_RET_ERRNO | EPERM);
        when_arg(&p, SYS_memfd_create, 1, memfds, ELEMENTSOF(memfds), SECCOMP_RET_KILL_PROCESS);
        when_arg(&p, SYS_clone, 0, threads, ELEMENTSOF(threads), SECCOMP_RET_KILL_PROCESS);
        for (size_t i = 0; i < ELEMENTSOF(deadly); i++)
                when(&p, (uint32_t)deadly[i], SECCOMP_RET_KILL_PROCESS);
        finish(&p, SECCOMP_RET_ERRNO | ENOSYS); /* x32 calls too: none has a number above */
        if (p.n == FILTER_MAX)
                return -E2BIG;
        f.len = p.n;
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f, 0, 0) < 0 ? -errno : 0;
}
#else
static int filter_calls(void)
{
#ifdef __SANITIZE_ADDRESS__
        return 0; /* the leak checker forks and traces */
#else
        return -EOPNOTSUPP;
#endif
}
#endif

int sandbox_enter(const char **ret_what)
{
        int caps;
        int calls;

        *ret_what = "";
#ifdef SYS_close_range
        (void)syscall(SYS_close_range, 3u, ~0u, 0u);
#endif
#ifndef MUSTER_TEST_TCTI
        (void)clearenv();
#endif
        caps = drop_capabilities();
        if (caps < 0)
                *ret_what = "drop capabilities";
        calls = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : filter_calls();
        if (calls < 0)
                *ret_what = "confine its system calls";
        return calls < 0 ? calls : caps;
}
