/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"
#include "signer_impl.h"

#include <openssl/hmac.h>

static int load_private(const char *dir, const char *name, enum pki_type type, EVP_PKEY **ret, struct fail *fail)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        enum pki_type got;
        int r = keys_read(dir, name, true, &pem, fail);

        if (r < 0)
                return r;
        r = pki_key_from_pem(pem.p, pem.len, &key);
        if (r < 0)
                return keys_bad(fail, r, dir, name, "holds no PEM private key");
        r = pki_key_type(key, &got);
        if (r < 0 || got != type)
                return keys_bad(fail, r < 0 ? r : -EPROTONOSUPPORT, dir, name,
                                type == PKI_P256 ? "is not a P-256 key" : "is not an Ed25519 key");
        *ret = take_ptr(key);
        return 0;
}

static int load_ca(const char *dir, struct pki_ca *ca, struct fail *fail)
{
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        int r = keys_read(dir, "ca.pem", false, &pem, fail);

        if (r < 0)
                return r;
        r = pki_cert_from_pem(pem.p, pem.len, &ca->certificate);
        if (r < 0)
                return keys_bad(fail, r, dir, "ca.pem", "holds no PEM certificate");
        r = load_private(dir, "ca.key", PKI_P256, &ca->key, fail);
        if (r < 0)
                return r;
        r = pki_cert_has_key(ca->certificate, ca->key);
        return r < 0 ? keys_bad(fail, r, dir, "ca.key", "does not belong to ca.pem") : 0;
}

static int load_store_key(const char *dir, const char *name, uint8_t **ret, struct fail *fail)
{
        _cleanup_(buf_wipe) struct buf raw = { 0 };
        int r = keys_read(dir, name, true, &raw, fail);

        if (r < 0)
                return r;
        if (raw.len != STORE_KEY_LEN)
                return keys_bad(fail, -EBADMSG, dir, name, "is not 32 bytes long");
        *ret = OPENSSL_secure_malloc(STORE_KEY_LEN);
        if (!*ret)
                return fail_set(fail, -ENOMEM, "", "free memory on this machine", "no memory for the keys");
        memcpy(*ret, raw.p, STORE_KEY_LEN);
        return 0;
}

static bool is_there(const char *dir, const char *name)
{
        char path[512];

        return conf_path(dir, name, path, sizeof(path)) < 0 || access(path, F_OK) == 0 || errno != ENOENT;
}

/* A key of its own for MACs: the store key encrypts, and does nothing else. */
static int derive(const uint8_t *store_key, uint8_t **ret)
{
        static const uint8_t label[] = "muster ak tokens v1";
        unsigned n = 0;

        if (!store_key)
                return 0;
        *ret = OPENSSL_secure_malloc(SIGNER_TOKEN);
        if (!*ret)
                return -ENOMEM;
        return HMAC(EVP_sha256(), store_key, STORE_KEY_LEN, label, sizeof(label) - 1, *ret, &n) && n == SIGNER_TOKEN ? 0 : -EIO;
}

int signer_keys_derive(struct signer_keys *k)
{
        int r = derive(k->store_key, &k->token_key);

        return r < 0 ? r : derive(k->store_previous, &k->token_previous);
}

/* Those that `muster rotate` has replaced and that are still accepted. */
static int load_previous(const char *dir, struct signer_keys *k, struct fail *fail)
{
        int r = 0;

        if (is_there(dir, "policy-previous.key"))
                r = load_private(dir, "policy-previous.key", PKI_P256, &k->policy_previous, fail);
        if (r == 0 && is_there(dir, "store-previous.key"))
                r = load_store_key(dir, "store-previous.key", &k->store_previous, fail);
        return r;
}

int signer_keys_load(const char *dir, struct signer_keys *ret, struct fail *fail)
{
        _cleanup_(signer_keys_wipe) struct signer_keys k = { 0 };
        int r = load_ca(dir, &k.ca, fail);

        if (r == 0)
                r = load_private(dir, "policy.key", PKI_P256, &k.policy, fail);
        if (r == 0)
                r = load_private(dir, "ssh_ca", PKI_ED25519, &k.ssh_ca, fail);
        if (r == 0)
                r = load_store_key(dir, "store.key", &k.store_key, fail);
        if (r == 0)
                r = load_previous(dir, &k, fail);
        if (r < 0)
                return r;
        r = signer_keys_derive(&k);
        if (r < 0)
                return fail_set(fail, r, "", "free memory on this machine", "cannot derive a key of store.key: %s", strerror(-r));
        *ret = k;
        k = (struct signer_keys){ 0 };
        return 0;
}

void signer_keys_wipe(struct signer_keys *k)
{
        X509_free(k->ca.certificate);
        EVP_PKEY_free(k->ca.key);
        EVP_PKEY_free(k->policy);
        EVP_PKEY_free(k->policy_previous);
        EVP_PKEY_free(k->ssh_ca);
        OPENSSL_secure_clear_free(k->store_key, STORE_KEY_LEN);
        OPENSSL_secure_clear_free(k->store_previous, STORE_KEY_LEN);
        OPENSSL_secure_clear_free(k->token_key, SIGNER_TOKEN);
        OPENSSL_secure_clear_free(k->token_previous, SIGNER_TOKEN);
        *k = (struct signer_keys){ 0 };
}
