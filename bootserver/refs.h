/* SPDX-License-Identifier: Apache-2.0 */
/* refs.h - what a boot must measure, computed from what the parent serves.
 *
 * Pure. A boot_ref is made from a UKI file's prediction (uki.h) and the
 * command line of its boot entry; a set of iPXE binaries is a list of
 * Authenticode digests. A boot_ref that boot_ref_make() did not complete
 * (`complete` false) matches nothing. boot_ref_free() and ipxe_set_free()
 * accept zeroed structs. -EBADMSG: the file is no UKI; -ENOTSUP, -EILSEQ,
 * -ENOTUNIQ: one that cannot be predicted (uki.h); -ENOMEM; -E2BIG: a
 * name or command line too long; -EINVAL: an empty one. */
#ifndef MUSTER_REFS_H
#define MUSTER_REFS_H

#include "mem.h"

#define REFS_NAME_MAX 63
#define REFS_FILE_MAX 127
#define REFS_CMDLINE_MAX 2047
#define REFS_IPXE_MAX 16

/* PCR 12 and 9 in one of the two ways the stub finds its command line. */
struct boot_case {
        uint8_t pcr12[DIGEST_LEN];
        uint8_t pcr9[DIGEST_LEN];
        uint8_t options[DIGEST_LEN]; /* load options as the kernel measures them */
        bool embedded;               /* .cmdline is used: nothing in PCR 12 */
};

struct boot_ref {
        bool complete;
        char name[REFS_NAME_MAX + 1]; /* of the boot entry */
        char file[REFS_FILE_MAX + 1]; /* what iPXE fetches: the image name it prepends */
        char *cmdline;                /* without the image name */
        char *embedded;               /* the UKI's .cmdline as its stub reads it, or NULL */
        uint8_t uki[DIGEST_LEN];      /* Authenticode */
        uint8_t kernel[DIGEST_LEN];   /* Authenticode of .linux */
        uint8_t pcr11[DIGEST_LEN];
        uint8_t initrd[DIGEST_LEN];
        bool has_initrd;
        char version[64];             /* of the kernel, for people; "": it does not say */
        struct boot_case plain;  /* load options replace .cmdline */
        struct boot_case secure; /* Secure Boot on and .cmdline embedded */
};

struct ipxe_set {
        size_t n;
        struct {
                char file[REFS_FILE_MAX + 1];
                uint8_t digest[DIGEST_LEN]; /* Authenticode */
        } v[REFS_IPXE_MAX];
};

/* `file` is the basename in the URL that the iPXE script chains. */
int boot_ref_make(const char *name, const char *file, const char *cmdline, const uint8_t *uki, size_t len,
                  struct boot_ref *ret);
void boot_ref_free(struct boot_ref *r);

int ipxe_set_add(struct ipxe_set *s, const char *file, const uint8_t *pe, size_t len);
const char *ipxe_set_find(const struct ipxe_set *s, const uint8_t digest[DIGEST_LEN]);

#endif
