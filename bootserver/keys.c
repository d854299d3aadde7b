/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include "conf.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#define GCM_NONCE 12
#define GCM_TAG 16

int keys_file_read(const char *path, size_t max, bool private_only, struct buf *ret)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_(buf_wipe) struct buf b = { 0 };
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        if (private_only && (st.st_mode & 077) != 0)
                return -EPERM;
        if ((uint64_t)st.st_size > max)
                return -EFBIG;
        b.p = malloc((size_t)st.st_size + 1);
        if (!b.p)
                return -ENOMEM;
        while (b.len < (size_t)st.st_size) {
                ssize_t n = read(fd, b.p + b.len, (size_t)st.st_size - b.len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                b.len += (size_t)n;
        }
        b.p[b.len] = '\0';
        *ret = b;
        b = (struct buf){ 0 };
        return 0;
}

static int read_key_file(const char *dir, const char *name, bool private_only, struct buf *ret, struct fail *fail)
{
        char path[512];
        int r = conf_path(dir, name, path, sizeof(path));

        if (r == 0)
                r = keys_file_read(path, PKI_PEM_MAX, private_only, ret);
        if (r == -EPERM)
                return fail_set(fail, r, "", "chmod 0600 it, and make sure that nobody copied it",
                                "the private key %s can be read by others", path);
        if (r < 0)
                return fail_set(fail, r, "", "run `muster init`, or restore it from the backup of the parent's keys",
                                "cannot read the key file %s/%s: %s", dir, name, strerror(-r));
        return 0;
}

static int bad_file(struct fail *fail, int r, const char *dir, const char *name, const char *why)
{
        return fail_set(fail, r, "", "restore it from the backup of the parent's keys", "the key file %s/%s %s", dir,
                        name, why);
}

static int load_private(const char *dir, const char *name, enum pki_type type, EVP_PKEY **ret, struct fail *fail)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        enum pki_type got;
        int r = read_key_file(dir, name, true, &pem, fail);

        if (r < 0)
                return r;
        r = pki_key_from_pem(pem.p, pem.len, &key);
        if (r < 0)
                return bad_file(fail, r, dir, name, "holds no PEM private key");
        r = pki_key_type(key, &got);
        if (r < 0 || got != type)
                return bad_file(fail, r < 0 ? r : -EPROTONOSUPPORT, dir, name,
                                type == PKI_P256 ? "is not a P-256 key" : "is not an Ed25519 key");
        *ret = take_ptr(key);
        return 0;
}

static int load_ca(const char *dir, struct keys *k, struct fail *fail)
{
        int r = read_key_file(dir, "ca.pem", false, &k->ca_pem, fail);

        if (r < 0)
                return r;
        r = pki_cert_from_pem(k->ca_pem.p, k->ca_pem.len, &k->ca.certificate);
        if (r < 0)
                return bad_file(fail, r, dir, "ca.pem", "holds no PEM certificate");
        r = load_private(dir, "ca.key", PKI_P256, &k->ca.key, fail);
        if (r < 0)
                return r;
        r = pki_cert_has_key(k->ca.certificate, k->ca.key);
        return r < 0 ? bad_file(fail, r, dir, "ca.key", "does not belong to ca.pem") : 0;
}

static int load_server(const char *dir, struct keys *k, struct fail *fail)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        time_t from = 0;
        time_t to = 0;
        int r = read_key_file(dir, "server.pem", false, &k->server_pem, fail);

        if (r == 0)
                r = read_key_file(dir, "server.key", true, &k->server_key, fail);
        if (r < 0)
                return r;
        r = pki_cert_from_pem(k->server_pem.p, k->server_pem.len, &cert);
        if (r < 0)
                return bad_file(fail, r, dir, "server.pem", "holds no PEM certificate");
        r = pki_key_from_pem(k->server_key.p, k->server_key.len, &key);
        if (r < 0)
                return bad_file(fail, r, dir, "server.key", "holds no PEM private key");
        r = pki_cert_has_key(cert, key);
        if (r < 0)
                return bad_file(fail, r, dir, "server.key", "does not belong to server.pem");
        if (!pki_is_parent_cert(cert))
                return bad_file(fail, -EKEYREJECTED, dir, "server.pem", "is not a parent's certificate, nodes refuse it");
        r = pki_cert_times(cert, &from, &to);
        if (r == 0 && to < time(NULL))
                log_warn("the certificate %s/server.pem has expired. Next: renew it with `muster init --renew`", dir);
        return 0;
}

int keys_load(const char *dir, struct keys *ret, struct fail *fail)
{
        _cleanup_(keys_wipe) struct keys k = { 0 };
        _cleanup_(buf_wipe) struct buf raw = { 0 };
        int r = load_ca(dir, &k, fail);

        if (r == 0)
                r = load_server(dir, &k, fail);
        if (r == 0)
                r = load_private(dir, "policy.key", PKI_P256, &k.policy, fail);
        if (r == 0)
                r = load_private(dir, "ssh_ca", PKI_ED25519, &k.ssh_ca, fail);
        if (r == 0)
                r = read_key_file(dir, "store.key", true, &raw, fail);
        if (r < 0)
                return r;
        if (raw.len != STORE_KEY_LEN)
                return bad_file(fail, -EBADMSG, dir, "store.key", "is not 32 bytes long");
        memcpy(k.store_key, raw.p, STORE_KEY_LEN);
        r = policy_key_name(k.policy, k.policy_name);
        if (r < 0)
                return bad_file(fail, r, dir, "policy.key", "cannot be used as a policy key");
        *ret = k;
        wipe(&k, sizeof(k));
        return 0;
}

void keys_forget_server(struct keys *k)
{
        buf_wipe(&k->server_key);
}

void keys_wipe(struct keys *k)
{
        X509_free(k->ca.certificate);
        EVP_PKEY_free(k->ca.key);
        EVP_PKEY_free(k->policy);
        EVP_PKEY_free(k->ssh_ca);
        buf_wipe(&k->ca_pem);
        buf_wipe(&k->server_pem);
        buf_wipe(&k->server_key);
        wipe(k, sizeof(*k));
}

static bool set_aad(EVP_CIPHER_CTX *c, const char *name, const uint8_t header[64])
{
        static const char label[] = "muster image key v1";
        int n = 0;

        return EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)label, sizeof(label) - 1) == 1 &&
               EVP_CipherUpdate(c, NULL, &n, header, 64) == 1 &&
               EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)name, (int)strlen(name)) == 1;
}

int keys_wrap(const struct keys *k, const char *name, const uint8_t header[64], const uint8_t key[32],
              uint8_t ret[WRAPPED_LEN])
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        uint8_t out[WRAPPED_LEN];
        int n = 0;

        if (!c)
                return -ENOMEM;
        if (RAND_bytes(out, GCM_NONCE) != 1 ||
            EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, k->store_key, out, 1) != 1 || !set_aad(c, name, header) ||
            EVP_CipherUpdate(c, out + GCM_NONCE, &n, key, 32) != 1 || n != 32 ||
            EVP_CipherFinal_ex(c, out + GCM_NONCE + 32, &n) != 1 ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, GCM_TAG, out + GCM_NONCE + 32) != 1)
                return -EIO;
        memcpy(ret, out, WRAPPED_LEN);
        return 0;
}

int keys_unwrap(const struct keys *k, const char *name, const uint8_t header[64], const uint8_t wrapped[WRAPPED_LEN],
                uint8_t ret[32])
{
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        uint8_t tag[GCM_TAG];
        uint8_t key[32];
        int n = 0;
        int r = 0;

        if (!c)
                return -ENOMEM;
        memcpy(tag, wrapped + GCM_NONCE + 32, GCM_TAG);
        if (EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, k->store_key, wrapped, 0) != 1 ||
            !set_aad(c, name, header) || EVP_CipherUpdate(c, key, &n, wrapped + GCM_NONCE, 32) != 1 || n != 32 ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, GCM_TAG, tag) != 1)
                r = -EIO;
        else if (EVP_CipherFinal_ex(c, tag, &n) != 1)
                r = -EKEYREJECTED;
        else
                memcpy(ret, key, 32);
        wipe(key, sizeof(key));
        return r;
}
