/* SPDX-License-Identifier: Apache-2.0 */
#include "ekcert.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static int wanted(const struct dirent *e)
{
        const char *name = e->d_name;
        static const char *const ends[] = { ".pem", ".crt", ".cer", ".der" };
        const char *dot = strrchr(name, '.');

        if (!dot || name[0] == '.')
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (strcasecmp(dot, ends[i]) == 0)
                        return 1;
        return 0;
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

static const char *why_of(int r)
{
        switch (r) {
        case -EBADMSG: return "it is empty, or no regular file";
        case -E2BIG: return "it is larger than 1 MiB";
        case -EACCES: return "it cannot be read: Permission denied";
        case -ENOENT: return "it cannot be read: the link leads nowhere";
        default: return "it cannot be read: Input/output error";
        }
}

static int load_one(struct ekca *ca, int dirfd_, const char *name, const char **ret_why)
{
        _cleanup_(closep) int fd = openat(dirfd_, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_(buf_wipe) struct buf b = { 0 };
        int r = fd < 0 ? -errno : read_file(fd, &b);

        if (r < 0) {
                *ret_why = why_of(r);
                return r;
        }
        return ekca_add(ca, b.p, b.len, true, ret_why);
}

int ekca_load_dir(struct ekca *ca, const char *dir, ekca_unused_fn unused, void *ctx)
{
        _cleanup_(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent **list = NULL;
        size_t before = ekca_count(ca);
        int n = fd < 0 ? -1 : scandirat(fd, ".", &list, wanted, alphasort);
        int r = n < 0 ? -errno : 0;

        for (int i = 0; i < n; i++) {
                const char *why = NULL;

                if (r != -ENOMEM)
                        r = load_one(ca, fd, list[i]->d_name, &why);
                if (r < 0 && r != -ENOMEM && unused)
                        unused(ctx, list[i]->d_name, why ? why : "it is no certificate");
                free(list[i]);
        }
        free(list);
        if (n <= 0)
                return n < 0 ? r : -ENOENT;
        return r == -ENOMEM ? r : (int)(ekca_count(ca) - before);
}
