/* SPDX-License-Identifier: Apache-2.0 */
#include "below.h"
#include "cli.h"
#include "files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int below_top(const char *path, int *ret_dir)
{
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        *ret_dir = fd;
        return 0;
}

int below_open(int dir, const char *rel, int flags, mode_t mode, int *ret_fd)
{
        struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC), .mode = flags & O_CREAT ? mode : 0,
                                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
        long fd;

        for (int tries = 0; tries < 100; tries++) { /* EAGAIN: something was renamed meanwhile */
                fd = syscall(SYS_openat2, dir, rel, &how, sizeof(how));
                if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
                        break;
        }
        if (fd < 0)
                return -errno;
        *ret_fd = (int)fd;
        return 0;
}

int below_dir(int dir, const char *rel, int *ret_dir)
{
        return below_open(dir, rel, O_RDONLY | O_DIRECTORY, 0, ret_dir);
}

int below_read(int dir, const char *name, int *ret_fd)
{
        _cleanup_(closep) int fd = -1;
        struct stat owner;
        struct stat st;
        int r = below_open(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd);

        if (r < 0)
                return r;
        if (fstat(dir, &owner) < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        if (st.st_uid != owner.st_uid && !(st.st_mode & S_IROTH))
                return -EPERM;
        *ret_fd = fd;
        fd = -1;
        return 0;
}

void below_path(int dir, char ret[PATH_MAX])
{
        (void)snprintf(ret, PATH_MAX, "/proc/%d/fd/%d", (int)getpid(), dir);
}

int below_own(int fd, int dir)
{
        struct stat st;

        if (geteuid() != 0)
                return 0;
        return fstat(dir, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 ? -errno : 0;
}

static int random_name(char ret[24])
{
        uint64_t r;

        if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
                return -EIO;
        (void)snprintf(ret, 24, BELOW_WORK "%016llx", (unsigned long long)r);
        return 0;
}

int below_copy(int in, int dir, const char *name, mode_t mode, uint8_t ret_sha256[DIGEST_LEN])
{
        _cleanup_(closep) int out = -1;
        char temp[24];
        int r = strchr(name, '/') ? -EINVAL : random_name(temp);

        if (r == 0)
                r = below_open(dir, temp, O_WRONLY | O_CREAT | O_EXCL, 0600, &out);
        if (r < 0)
                return r;
        r = file_copy_bytes(in, out, ret_sha256);
        if (r == 0 && fchmod(out, mode) < 0)
                r = -errno;
        if (r == 0)
                r = below_own(out, dir);
        if (r == 0 && fsync(out) < 0)
                r = -errno;
        if (r == 0 && renameat(dir, temp, dir, name) < 0)
                r = -errno;
        if (r < 0)
                (void)unlinkat(dir, temp, 0);
        return r == 0 && fsync(dir) < 0 ? -errno : r;
}

int below_work(int dir, char ret_name[24], int *ret_dir)
{
        _cleanup_(closep) int fd = -1;
        struct stat st;
        int r = random_name(ret_name);

        if (r < 0)
                return r;
        if (mkdirat(dir, ret_name, 0700) < 0)
                return -errno;
        r = below_dir(dir, ret_name, &fd);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
                return -EPERM;
        *ret_dir = fd;
        fd = -1;
        return 0;
}

static int look(int dir, const char **ret_name)
{
        static const char *const names[] = { "muster.db", "muster.db-wal", "muster.db-shm", "muster.db-journal", "muster.db-lock",
                                             "journal.head" };
        struct stat owner;

        if (fstat(dir, &owner) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(closep) int fd = -1;
                struct stat st;
                int r = below_open(dir, names[i], O_PATH, 0, &fd);

                *ret_name = names[i];
                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                if (fstat(fd, &st) < 0)
                        return -errno;
                if (!S_ISREG(st.st_mode))
                        return -EBADF;
                if (st.st_uid != owner.st_uid && (st.st_uid != 0 || st.st_nlink != 1))
                        return -EPERM;
        }
        return 0;
}

int below_state(const char *state, struct fail *f)
{
        _cleanup_(closep) int dir = -1;
        const char *name = "";
        int r = below_top(state, &dir);

        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = look(dir, &name);
        return r < 0 ? fail_set(f, MUSTER_IO, "", r == -EACCES ? "use sudo" : "look who put it there", "open %s/%s: %s", state, name,
                                below_why(r)) : 0;
}

const char *below_why(int error)
{
        switch (error) {
        case -ELOOP:
                return "a symbolic link is in the way; nothing below the state directory may be one (a mount point may)";
        case -EXDEV:
                return "it leads out of the directory";
        case -EBADF:
                return "it is no regular file";
        case -EPERM:
                return "it is not the directory's owner's, or a filter refuses openat2";
        case -ENOSYS:
                return "this kernel has no openat2 (Linux 5.6 has), or a filter refuses it";
        default:
                return strerror(-error);
        }
}
