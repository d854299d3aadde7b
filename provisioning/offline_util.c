/* SPDX-License-Identifier: Apache-2.0 */
#include "offline_util.h"

#include "files.h"
#include "hex.h"

#include <openssl/err.h>
#include <openssl/pem.h>

int offline_bad(const char *what, const char *path, const char *why, const char *next)
{
        struct fail f;

        (void)fail_set(&f, 0, "", next, "%s %s: %s", what, path, why);
        return cli_fail(OFFLINE_BAD, &f);
}

int offline_read(const char *what, const char *path, size_t max, struct buf *ret)
{
        int r = file_read(path, max, ret);

        if (r == -EFBIG)
                return offline_bad(what, path, "the file is too large for one", "check that it is the right file");
        if (r < 0)
                return offline_bad(what, path, strerror(-r), "check the path and its permissions");
        return OFFLINE_OK;
}

static EVP_PKEY *pem_key(const struct buf *b)
{
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(b->p, (int)b->len);
        EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, (void *)(uintptr_t)"") : NULL;

        ERR_clear_error();
        return key;
}

static EVP_PKEY *der_key(const struct buf *b)
{
        const uint8_t *p = b->p;
        EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)b->len);

        ERR_clear_error();
        if (key && p != b->p + b->len) {
                EVP_PKEY_free(key);
                key = NULL;
        }
        return key;
}

int offline_key(const struct buf *b, EVP_PKEY **ret, struct tpmpub *ret_pub, bool *ret_has_pub)
{
        struct tpmpub pub;
        EVP_PKEY *key = NULL;
        int r;

        *ret_has_pub = false;
        if (b->len == 0 || b->len > 65536)
                return -EBADMSG;
        if (memmem(b->p, b->len, "-----BEGIN ", 11)) {
                key = pem_key(b);
        } else if (b->p[0] == 0x30) {
                key = der_key(b);
        } else {
                r = tpmpub_parse_any(b->p, b->len, &pub);
                if (r == 0)
                        r = tpmpub_pkey(&pub, &key);
                if (r < 0)
                        return r;
                *ret_pub = pub;
                *ret_has_pub = true;
        }
        if (!key)
                return -EBADMSG;
        *ret = key;
        return 0;
}

void json_add(struct json_object *o, const char *key, struct json_object *v)
{
        (void)json_object_object_add(o, key, v);
}

void json_add_text(struct json_object *o, const char *key, const char *text)
{
        json_add(o, key, text ? json_object_new_string(text) : NULL);
}

static struct json_object *hex_value(const void *p, size_t n)
{
        _cleanup_(freep) char *s = malloc(HEX_LEN(n));

        if (!s)
                return NULL;
        hex_encode(p, n, s);
        return json_object_new_string(s);
}

void json_add_hex(struct json_object *o, const char *key, const void *p, size_t n)
{
        json_add(o, key, hex_value(p, n));
}

void json_push_hex(struct json_object *array, const void *p, size_t n)
{
        (void)json_object_array_add(array, hex_value(p, n));
}
