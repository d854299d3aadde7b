/* SPDX-License-Identifier: Apache-2.0 */
/* backup.h - what `muster backup` writes and `muster restore` reads: a
 * directory that holds
 *
 *   manifest.json   when, of what, and for each file its size and SHA-256
 *   manifest.mac    its MAC, under a key of the store key
 *   muster.db       one snapshot of the database
 *   etc/            the configuration; with --with-keys the private keys too,
 *                   and whatever is not known to be public
 *   state/          boot/ and ipxe/; with --with-images images/ too
 *
 * Functions return 0 or an exit code of cli.h with f filled. */
#ifndef MUSTER_BACKUP_H
#define MUSTER_BACKUP_H

#include "cli.h"
#include "store.h"

#include <limits.h>
#include <sys/types.h>

#define BACKUP_VERSION 1

/* What the file at a path in a backup is, by that path alone. */
enum backup_sort {
        BACKUP_FOREIGN,   /* no backup has such a file */
        BACKUP_DB,
        BACKUP_STATE,     /* below state/ */
        BACKUP_OPEN,      /* of etc/: anybody may read it */
        BACKUP_KEY,       /* of etc/: a private key in use */
        BACKUP_OPEN_KEPT, /* the public part of a key that is being replaced: never put back by itself */
        BACKUP_KEPT,      /* what may be private: never put back by itself either */
};

enum backup_sort backup_sort(const char *rel);
mode_t backup_mode(enum backup_sort s);
extern const char *const backup_keys[]; /* names of the private keys in use, in pki/; NULL at the end */

/* Everything under from/ named by `want` goes to dir/to and into files. */
struct backup {
        char dir[PATH_MAX];
        struct json_object *files;    /* of the manifest */
        struct json_object *left_out; /* what else is there */
        bool keys;
        bool images;
        bool authentic; /* it has a MAC */
};

int backup_etc(struct backup *b, const char *etc, struct fail *f);
int backup_state(struct backup *b, const char *state, struct fail *f);
int backup_note(struct backup *b, const char *rel, struct fail *f); /* a file that is there already */
/* What the snapshot holds goes into the manifest `o`. */
int backup_count(const char *db, struct json_object *o, struct fail *f);

/* Negative errno; -ENOENT, -EACCES: there is no store key to make it with. */
int backup_mac_write(const char *dir, const char *etc, const struct buf *manifest);

enum backup_proof {
        BACKUP_NO_KEY,    /* there is no store key to say it with */
        BACKUP_ALTERED,   /* altered, made under another store key, or without one */
        BACKUP_AUTHENTIC, /* as a holder of the store key, or of the previous one, made it */
};
enum backup_proof backup_mac_check(const char *dir, const char *etc, const struct buf *manifest);

/* The manifest of dir, after every file was found to be as it says. What is
 * not authentic by the store key in etc is refused, unless `any`. */
int backup_verify(const char *dir, const char *etc, bool any, bool *ret_authentic, struct json_object **ret, struct fail *f);

/* Is the database in this file an older musterd's, to be brought up to date first? */
bool backup_is_older(const char *db);

struct restore {
        const char *from; /* the backup */
        const char *etc;
        const char *state;
        const char *user;   /* NULL: what musterd.conf says */
        const char *socket; /* NULL: as it was */
        bool force;
        bool any;       /* a backup that is not authentic, too */
        bool authentic; /* it is the cluster's own, unaltered */
        struct json_object *manifest;
        struct json_object *report;
        int64_t now;
};

/* The state, made beside and put in place in one step. */
int restore_state(struct restore *r, struct fail *f);
/* The configuration and keys that are not there yet. */
int restore_etc(struct restore *r, struct fail *f);
/* Fails when something there belongs to another cluster. */
int restore_etc_check(const struct restore *r, struct fail *f);

/* One line of the report. */
void restore_note(struct restore *r, const char *fmt, ...) _printf_(2, 3);

/* Revocations, quarantines and removals of the state that was there, and all
 * that follows here, into `to`, inside its transaction; `made` is the state
 * that is being made. What cannot be read is noted; negative errno when `to`
 * cannot be written. */
#define RESTORE_OLD_COPY ".old" /* in it: the state that was there, brought up to date to be read */
int restore_nodes(struct restore *r, const char *made, struct store *to);

/* Of the state that was there (`old`) into the one that is restored, inside
 * its transaction: the stricter choices, and the higher counters of the same
 * AK. The rest that goes back is told. What cannot be read of `old` sets
 * ret_lost; negative errno when `to` cannot be written. */
int restore_choices(struct restore *r, struct store *old, struct store *to, bool *ret_lost);
int restore_counters(struct restore *r, struct store *old, struct store *to, bool *ret_lost);
void restore_tell_back(struct restore *r, struct store *old, struct store *to, bool *ret_lost);

/* SHA-256 of a file, as hex. */
int backup_digest(const char *path, char ret[65], int64_t *ret_size);

#endif
