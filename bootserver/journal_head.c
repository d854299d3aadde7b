/* SPDX-License-Identifier: Apache-2.0 */
#include "journal_head.h"

#include "hex.h"
#include "log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>

#define HEAD_LEN 128
#define HEAD_MAGIC "muster journal head v1 "

static int parse(const char *text, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN])
{
        const char *p = text + strlen(HEAD_MAGIC);
        uint8_t hash[DIGEST_LEN];
        size_t n = 0;
        uint64_t seq = 0;

        if (strncmp(text, HEAD_MAGIC, strlen(HEAD_MAGIC)) != 0)
                return -EBADMSG;
        for (; *p >= '0' && *p <= '9' && seq < INT64_MAX / 10; p++)
                seq = seq * 10 + (uint64_t)(*p - '0');
        if (*p++ != ' ' || seq == 0 || strlen(p) < HEX_LEN(DIGEST_LEN) - 1 ||
            hex_decode(p, HEX_LEN(DIGEST_LEN) - 1, hash, sizeof(hash), &n) < 0)
                return -EBADMSG;
        *ret_seq = seq;
        memcpy(ret_hash, hash, DIGEST_LEN);
        return 0;
}

int journal_head_open(const char *path, int *ret_fd, bool *ret_new, bool *ret_made, uint64_t *ret_seq,
                      uint8_t ret_hash[DIGEST_LEN])
{
        _cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        char text[HEAD_LEN + 1] = "";
        ssize_t n;
        int r = 0;

        *ret_new = fd >= 0;
        if (fd < 0 && errno == EEXIST)
                fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        n = pread(fd, text, HEAD_LEN, 0);
        if (n < 0)
                return -errno;
        *ret_seq = 0;
        memset(ret_hash, 0, DIGEST_LEN);
        *ret_made = n == 0;
        if (n > 0)
                r = parse(text, ret_seq, ret_hash);
        if (r < 0)
                return r;
        *ret_fd = fd;
        fd = -1;
        return 0;
}

void journal_head_note(int fd, uint64_t seq, const uint8_t hash[DIGEST_LEN])
{
        static atomic_bool told;
        char hex[HEX_LEN(DIGEST_LEN)];
        char text[HEAD_LEN + 1];
        int n;

        hex_encode(hash, DIGEST_LEN, hex);
        n = snprintf(text, sizeof(text), HEAD_MAGIC "%" PRIu64 " %s", seq, hex);
        memset(text + n, '\n', (size_t)(HEAD_LEN - n));
        if (pwrite(fd, text, HEAD_LEN, 0) != HEAD_LEN && !atomic_exchange(&told, true))
                log_warn("cannot note the journal's head: %s. Next: check the disk that holds the state directory",
                         strerror(errno));
}
