/* SPDX-License-Identifier: Apache-2.0 */
/* imagelook.h - what is in a root file system, and whether a node can boot it.
 *
 * A list of the files is made of a directory or of a squashfs
 * (image_look_tree(), image_look_squashfs(): I/O). imagelook_judge() decides
 * by that list and by the text of two files; it and the list's functions are
 * pure. A list owns its memory until imagelist_free(). */
#ifndef MUSTER_IMAGELOOK_H
#define MUSTER_IMAGELOOK_H

#include "log.h"

#include <limits.h>
#include <sys/types.h>

/* More than any system has: a list that grows beyond is not looked through. */
#define IMAGELIST_ENTRIES_MAX ((size_t)4 << 20)
#define IMAGELIST_TEXT_MAX ((size_t)1 << 29)
#define IMAGELOOK_TEXT_MAX 65536 /* of a file that is read */

struct imagelist_entry {
        size_t path; /* offset in text; "etc/ssh", "" for the root itself */
        size_t link; /* offset of a link's target, or 0 */
        mode_t mode; /* type and permissions */
        uint16_t path_len;
        bool whiteout; /* the overlay's: a device 0,0 */
};

struct imagelist {
        struct imagelist_entry *entries;
        size_t n, n_max;
        char *text; /* begins with an empty string */
        size_t text_len, text_max;
        size_t acls;              /* files with a POSIX ACL, which a squashfs cannot hold */
        char first_acl[PATH_MAX]; /* the first of them */
};

/* path: relative, without "./". -E2BIG: beyond the limits above; -ENOMEM. */
int imagelist_add(struct imagelist *l, const char *path, size_t path_len, mode_t mode, bool whiteout, const char *link,
                  size_t link_len);
/* NULL: not there. Follows no link. */
const struct imagelist_entry *imagelist_at(const struct imagelist *l, const char *path);
/* The same with every link followed inside the tree, as a process whose root directory it is would.
 * ret_path (may be NULL) is where that led, also when nothing is there. */
const struct imagelist_entry *imagelist_find(const struct imagelist *l, const char *path, char ret_path[PATH_MAX]);
void imagelist_free(struct imagelist *l);

enum imagelook_file { IMAGELOOK_SSHD_CONFIG, IMAGELOOK_MACHINE_ID, IMAGELOOK_FILES };
extern const char *const imagelook_files[IMAGELOOK_FILES]; /* paths in the tree */

struct imagelook {
        struct imagelist list;
        struct buf files[IMAGELOOK_FILES]; /* p NULL: not there, or no regular file; followed by a NUL */
};

struct imagelook_finding {
        bool refuse; /* a node cannot boot it; else it is only told */
        char what[320];
        const char *next;
};

#define IMAGELOOK_FINDINGS_MAX 16
struct imagelook_findings {
        size_t n;
        struct imagelook_finding v[IMAGELOOK_FINDINGS_MAX];
};

/* What is to be said of it: refusals first, in the order in which they matter. */
void imagelook_judge(const struct imagelook *l, struct imagelook_findings *ret);
/* The first refusal, or NULL. */
const struct imagelook_finding *imagelook_refusal(const struct imagelook_findings *f);

/* List and texts. 0 or an exit code of cli.h with f filled. */
int image_look_tree(const char *dir, struct imagelook *ret, struct fail *f);
int image_look_squashfs(const char *file, struct imagelook *ret, struct fail *f);
void imagelook_wipe(struct imagelook *l);

#endif
