/* SPDX-License-Identifier: Apache-2.0 */
#include "sshtext.h"
#include "cursor.h"
#include "hex.h"
#include "pkikey.h"

#include <openssl/rand.h>

#define BLOB_MAX 4096
#define PRIVATE_MAX 1024
#define LINE_WIDTH 70
#define PAD_TO 8

static const char key_magic[15] = "openssh-key-v1"; /* its NUL is part of it */
static const char pem_begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
static const char pem_end[] = "-----END OPENSSH PRIVATE KEY-----\n";

static void put_string(struct wbuf *w, const void *p, size_t n)
{
        wb_u32be(w, (uint32_t)n);
        wb_put(w, p, n);
}

static void put_text(struct wbuf *w, const char *s)
{
        wb_put(w, s, strlen(s));
}

bool ssh_text_ok(const char *s, size_t max)
{
        size_t n = strnlen(s, max + 1);

        if (n > max)
                return false;
        for (size_t i = 0; i < n; i++)
                if (s[i] < 0x20 || s[i] > 0x7E)
                        return false;
        return true;
}

void ssh_public_blob(const uint8_t public_key[SSH_KEY_LEN], uint8_t ret[SSH_PUBLIC_BLOB_LEN])
{
        struct wbuf w = wb_of(ret, SSH_PUBLIC_BLOB_LEN);

        put_string(&w, SSH_KEY_TYPE, strlen(SSH_KEY_TYPE));
        put_string(&w, public_key, SSH_KEY_LEN);
}

/* head ‖ base64(blob) ‖ " " comment ‖ "\n" */
static int line(const char *head, const uint8_t *blob, size_t len, const char *comment, struct buf *ret)
{
        size_t b64 = B64_LEN(len) - 1, n;
        char *p;

        if (!ssh_text_ok(comment, SSH_COMMENT_MAX) || len > BLOB_MAX)
                return -EINVAL;
        n = strlen(head) + b64 + (comment[0] ? 1 + strlen(comment) : 0) + 1;
        p = malloc(n + 1);
        if (!p)
                return -ENOMEM;
        memcpy(p, head, strlen(head));
        b64_encode(blob, len, p + strlen(head));
        (void)snprintf(p + strlen(head) + b64, n + 1 - strlen(head) - b64, "%s%s\n", comment[0] ? " " : "", comment);
        *ret = (struct buf){ (uint8_t *)p, n };
        return 0;
}

int sshcert_text(const uint8_t *blob, size_t len, const char *comment, struct buf *ret)
{
        return line(SSH_CERT_TYPE " ", blob, len, comment, ret);
}

int ssh_public_text(const uint8_t public_key[SSH_KEY_LEN], const char *comment, struct buf *ret)
{
        uint8_t blob[SSH_PUBLIC_BLOB_LEN];

        ssh_public_blob(public_key, blob);
        return line(SSH_KEY_TYPE " ", blob, sizeof(blob), comment, ret);
}

int ssh_authority_text(const uint8_t ca_key[SSH_KEY_LEN], const char *patterns, const char *comment, struct buf *ret)
{
        uint8_t blob[SSH_PUBLIC_BLOB_LEN];
        char head[512];
        int n;

        if (!ssh_text_ok(patterns, SSH_COMMENT_MAX) || patterns[0] == '\0' || strchr(patterns, ' '))
                return -EINVAL;
        n = snprintf(head, sizeof(head), "@cert-authority %s %s ", patterns, SSH_KEY_TYPE);
        if (n < 0 || (size_t)n >= sizeof(head))
                return -EINVAL;
        ssh_public_blob(ca_key, blob);
        return line(head, blob, sizeof(blob), comment, ret);
}

/* The part that a pass phrase would encrypt. */
static void private_section(const uint8_t seed[SSH_KEY_LEN], const uint8_t public_key[SSH_KEY_LEN], uint32_t check,
                            const char *comment, struct wbuf *w)
{
        wb_u32be(w, check);
        wb_u32be(w, check);
        put_string(w, SSH_KEY_TYPE, strlen(SSH_KEY_TYPE));
        put_string(w, public_key, SSH_KEY_LEN);
        wb_u32be(w, 2 * SSH_KEY_LEN);
        wb_put(w, seed, SSH_KEY_LEN);
        wb_put(w, public_key, SSH_KEY_LEN);
        put_string(w, comment, strlen(comment));
        for (uint8_t pad = 1; w->err == 0 && w->len % PAD_TO != 0; pad++)
                wb_u8(w, pad);
}

static int private_blob(const uint8_t seed[SSH_KEY_LEN], const char *comment, struct wbuf *w)
{
        uint8_t public_key[SSH_KEY_LEN], blob[SSH_PUBLIC_BLOB_LEN], section[PRIVATE_MAX];
        struct wbuf s = wb_of(section, sizeof(section));
        uint32_t check;
        int r;

        if ((r = ssh_public_from_seed(seed, public_key)) < 0)
                return r;
        if (RAND_bytes((uint8_t *)&check, sizeof(check)) != 1)
                return -EIO;
        private_section(seed, public_key, check, comment, &s);
        ssh_public_blob(public_key, blob);
        wb_put(w, key_magic, sizeof(key_magic));
        put_string(w, "none", 4); /* cipher */
        put_string(w, "none", 4); /* kdf */
        put_string(w, NULL, 0);   /* kdf options */
        wb_u32be(w, 1);
        put_string(w, blob, sizeof(blob));
        put_string(w, section, s.len);
        wipe(section, sizeof(section));
        return s.err < 0 || w->err < 0 ? -EINVAL : 0;
}

/* Armour: base64 in lines between the two markers. */
static int private_armour(const struct wbuf *blob, struct buf *ret)
{
        char b64[B64_LEN(PRIVATE_MAX)];
        size_t n = B64_LEN(blob->len) - 1, max = n + n / LINE_WIDTH + 1 + sizeof(pem_begin) + sizeof(pem_end);
        struct wbuf w = wb_of(malloc(max), max);

        if (!w.p)
                return -ENOMEM;
        b64_encode(blob->p, blob->len, b64);
        put_text(&w, pem_begin);
        for (size_t i = 0; i < n; i += LINE_WIDTH) {
                wb_put(&w, b64 + i, n - i < LINE_WIDTH ? n - i : LINE_WIDTH);
                put_text(&w, "\n");
        }
        put_text(&w, pem_end);
        wb_u8(&w, '\0');
        wipe(b64, sizeof(b64));
        if (w.err < 0) {
                wipe(w.p, max);
                free(w.p);
                return -EIO;
        }
        *ret = (struct buf){ w.p, w.len - 1 };
        return 0;
}

int ssh_private_text(const uint8_t seed[SSH_KEY_LEN], const char *comment, struct buf *ret)
{
        uint8_t b[PRIVATE_MAX];
        struct wbuf w = wb_of(b, sizeof(b));
        int r;

        if (!ssh_text_ok(comment, SSH_COMMENT_MAX))
                return -EINVAL;
        if ((r = private_blob(seed, comment, &w)) == 0)
                r = private_armour(&w, ret);
        wipe(b, sizeof(b));
        return r;
}

int ssh_public_from_pkey(const EVP_PKEY *key, uint8_t ret[SSH_KEY_LEN])
{
        size_t n = SSH_KEY_LEN;
        enum pki_type type;

        if (pki_key_type(key, &type) < 0 || type != PKI_ED25519)
                return -EINVAL;
        return EVP_PKEY_get_raw_public_key(key, ret, &n) == 1 && n == SSH_KEY_LEN ? 0 : -EIO;
}

int ssh_public_from_seed(const uint8_t seed[SSH_KEY_LEN], uint8_t ret[SSH_KEY_LEN])
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        int r = pki_key_from_raw(PKI_ED25519, seed, &key);

        return r < 0 ? r : ssh_public_from_pkey(key, ret);
}
