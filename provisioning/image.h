/* SPDX-License-Identifier: Apache-2.0 */
/* image.h - the steps of `muster image add`: a file system image of what
 * the admin gives, and a sealed image of that.
 *
 * A job works in a private directory under STATE/images and leaves nothing
 * there: image_job_end() removes it, whatever happened. Functions return 0
 * or an exit code of cli.h with f filled. */
#ifndef MUSTER_IMAGE_H
#define MUSTER_IMAGE_H

#include "cli.h"
#include "seal.h"
#include "tool.h"

#include <limits.h>

enum image_kind { IMAGE_DIR, IMAGE_TAR, IMAGE_SQUASHFS, IMAGE_EROFS };

struct image_source {
        const char *path;
        enum image_kind kind;
        const char *unpacker; /* of a compressed tar: "zstd", …; else NULL */
};

struct image_job {
        const char *name;
        const char *source; /* as it was given, for messages; NULL: say the path */
        char dir[PATH_MAX];  /* STATE/images */
        char work[PATH_MAX]; /* "" while there is none; a path by descriptor (below.h) */
        int dir_fd, work_fd;
        char work_name[24]; /* in dir */
        bool unchecked;   /* what no node can boot is made too */
        bool progress;    /* a terminal watches */
        unsigned threads; /* to seal with; 0: all cores */
};

struct image_sealed {
        char base[192]; /* NAME-<16 hex>.sealed, in job->dir */
        uint64_t size;
        uint64_t plain_size;
        uint8_t header[SEAL_HEADER_LEN];
        uint8_t list[DIGEST_LEN]; /* of the list of chunk digests */
        uint8_t key[SEAL_KEY_LEN];
};

/* What the first bytes say it is. MUSTER_USAGE: none of the four. */
int image_look(const char *path, struct image_source *ret, struct fail *f);
/* The same, pure: the first 2 KiB of a regular file. -EBADMSG: neither. */
int image_recognise(const uint8_t *p, size_t len, enum image_kind *ret_kind, const char **ret_unpacker);

/* Removes first what runs that were killed have left there. */
int image_job_begin(struct image_job *j, struct fail *f);
void image_job_end(struct image_job *j);

/* May this process give files to any owner? Else what is unpacked has not the owners that it should have. */
bool image_can_own(void);
/* ret: the tree in j->work that a tar or an erofs was unpacked to (ret_root), or the source itself when there is nothing
 * to unpack, or when image_can_own() is not so and it is a tar. */
/* Runs argv with the tar, decompressed, as its standard input. */
int image_run_on_tar(const struct image_source *s, const char *const *argv, tool_tick_fn tick, void *ctx, struct fail *f);
int image_unpack(struct image_job *j, const struct image_source *s, char ret_root[PATH_MAX], struct image_source *ret,
                 struct fail *f);
/* The squashfs: the source itself, or one made in j->work. */
int image_make(struct image_job *j, const struct image_source *s, char ret[PATH_MAX], struct fail *f);
/* Seals it under a fresh key. On failure no sealed file is left. */
int image_seal(struct image_job *j, const char *image, struct image_sealed *ret, struct fail *f);

/* The reason and the next step of a tool's failure, put into f: a full disk, a missing permission, an archive that is
 * cut off are named as such. what: "unpack the tar X". */
void image_explain(const struct image_job *j, const char *what, struct fail *f);
/* Pure: do these words of tar, gzip, xz, zstd or bzip2 say that the archive ends too early? */
bool image_says_truncated(const char *words);

/* "\rLABEL  42 %" on standard error; total 0: "LABEL  12.3 MiB". */
void image_progress(const struct image_job *j, const char *label, uint64_t done, uint64_t total);
void image_progress_end(const struct image_job *j);

#endif
