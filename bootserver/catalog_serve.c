/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_files.h"

#include "hex.h"
#include "names.h"
#include "seal.h"

#include <fcntl.h>
#include <time.h>

static int reopen(const char *dir, const char *file, const struct file_id *known, const char *tag, struct served *ret)
{
        struct file_id id;
        int fd = file_open_in(dir, file, &id);

        if (fd < 0)
                return fd;
        if (!file_id_same(&id, known)) {
                (void)close(fd);
                log_err("%s/%s is not served: it changed after it was added. Next: add it again under a new name", dir,
                        file);
                return -ESTALE;
        }
        ret->size = (uint64_t)id.size;
        (void)snprintf(ret->etag, sizeof(ret->etag), tag[0] ? "\"%s\"" : "%s", tag);
        return fd;
}

static bool there(const char *dir, const char *file, const struct file_id *known)
{
        struct file_id id;
        int fd = file_open_in(dir, file, &id);

        closep(&fd);
        return fd >= 0 && file_id_same(&id, known);
}

bool catalog_boot_usable(const struct catalog *c, const struct catalog_boot *b)
{
        return b->usable && there(c->boot_dir, b->row.file, &b->id);
}

bool catalog_image_usable(const struct catalog *c, const struct catalog_image *i)
{
        return i->usable && there(c->image_dir, i->row.file, &i->id);
}

/* A node asks for what is in the catalogue and not on the disk: said once a minute, for anybody can ask. */
static void tell_missing(int64_t *told, const char *kind, const char *name, const char *dir, const char *file)
{
        int64_t before = __atomic_load_n(told, __ATOMIC_RELAXED);
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        if ((before && now.tv_sec - before < 60) ||
            !__atomic_compare_exchange_n(told, &before, (int64_t)now.tv_sec, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
                return;
        log_err("%s %s was asked for and is not served: %s/%s is gone or was altered. Next: put the file back and restart musterd, or "
                "`muster %s remove %s`", kind, name, dir, file, kind, name);
}

int catalog_delete_file(struct catalog *c, bool image, const char *file)
{
        _cleanup_(closep) int dir = -1;

        if (!file_name_ok(file))
                return -EINVAL;
        for (const struct catalog_boot *b = c->boots; b && !image; b = b->next)
                if (strcmp(b->row.file, file) == 0)
                        return -EEXIST;
        for (const struct catalog_image *i = c->images; i && image; i = i->next)
                if (strcmp(i->row.file, file) == 0)
                        return -EEXIST;
        dir = open(image ? c->image_dir : c->boot_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return dir < 0 || unlinkat(dir, file, 0) < 0 ? -errno : 0;
}

int catalog_open_boot_file(struct catalog *c, const char *file, struct served *ret)
{
        int r = -ENOENT;

        catalog_read(c);
        for (struct catalog_boot *b = c->boots; b && r == -ENOENT; b = b->next)
                if (strcmp(b->row.file, file) == 0) {
                        if (b->usable)
                                r = reopen(c->boot_dir, b->row.file, &b->id, b->row.sha256, ret);
                        if (r == -ENOENT)
                                tell_missing(&b->told, "boot", b->row.name, c->boot_dir, file);
                }
        for (size_t i = 0; i < c->ipxe.n && r == -ENOENT; i++)
                if (strcmp(c->ipxe_files[i].name, file) == 0)
                        r = reopen(c->ipxe_dir, c->ipxe_files[i].name, &c->ipxe_files[i].id, "", ret);
        catalog_done(c);
        return r;
}

/* An image is sealed once under its random id. */
int catalog_open_image_file(struct catalog *c, const char *file, struct served *ret)
{
        int r = -ENOENT;

        catalog_read(c);
        for (struct catalog_image *i = c->images; i && r == -ENOENT; i = i->next) {
                struct seal_header h = { 0 };
                char tag[HEX_LEN(sizeof(h.image_id))] = "";

                if (strcmp(i->row.file, file) != 0)
                        continue;
                if (seal_header_parse(i->row.header, sizeof(i->row.header), &h) == 0)
                        hex_encode(h.image_id, sizeof(h.image_id), tag);
                if (i->usable)
                        r = reopen(c->image_dir, i->row.file, &i->id, tag, ret);
                if (r == -ENOENT)
                        tell_missing(&i->told, "image", i->row.name, c->image_dir, file);
        }
        catalog_done(c);
        return r;
}

int catalog_boot_prepare(struct catalog *c, struct boot_row *row, struct fail *fail)
{
        struct catalog_boot b = { 0 };
        const char *why = NULL;
        int r;

        if (!cmdline_ok(row->cmdline))
                return fail_set(fail, -EINVAL, "", "use printable ASCII, single spaces, no ${, && or ||",
                                "add boot %s: iPXE cannot pass this command line on unchanged", row->name);
        why = cmdline_refused(row->cmdline, row->allow_shell);
        if (why)
                return fail_set(fail, -EINVAL, "", "correct the command line, or allow a shell knowingly (--allow-shell)",
                                "add boot %s: %s", row->name, why);
        r = boot_load(c, row, true, &b);
        boot_ref_free(&b.ref);
        if (r == -EBADMSG || r == -ENOEXEC)
                return fail_set(fail, r, "", "give a UKI, as `muster boot build` or ukify makes it",
                                "add boot %s: %s is no unified kernel image", row->name, row->file);
        if (r == -ENOTSUP)
                return fail_set(fail, r, "", "muster uki FILE says why; make one for x86-64 with systemd-stub 252 to 257",
                                "add boot %s: what %s makes a TPM measure is not known", row->name, row->file);
        if (r == -EILSEQ || r == -ENOTUNIQ)
                return fail_set(fail, r, "", "embed one in printable ASCII, without blanks at its ends",
                                "add boot %s: how the stub of %s reads its embedded command line is not known", row->name, row->file);
        if (r < 0)
                return fail_set(fail, r, "", "put the file there first, readable by musterd", "add boot %s: %s/%s: %s",
                                row->name, c->boot_dir, row->file, strerror(-r));
        return 0;
}

int catalog_image_prepare(struct catalog *c, const struct image_row *row, struct fail *fail)
{
        struct seal_header h;
        struct file_id id;
        int r = image_load(c, row, &id);

        if (r == -EPROTO || r == -EBADMSG)
                return fail_set(fail, -EBADMSG, "", "seal it again with `muster image add`",
                                "add image %s: %s is no sealed image of this version", row->name, row->file);
        if (r == -ESTALE)
                return fail_set(fail, r, "", "give the values of the file as it was sealed",
                                "add image %s: size, header or list are not those of %s/%s", row->name, c->image_dir, row->file);
        if (r < 0)
                return fail_set(fail, r, "", "put the file there first, readable by musterd", "add image %s: %s/%s: %s",
                                row->name, c->image_dir, row->file, strerror(-r));
        r = seal_header_parse(row->header, sizeof(row->header), &h);
        if (r < 0 || h.plain_size != row->plain_size)
                return fail_set(fail, -EBADMSG, "", "seal it again with `muster image add`",
                                "add image %s: the header of %s says something else", row->name, row->file);
        return 0;
}
