/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_files.h - the catalogue's contact with the file system, and its
 * insides; for catalog*.c only. */
#ifndef MUSTER_CATALOG_FILES_H
#define MUSTER_CATALOG_FILES_H

#include "catalog.h"

#include <pthread.h>

#define BOOT_FILE_MAX ((size_t)512 << 20)
#define IMAGE_LIST_MAX ((uint64_t)128 << 20) /* of an image of 1 TiB */

struct ipxe_file {
        char name[REFS_FILE_MAX + 1];
        struct file_id id;
};

struct catalog {
        pthread_rwlock_t lock;
        atomic_bool behind; /* another musterd changed something, or the last reading failed */
        struct store *store;
        char boot_dir[CONF_STR];
        char image_dir[CONF_STR];
        char ipxe_dir[CONF_STR];
        struct catalog_boot *boots;
        struct catalog_image *images;
        struct catalog_profile *profiles;
        struct ipxe_set ipxe;
        struct ipxe_file ipxe_files[REFS_IPXE_MAX];
        struct unused ipxe_unused;
        char standard[2][2][NAME_MAX_LEN + 1]; /* [image][previous] */
        unsigned choice[CHOICES];
        char advices_file[CONF_STR];
        struct tpm_advices *advices;
};

void file_id_of(const struct stat *st, struct file_id *ret);
/* A regular file in dir, not a link: a descriptor, or negative errno. */
int file_open_in(const char *dir, const char *name, struct file_id *ret);
bool file_id_same(const struct file_id *a, const struct file_id *b);

int boot_load(const struct catalog *c, struct boot_row *row, bool fill_digest, struct catalog_boot *ret);
/* The file's header and list are those of the row. -ESTALE: they are not.
 * -EPROTO: it was sealed by another version of `muster image add`. */
int image_load(const struct catalog *c, const struct image_row *row, struct file_id *ret);
int ipxe_load(struct catalog *c, struct ipxe_set *ret, struct ipxe_file files[REFS_IPXE_MAX],
              struct unused *ret_unused);

#endif
