/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.h - boots, images, iPXE binaries and firmware profiles in memory.
 *
 * The store keeps their rows; the catalogue adds what is computed from the
 * files: references, identities, whether the file is still the one that
 * was added. Readers hold the read lock (catalog_read()/catalog_done())
 * while they use what a find returned; nobody takes it twice, and nobody
 * takes it inside a store transaction. Changers take the write lock first,
 * then the store's transaction, commit, and then change the memory. Files
 * are named by exact entry; no text from the network reaches open(). */
#ifndef MUSTER_CATALOG_H
#define MUSTER_CATALOG_H

#include "choices.h"
#include "conf.h"
#include "profile.h"
#include "refs.h"
#include "store.h"
#include "tpmadvice.h"
#include "unused.h"

#include <sys/stat.h>

/* What fstat() says of the file that was hashed. */
struct file_id {
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec mtime;
};

struct catalog_boot {
        struct catalog_boot *next;
        struct boot_row row;
        struct boot_ref ref;
        struct file_id id;
        bool usable; /* the file was there and unaltered when it was read */
        int64_t told; /* when the log said that it is not served; monotonic seconds, 0: it did not */
};

struct catalog_image {
        struct catalog_image *next;
        struct image_row row;
        struct file_id id;
        bool usable;
        int64_t told;
};

struct catalog_profile {
        struct catalog_profile *next;
        char name[PROFILE_NAME_MAX + 1];
        char *json[PROFILE_SLOTS]; /* NULL: empty */
        struct profile parsed[PROFILE_SLOTS];
};

struct catalog;

int catalog_open(const struct conf *conf, struct store *store, struct catalog **ret, struct fail *fail);
void catalog_free(struct catalog *c);
int catalog_reload_ipxe(struct catalog *c); /* number of binaries, or negative */
/* Without a catalogue: which files of the directory would not be used. */
int catalog_look_at_ipxe(const struct conf *conf, struct unused *ret);
const char *catalog_ipxe_unused(struct catalog *c, struct unused *ret); /* the directory; no lock needed */
int catalog_reload_advices(struct catalog *c); /* number of advisories, or negative: those read before stay */
const struct tpm_advices *catalog_advices(struct catalog *c); /* NULL: none were read */
/* -ENOENT: there is no such file. */
int advices_read(const char *path, struct tpm_advices **ret, struct fail *fail);

/* Reads again what another musterd changed: catalog_write() does it too, so
 * that who changes something changes what is there now. */
void catalog_follow(struct catalog *c);
void catalog_read(struct catalog *c);
void catalog_write(struct catalog *c);
void catalog_done(struct catalog *c);

const struct catalog_boot *catalog_boots(struct catalog *c);
const struct catalog_image *catalog_images(struct catalog *c);
const struct catalog_profile *catalog_profiles(struct catalog *c);
const struct catalog_boot *catalog_boot(struct catalog *c, const char *name);   /* NULL: none */
const struct catalog_image *catalog_image(struct catalog *c, const char *name); /* "" is none */
const struct catalog_profile *catalog_profile(struct catalog *c, const char *name);
const struct ipxe_set *catalog_ipxe(struct catalog *c);
const char *catalog_default(struct catalog *c, bool image, bool previous); /* "" when none */
unsigned catalog_choice(struct catalog *c, enum choice which);             /* index of its value */

/* Is the file there now, and still the one that was read? */
bool catalog_boot_usable(const struct catalog *c, const struct catalog_boot *b);
bool catalog_image_usable(const struct catalog *c, const struct catalog_image *i);

/* Opens the file behind a catalogued name, after checking that it is still
 * the one that was hashed: -ENOENT (not catalogued), -ESTALE (altered). The
 * tag is of the content: other parents that serve the same file have it too. */
struct served {
        uint64_t size;
        char etag[80]; /* with its quotes; "" for an iPXE binary, which may change under its name */
};
int catalog_open_boot_file(struct catalog *c, const char *file, struct served *ret); /* iPXE binaries too */
int catalog_open_image_file(struct catalog *c, const char *file, struct served *ret);

/* Changes; under the write lock and inside a store transaction. They write
 * the store, and the memory follows with catalog_reload(), after commit. */
int catalog_boot_prepare(struct catalog *c, struct boot_row *row, struct fail *fail); /* hashes; no lock needed */
int catalog_image_prepare(struct catalog *c, const struct image_row *row, struct fail *fail);
/* Deletes a file of an entry that is no more, unless another entry has it too. Who is loading it keeps it until he has it
 * whole. Under the write lock, after the reload: 0, -EEXIST (another has it) or negative errno. */
int catalog_delete_file(struct catalog *c, bool image, const char *file);
int catalog_set_default(struct catalog *c, bool image, const char *name);
int catalog_set_choice(struct catalog *c, enum choice which, unsigned value);
int catalog_reload(struct catalog *c);          /* boots, images, defaults */
int catalog_reload_choices(struct catalog *c);
int catalog_reload_profiles(struct catalog *c);

/* Why a command line may not be served: a static text, or NULL. */
const char *cmdline_refused(const char *cmdline, bool allow_shell);

#endif
