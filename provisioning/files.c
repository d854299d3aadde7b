/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#define BLOCK ((size_t)1 << 20)

int file_read(const char *path, size_t max, struct buf *ret)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_(buf_wipe) struct buf b = { 0 };
        size_t room = 0;

        if (fd < 0)
                return -errno;
        for (;;) {
                ssize_t n;

                if (b.len == room) { /* one byte stays for the NUL; old copies are wiped */
                        struct buf more = { .p = NULL };

                        room = room ? 2 * room : 4096;
                        more.p = malloc(room + 1);
                        if (!more.p)
                                return -ENOMEM;
                        if (b.len)
                                memcpy(more.p, b.p, b.len);
                        more.len = b.len;
                        buf_wipe(&b);
                        b = more;
                }
                n = read(fd, b.p + b.len, room - b.len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                b.len += (size_t)n;
                if (b.len > max)
                        return -EFBIG;
        }
        b.p[b.len] = '\0';
        *ret = b;
        b = (struct buf){ 0 };
        return 0;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, p, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                p += n;
                len -= (size_t)n;
        }
        return 0;
}

int dir_sync(const char *path)
{
        _cleanup_(closep) int fd = -1;
        char dir[PATH_MAX];
        char *slash;

        if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
                return -ENAMETOOLONG;
        slash = strrchr(dir, '/');
        if (!slash)
                strcpy(dir, ".");
        else
                slash[slash == dir] = '\0';
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

/* A new file beside `path`; *ret_fd is to be written. */
static int temp_open(const char *path, char temp[PATH_MAX], int *ret_fd)
{
        const char *slash = strrchr(path, '/');
        int dir = slash ? (int)(slash - path) + 1 : 0;
        int fd;

        if (snprintf(temp, PATH_MAX, "%.*s.muster-XXXXXX", dir, path) >= PATH_MAX)
                return -ENAMETOOLONG;
        fd = mkostemp(temp, O_CLOEXEC); /* 0600 */
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

int file_make(const char *path, const void *p, size_t len, mode_t mode)
{
        _cleanup_(closep) int fd = -1;
        char temp[PATH_MAX];
        struct stat st;
        int r;

        if (lstat(path, &st) == 0)
                return -EEXIST;
        r = temp_open(path, temp, &fd);
        if (r < 0)
                return r;
        r = write_all(fd, p, len);
        if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
                r = -errno;
        if (r == 0 && link(temp, path) < 0)
                r = -errno;
        (void)unlink(temp);
        return r < 0 ? r : dir_sync(path);
}

int dir_make(const char *path, mode_t mode)
{
        char part[PATH_MAX];
        struct stat st;

        if (stat(path, &st) == 0)
                return S_ISDIR(st.st_mode) ? 1 : -ENOTDIR;
        if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
                return -ENAMETOOLONG;
        for (char *p = part + 1; (p = strchr(p, '/')); *p++ = '/') {
                *p = '\0';
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return -errno;
        }
        if (mkdir(path, mode) < 0 || chmod(path, mode) < 0) /* whatever the umask */
                return -errno;
        return 0;
}

int file_copy_bytes(int in, int out, uint8_t ret[DIGEST_LEN])
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
        _cleanup_(freep) uint8_t *block = malloc(BLOCK);
        int r;

        if (!md || !block || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(in, block, BLOCK);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                if (EVP_DigestUpdate(md, block, (size_t)n) != 1)
                        return -EIO;
                r = write_all(out, block, (size_t)n);
                if (r < 0)
                        return r;
        }
        return EVP_DigestFinal_ex(md, ret, NULL) == 1 ? 0 : -EIO;
}

int file_copy(const char *from, const char *path, mode_t mode, uint8_t ret_sha256[DIGEST_LEN])
{
        _cleanup_(closep) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        return in < 0 ? -errno : file_copy_from(in, path, mode, ret_sha256);
}

int file_copy_from(int in, const char *path, mode_t mode, uint8_t ret_sha256[DIGEST_LEN])
{
        _cleanup_(closep) int out = -1;
        char temp[PATH_MAX];
        int r = temp_open(path, temp, &out);

        if (r < 0)
                return r;
        r = file_copy_bytes(in, out, ret_sha256);
        if (r == 0 && (fchmod(out, mode) < 0 || fsync(out) < 0))
                r = -errno;
        if (r == 0 && rename(temp, path) < 0)
                r = -errno;
        if (r < 0) {
                (void)unlink(temp);
                return r;
        }
        return dir_sync(path);
}

int file_own_like(const char *path, const char *like)
{
        struct stat st;

        if (geteuid() != 0)
                return 0;
        if (stat(like, &st) < 0 || lchown(path, st.st_uid, st.st_gid) < 0)
                return -errno;
        return 0;
}

/* By descriptors: a directory that somebody replaces by a link meanwhile is not followed. */
static void empty_dir(int dir, dev_t dev, unsigned depth)
{
        int own = fcntl(dir, F_DUPFD_CLOEXEC, 0);
        DIR *d = own < 0 ? NULL : fdopendir(own);
        struct dirent *e;

        if (!d)
                closep(&own);
        while (d && (e = readdir(d))) {
                _cleanup_(closep) int sub = -1;
                struct stat st;

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (sub >= 0 && depth > 0 && fstat(sub, &st) == 0 && st.st_dev == dev)
                        empty_dir(sub, dev, depth - 1);
                (void)unlinkat(dir, e->d_name, sub >= 0 ? AT_REMOVEDIR : 0);
        }
        if (d)
                (void)closedir(d);
}

void tree_remove_at(int dir, const char *name)
{
        _cleanup_(closep) int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (sub >= 0 && fstat(sub, &st) == 0)
                empty_dir(sub, st.st_dev, 500);
        (void)unlinkat(dir, name, sub >= 0 ? AT_REMOVEDIR : 0);
}

void tree_remove(const char *path)
{
        tree_remove_at(AT_FDCWD, path);
}
