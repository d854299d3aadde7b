/* SPDX-License-Identifier: Apache-2.0 */
#include "ekcert.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static bool wanted(const char *name)
{
        static const char *const ends[] = { ".pem", ".crt", ".cer", ".der" };
        const char *dot = strrchr(name, '.');

        if (!dot || name[0] == '.')
                return false;
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (strcasecmp(dot, ends[i]) == 0)
                        return true;
        return false;
}

static int read_file(int fd, struct buf *ret)
{
        struct stat st;
        size_t n = 0;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size <= 0)
                return -EBADMSG;
        if (st.st_size > EKCA_FILE_MAX)
                return -E2BIG;
        ret->p = malloc((size_t)st.st_size);
        if (!ret->p)
                return -ENOMEM;
        ret->len = (size_t)st.st_size;
        while (n < ret->len) {
                ssize_t k = read(fd, ret->p + n, ret->len - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : -EIO;
                n += (size_t)k;
        }
        return 0;
}

static int load_one(struct ekca *ca, int dirfd_, const char *name)
{
        _cleanup_(closep) int fd = openat(dirfd_, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_(buf_wipe) struct buf b = { 0 };
        int r;

        if (fd < 0)
                return -errno;
        r = read_file(fd, &b);
        return r < 0 ? r : ekca_add(ca, b.p, b.len, true, NULL);
}

int ekca_load_dir(struct ekca *ca, const char *dir, char **ret_file)
{
        DIR *d = opendir(dir);
        int r = 0;
        int files = 0;

        if (!d)
                return -errno;
        for (;;) {
                const struct dirent *e = readdir(d);

                if (!e)
                        break;
                if (!wanted(e->d_name))
                        continue;
                r = load_one(ca, dirfd(d), e->d_name);
                if (r < 0) {
                        if (ret_file && asprintf(ret_file, "%s/%s", dir, e->d_name) < 0)
                                *ret_file = NULL;
                        break;
                }
                files++;
        }
        (void)closedir(d);
        if (r < 0)
                return r;
        return files > 0 ? files : -ENOENT;
}
