/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_files.h"

#include "hex.h"
#include "keys.h"
#include "names.h"
#include "seal.h"

#include <dirent.h>
#include <fcntl.h>

void file_id_of(const struct stat *st, struct file_id *ret)
{
        *ret = (struct file_id){ st->st_dev, st->st_ino, st->st_size, st->st_mtim };
}

bool file_id_same(const struct file_id *a, const struct file_id *b)
{
        return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec &&
               a->mtime.tv_nsec == b->mtime.tv_nsec;
}

int file_open_in(const char *dir, const char *name, struct file_id *ret)
{
        _cleanup_(closep) int d = -1;
        _cleanup_(closep) int fd = -1;
        struct stat st;
        int r;

        if (!file_name_ok(name))
                return -EINVAL;
        d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (d < 0)
                return -errno;
        fd = openat(d, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        file_id_of(&st, ret);
        r = fd;
        fd = -1;
        return r;
}

static int read_all(int fd, size_t size, struct buf *ret)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };

        if (size > BOOT_FILE_MAX)
                return -EFBIG;
        b.p = malloc(size ? size : 1);
        if (!b.p)
                return -ENOMEM;
        while (b.len < size) {
                ssize_t n = read(fd, b.p + b.len, size - b.len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                b.len += (size_t)n;
        }
        *ret = b;
        b = (struct buf){ 0 };
        return 0;
}

/* What Secure Boot would use instead must be as safe as what is served. */
static void drop_unsafe_embedded(struct catalog_boot *b)
{
        const char *why = b->ref.secure.embedded ? cmdline_refused(b->ref.embedded, b->row.allow_shell) : NULL;

        if (!why)
                return;
        b->ref.secure = b->ref.plain;
        log_warn("boot %s: the command line embedded in %s is not accepted under Secure Boot: %s", b->row.name,
                 b->row.file, why);
}

int boot_load(const struct catalog *c, struct boot_row *row, bool fill_digest, struct catalog_boot *ret)
{
        _cleanup_(closep) int fd = file_open_in(c->boot_dir, row->file, &ret->id);
        _cleanup_(buf_wipe) struct buf b = { 0 };
        uint8_t digest[DIGEST_LEN];
        char hex[65];
        int r;

        if (fd < 0)
                return fd;
        r = read_all(fd, (size_t)ret->id.size, &b);
        if (r < 0)
                return r;
        if (EVP_Digest(b.p, b.len, digest, NULL, EVP_sha256(), NULL) != 1)
                return -EIO;
        hex_encode(digest, DIGEST_LEN, hex);
        if (fill_digest) {
                memcpy(row->sha256, hex, sizeof(hex));
                row->size = b.len;
        } else if (strcmp(hex, row->sha256) != 0 || row->size != b.len) {
                return -ESTALE;
        }
        r = boot_ref_make(row->name, row->file, row->cmdline, b.p, b.len, &ret->ref);
        if (r < 0)
                return r;
        ret->row = *row;
        ret->row.cmdline = NULL;
        if (!fill_digest)
                drop_unsafe_embedded(ret);
        return ret->ref.complete ? 0 : -EBADMSG;
}

int image_load(const struct catalog *c, const struct image_row *row, struct file_id *ret)
{
        _cleanup_(closep) int fd = file_open_in(c->image_dir, row->file, ret);
        _cleanup_(buf_wipe) struct buf head = { 0 };
        struct seal_header h = { 0 };
        int r = seal_header_parse(row->header, sizeof(row->header), &h);

        if (fd < 0 || r < 0)
                return fd < 0 ? fd : r;
        if (h.sealed_size != row->size || (uint64_t)ret->size != row->size)
                return -ESTALE;
        if (h.list_len > IMAGE_LIST_MAX)
                return -EFBIG;
        r = read_all(fd, SEAL_HEADER_LEN + (size_t)h.list_len, &head);
        if (r < 0)
                return r;
        if (memcmp(head.p, row->header, SEAL_HEADER_LEN) != 0 ||
            seal_list_check(&h, head.p + SEAL_HEADER_LEN, (size_t)h.list_len, row->list) < 0)
                return -ESTALE;
        return 0;
}

static int ipxe_one(const struct catalog *c, const char *name, struct ipxe_set *set, struct file_id *id)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        _cleanup_(closep) int fd = file_open_in(c->ipxe_dir, name, id);
        int r = fd < 0 ? fd : read_all(fd, (size_t)id->size, &b);

        return r < 0 ? r : ipxe_set_add(set, name, b.p, b.len);
}

static const char *ipxe_why(int r)
{
        switch (r) {
        case -EBADMSG: return "it is no EFI program";
        case -ELOOP: return "it is a symbolic link";
        case -EBADF: return "it is no regular file";
        default: return strerror(-r);
        }
}

int ipxe_load(struct catalog *c, struct ipxe_set *ret, struct ipxe_file files[REFS_IPXE_MAX], struct unused *ret_unused)
{
        struct ipxe_set set = { 0 };
        DIR *d = opendir(c->ipxe_dir);
        struct dirent *e;

        if (!d)
                return -errno;
        while ((e = readdir(d))) {
                size_t n = strlen(e->d_name);
                size_t at = set.n;
                struct file_id id = { 0 };
                int r;

                if (n < 5 || strcmp(e->d_name + n - 4, ".efi") != 0)
                        continue;
                if (n > REFS_FILE_MAX || at == REFS_IPXE_MAX) {
                        unused_add(ret_unused, e->d_name,
                                   at == REFS_IPXE_MAX ? "there are too many iPXE binaries" : "its name is too long");
                        continue;
                }
                r = ipxe_one(c, e->d_name, &set, &id);
                if (r < 0) {
                        unused_add(ret_unused, e->d_name, ipxe_why(r));
                        continue;
                }
                (void)snprintf(files[at].name, sizeof(files[at].name), "%s", e->d_name);
                files[at].id = id;
        }
        (void)closedir(d);
        unused_log(ret_unused, c->ipxe_dir, "iPXE",
                   "put an iPXE binary for UEFI there that musterd's user can read, or remove the file; then systemctl reload musterd");
        *ret = set;
        return (int)set.n;
}
