/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's interface is spelled out here: Debian 12's headers know ABI
 * 2 only, and libc has no wrappers. */
#include "landlock.h"

#include "mem.h"

#include <fcntl.h>
#include <sys/syscall.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_VERSION 1u
#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT 2

enum {
        FS_EXECUTE = 1u << 0, FS_WRITE_FILE = 1u << 1, FS_READ_FILE = 1u << 2, FS_READ_DIR = 1u << 3,
        FS_REMOVE_DIR = 1u << 4, FS_REMOVE_FILE = 1u << 5, FS_MAKE_CHAR = 1u << 6, FS_MAKE_DIR = 1u << 7,
        FS_MAKE_REG = 1u << 8, FS_MAKE_SOCK = 1u << 9, FS_MAKE_FIFO = 1u << 10, FS_MAKE_BLOCK = 1u << 11,
        FS_MAKE_SYM = 1u << 12, FS_REFER = 1u << 13, FS_TRUNCATE = 1u << 14, FS_IOCTL_DEV = 1u << 15,
};

enum { NET_BIND_TCP = 1u << 0, NET_CONNECT_TCP = 1u << 1 };
enum { SCOPE_ABSTRACT_UNIX = 1u << 0, SCOPE_SIGNAL = 1u << 1 };

struct ruleset {
        uint64_t fs;
        uint64_t net;   /* ABI 4 */
        uint64_t scope; /* ABI 6 */
};

struct path_rule {
        uint64_t allowed;
        int32_t fd;
} __attribute__((packed));

struct port_rule {
        uint64_t allowed;
        uint64_t port;
};

/* What this ABI can refuse; the size is that of the struct it knows. */
static size_t handled(int abi, struct ruleset *ret)
{
        ret->fs = FS_REFER - 1; /* ABI 1: all before it */
        ret->net = abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0;
        ret->scope = abi >= 6 ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : 0;
        ret->fs |= abi >= 2 ? FS_REFER : 0;
        ret->fs |= abi >= 3 ? FS_TRUNCATE : 0;
        ret->fs |= abi >= 5 ? FS_IOCTL_DEV : 0;
        return abi >= 6 ? sizeof(*ret) : abi >= 4 ? offsetof(struct ruleset, scope) : offsetof(struct ruleset, net);
}

static int allow(int ruleset, const struct landlock_dir *d, uint64_t handled_fs)
{
        _cleanup_(closep) int fd = open(d->path, O_PATH | O_CLOEXEC | (d->file ? 0 : O_DIRECTORY));
        struct path_rule rule = { .allowed = FS_READ_FILE | FS_READ_DIR, .fd = fd };

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (d->writable)
                rule.allowed |= FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_REMOVE_FILE;
        if (d->file)
                rule.allowed = FS_READ_FILE;
        rule.allowed &= handled_fs;
        return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

static int allow_port(int ruleset, uint16_t port)
{
        const struct port_rule rule = { .allowed = NET_CONNECT_TCP, .port = port };

        return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) < 0 ? -errno : 0;
}

int landlock_confine(const struct landlock_dir *dirs, size_t n, const uint16_t *ports, size_t n_ports, const char **ret_at)
{
        int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
        _cleanup_(closep) int fd = -1;
        struct ruleset rs;
        size_t size;
        int r = 0;

        *ret_at = NULL;
        if (abi <= 0)
                return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
        size = handled(abi, &rs);
        fd = (int)syscall(SYS_landlock_create_ruleset, &rs, size, 0);
        if (fd < 0)
                return -errno;
        for (size_t i = 0; i < n && r == 0; i++) {
                *ret_at = dirs[i].path;
                r = allow(fd, &dirs[i], rs.fs);
        }
        if (r == 0)
                *ret_at = NULL;
        for (size_t i = 0; i < n_ports && ports[i] && rs.net && r == 0; i++)
                r = allow_port(fd, ports[i]);
        if (r < 0)
                return r;
        return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : abi;
}
