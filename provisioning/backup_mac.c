/* SPDX-License-Identifier: Apache-2.0 */
/* Whose backup it is: a MAC of its manifest, which has the digests of all
 * files, under a key of the cluster's store key. Who can only write where
 * backups are kept cannot make it. */
#include "backup.h"

#include "files.h"
#include "hex.h"

#include <openssl/hmac.h>

#define MAC_FILE "manifest.mac"
#define MAC_LABEL "muster backup v1"
#define STORE_KEY_LEN 32

/* HMAC(HMAC(store key, label), manifest); -ENOENT: there is no such key. */
static int mac_of(const char *etc, const char *key_name, const struct buf *manifest, uint8_t ret[DIGEST_LEN])
{
        _cleanup_(buf_wipe) struct buf key = { 0 };
        uint8_t own[DIGEST_LEN];
        char path[PATH_MAX];
        unsigned n = 0;
        bool made;
        int r;

        (void)snprintf(path, sizeof(path), "%.3000s/pki/%s", etc, key_name);
        r = file_read(path, STORE_KEY_LEN, &key);
        if (r < 0)
                return r;
        if (key.len != STORE_KEY_LEN)
                return -EBADMSG;
        made = HMAC(EVP_sha256(), key.p, STORE_KEY_LEN, (const uint8_t *)MAC_LABEL, strlen(MAC_LABEL), own, &n) &&
               HMAC(EVP_sha256(), own, sizeof(own), manifest->p, manifest->len, ret, &n) && n == DIGEST_LEN;
        wipe(own, sizeof(own));
        return made ? 0 : -EIO;
}

int backup_mac_write(const char *dir, const char *etc, const struct buf *manifest)
{
        uint8_t mac[DIGEST_LEN];
        char hex[HEX_LEN(DIGEST_LEN)];
        char path[PATH_MAX];
        int r = mac_of(etc, "store.key", manifest, mac);

        if (r < 0)
                return r;
        hex_encode(mac, sizeof(mac), hex);
        (void)snprintf(path, sizeof(path), "%.3000s/" MAC_FILE, dir);
        return file_make(path, hex, strlen(hex), 0600);
}

enum backup_proof backup_mac_check(const char *dir, const char *etc, const struct buf *manifest)
{
        static const char *const keys[] = { "store.key", "store-previous.key" };
        _cleanup_(buf_wipe) struct buf given = { 0 };
        enum backup_proof proof = BACKUP_NO_KEY;
        char path[PATH_MAX];
        bool there;

        (void)snprintf(path, sizeof(path), "%.3000s/" MAC_FILE, dir);
        there = file_read(path, HEX_LEN(DIGEST_LEN), &given) == 0;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                uint8_t mac[DIGEST_LEN];
                char hex[HEX_LEN(DIGEST_LEN)];

                if (mac_of(etc, keys[i], manifest, mac) < 0)
                        continue;
                hex_encode(mac, sizeof(mac), hex);
                if (there && same_bytes(given.p, given.len, hex, strlen(hex)))
                        return BACKUP_AUTHENTIC;
                proof = BACKUP_ALTERED;
        }
        return proof;
}
