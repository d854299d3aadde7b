/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <fcntl.h>
#include <sys/stat.h>

#define LOOK 2048

static uint64_t le(const uint8_t *p, size_t n)
{
        uint64_t v = 0;

        while (n-- > 0)
                v = v << 8 | p[n];
        return v;
}

int image_recognise(const uint8_t *p, size_t len, enum image_kind *ret_kind, const char **ret_unpacker)
{
        static const struct {
                size_t at;
                const char *magic;
                size_t n;
                enum image_kind kind;
                const char *unpacker;
        } known[] = {
                { 0, "hsqs", 4, IMAGE_SQUASHFS, NULL },
                { 1024, "\xe2\xe1\xf5\xe0", 4, IMAGE_EROFS, NULL },
                { 257, "ustar", 5, IMAGE_TAR, NULL },
                { 0, "\x1f\x8b", 2, IMAGE_TAR, "gzip" },
                { 0, "\xfd" "7zXZ\0", 6, IMAGE_TAR, "xz" },
                { 0, "\x28\xb5\x2f\xfd", 4, IMAGE_TAR, "zstd" },
                { 0, "BZh", 3, IMAGE_TAR, "bzip2" },
        };

        for (size_t i = 0; i < ELEMENTSOF(known); i++) {
                if (len < known[i].at + known[i].n || memcmp(p + known[i].at, known[i].magic, known[i].n) != 0)
                        continue;
                *ret_kind = known[i].kind;
                *ret_unpacker = known[i].unpacker;
                return 0;
        }
        return -EBADMSG;
}

/* How long the file system says it is; 0: it does not say. */
static uint64_t stated_size(const uint8_t *p, size_t len, enum image_kind kind)
{
        if (kind == IMAGE_SQUASHFS && len >= 48)
                return le(p + 40, 8);
        if (kind == IMAGE_EROFS && len >= 1024 + 40 && p[1024 + 12] < 32)
                return le(p + 1024 + 36, 4) << p[1024 + 12];
        return 0;
}

int image_look(const char *path, struct image_source *ret, struct fail *f)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        uint8_t head[LOOK];
        struct stat st;
        ssize_t n;

        if (fd < 0 && errno == ENOENT && strstr(path, "://"))
                return fail_set(f, MUSTER_USAGE, "", "for a container image: docker create --name x IMAGE; docker export x >FILE.tar; give FILE.tar",
                                "read the image source %s: it is an address, and only files and directories are read", path);
        if (fd < 0 || fstat(fd, &st) < 0)
                return fail_set(f, MUSTER_IO, "", errno == EACCES ? "use sudo" : "check the path; give a directory, a tar, a squashfs or an erofs",
                                "read the image source %s: %s", path, strerror(errno));
        *ret = (struct image_source){ .path = path, .kind = IMAGE_DIR };
        if (S_ISDIR(st.st_mode))
                return 0;
        if (!S_ISREG(st.st_mode))
                return fail_set(f, MUSTER_USAGE, "", "give a directory, a tar, a squashfs or an erofs",
                                "read the image source %s: neither a file nor a directory", path);
        n = pread(fd, head, sizeof(head), 0);
        if (n < 0)
                return fail_set(f, MUSTER_IO, "", "", "read the image source %s: %s", path, strerror(errno));
        if (image_recognise(head, (size_t)n, &ret->kind, &ret->unpacker) < 0)
                return fail_set(f, MUSTER_USAGE, "", "give a directory, a tar, a squashfs or an erofs",
                                "read the image source %s: it is none of those that can be an image", path);
        if (stated_size(head, (size_t)n, ret->kind) > (uint64_t)st.st_size)
                return fail_set(f, MUSTER_USAGE, "", "make or copy it again",
                                "read the image source %s: it is cut off, its file system is longer than the file", path);
        return 0;
}
