/* SPDX-License-Identifier: Apache-2.0 */
/* journal_head.h - a note of the journal's last event, beside the database.
 *
 * SQLite drops, without a word, what it finds damaged at the end of its
 * write-ahead log, and starts happily from an older copy of its file: the
 * releases and revocations of the last hours would be gone unseen. So after
 * each sync the seq and hash of the last event that it made durable go into the file
 * journal.head, 128 bytes, written in place and not synced: it may lag behind
 * the database, after a power cut, but never be ahead of it.
 *
 * journal_head_open() reads the note, or makes the file: 0 and 0 when there
 * was none or it was empty (*ret_made); -EBADMSG when it holds something
 * else. *ret_new: the file was made here. */
#ifndef MUSTER_JOURNAL_HEAD_H
#define MUSTER_JOURNAL_HEAD_H

#include "mem.h"

#define JOURNAL_HEAD_FILE "journal.head"

int journal_head_open(const char *path, int *ret_fd, bool *ret_new, bool *ret_made, uint64_t *ret_seq,
                      uint8_t ret_hash[DIGEST_LEN]);
/* What cannot be written is logged once; the commit stands all the same. */
void journal_head_note(int fd, uint64_t seq, const uint8_t hash[DIGEST_LEN]);

#endif
