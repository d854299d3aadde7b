/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"
#include "init.h"
#include "pki.h"
#include "sshcert.h"

#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#define PARENT_YEARS 5
#define YEAR ((time_t)365 * 24 * 3600)
#define STORE_KEY_LEN 32

struct keys {
        const struct init_spec *s;
        struct init_report *r;
        struct fail *f;
};

static void key_path(const struct init_spec *s, const char *name, char ret[PATH_MAX])
{
        (void)snprintf(ret, PATH_MAX, "%s/pki/%s", s->etc, name);
}

static bool exists(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0;
}

static int write_new(struct keys *k, const char *path, const struct buf *b, mode_t mode)
{
        int r = file_make(path, b->p, b->len, mode);

        if (r < 0)
                return fail_set(k->f, MUSTER_IO, "", "check the directory and its free space", "write %s: %s", path,
                                strerror(-r));
        init_note(k->r, true, path);
        return 0;
}

/* A key that others can read is no secret any more: said, not repaired. */
static int check_mode(struct keys *k, const char *path)
{
        struct stat st;

        if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
                return fail_set(k->f, MUSTER_NO, "", "chmod 600 it, and think about who has read it",
                                "keep the key %s: others may read it (mode %04o)", path, st.st_mode & 07777);
        return 0;
}

/* Loads the key on file, or makes one. */
static int have_key(struct keys *k, const char *name, enum pki_type type, EVP_PKEY **ret)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        enum pki_type found = 0;
        char path[PATH_MAX];
        int r;

        key_path(k->s, name, path);
        if (exists(path)) {
                r = file_read(path, PKI_PEM_MAX, &pem);
                if (r == 0)
                        r = pki_key_from_pem(pem.p, pem.len, &key);
                if (r == 0)
                        r = pki_key_type(key, &found);
                if (r < 0 || found != type)
                        return fail_set(k->f, r == -EACCES ? MUSTER_IO : MUSTER_NO, "",
                                        "move it away if it is none of yours, or restore it from a backup",
                                        "read the key %s: %s", path,
                                        r < 0 ? strerror(-r) : "it is of another type than this one must be");
                r = check_mode(k, path);
                if (r)
                        return r;
                init_note(k->r, false, path);
        } else {
                r = pki_key_new(type, &key);
                if (r == 0)
                        r = pki_key_to_pem(key, &pem);
                if (r < 0)
                        return fail_set(k->f, MUSTER_IO, "", "", "make the key %s: %s", path, strerror(-r));
                r = write_new(k, path, &pem, 0600);
                if (r)
                        return r;
        }
        *ret = take_ptr(key);
        return 0;
}

/* A public file without its private key cannot be made good here. */
static int orphan(struct keys *k, const char *public, const char *private)
{
        char a[PATH_MAX];
        char b[PATH_MAX];

        key_path(k->s, public, a);
        key_path(k->s, private, b);
        if (exists(a) && !exists(b))
                return fail_set(k->f, MUSTER_NO, "", "restore the key from a backup, or move the other file away too",
                                "make the key %s: %s exists without it", b, a);
        return 0;
}

static int load_cert(struct keys *k, const char *path, const EVP_PKEY *key, X509 **ret)
{
        _cleanup_(X509_freep) X509 *cert = NULL;
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        int r = file_read(path, PKI_PEM_MAX, &pem);

        if (r == 0)
                r = pki_cert_from_pem(pem.p, pem.len, &cert);
        if (r == 0)
                r = pki_cert_has_key(cert, key);
        if (r < 0)
                return fail_set(k->f, MUSTER_NO, "", "restore it and its key from a backup, or move both away",
                                "read the certificate %s: %s", path,
                                r == -EKEYREJECTED ? "it is not of the key beside it" : strerror(-r));
        *ret = take_ptr(cert);
        return 0;
}

static int write_cert(struct keys *k, const char *path, const X509 *cert)
{
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        int r = pki_cert_to_pem(cert, &pem);

        if (r < 0)
                return fail_set(k->f, MUSTER_IO, "", "", "make the certificate %s: %s", path, strerror(-r));
        return write_new(k, path, &pem, 0644);
}

static int have_ca(struct keys *k, EVP_PKEY **ret_key, X509 **ret_cert)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        char path[PATH_MAX];
        int r;

        r = orphan(k, "ca.pem", "ca.key");
        if (r == 0)
                r = have_key(k, "ca.key", PKI_P256, &key);
        if (r)
                return r;
        key_path(k->s, "ca.pem", path);
        if (exists(path)) {
                r = load_cert(k, path, key, &cert);
                if (r == 0)
                        init_note(k->r, false, path);
        } else {
                r = pki_ca_new(key, "Muster cluster CA", k->s->now, &cert);
                if (r < 0)
                        return fail_set(k->f, MUSTER_IO, "", "", "make the certificate %s: %s", path, strerror(-r));
                r = write_cert(k, path, cert);
        }
        if (r)
                return r;
        *ret_key = take_ptr(key);
        *ret_cert = take_ptr(cert);
        return 0;
}

/* The certificate is replaced under --renew: the old one becomes server.pem.old. */
static int have_server(struct keys *k, const struct pki_ca *ca)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        char path[PATH_MAX];
        char old[PATH_MAX + 8];
        int r;

        r = orphan(k, "server.pem", "server.key");
        if (r == 0)
                r = have_key(k, "server.key", PKI_P256, &key);
        if (r)
                return r;
        key_path(k->s, "server.pem", path);
        if (exists(path) && !k->s->renew) {
                init_note(k->r, false, path);
                return load_cert(k, path, key, &cert);
        }
        if (k->s->n_addresses == 0)
                return fail_set(k->f, MUSTER_USAGE, "", "give --address, the parent's on the provisioning network",
                                "make the parent's certificate %s: no address to put in it", path);
        r = pki_issue_parent(ca, key, k->s->address[0], k->s->address, k->s->n_addresses, k->s->now - 3600,
                             k->s->now + PARENT_YEARS * YEAR, &cert);
        if (r < 0)
                return fail_set(k->f, r == -EINVAL ? MUSTER_USAGE : MUSTER_IO, "", "check --address",
                                "make the parent's certificate %s: %s", path, strerror(-r));
        (void)snprintf(old, sizeof(old), "%s.old", path);
        if (exists(path) && rename(path, old) < 0)
                return fail_set(k->f, MUSTER_IO, "", "", "rename %s to %s: %s", path, old, strerror(errno));
        r = write_cert(k, path, cert);
        if (r && exists(old))
                (void)rename(old, path);
        return r;
}

static int have_policy(struct keys *k)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        _cleanup_(buf_wipe) struct buf have = { 0 };
        char path[PATH_MAX];
        int r;

        r = orphan(k, "policy.pem", "policy.key");
        if (r == 0)
                r = have_key(k, "policy.key", PKI_P256, &key);
        if (r)
                return r;
        key_path(k->s, "policy.pem", path);
        r = pki_public_to_pem(key, &pem);
        if (r < 0)
                return fail_set(k->f, MUSTER_IO, "", "", "make the public key %s: %s", path, strerror(-r));
        if (!exists(path))
                return write_new(k, path, &pem, 0644);
        r = file_read(path, PKI_PEM_MAX, &have);
        if (r < 0 || !same_bytes(have.p, have.len, pem.p, pem.len))
                return fail_set(k->f, MUSTER_NO, "", "restore it and its key from a backup, or move both away",
                                "read the public key %s: %s", path,
                                r < 0 ? strerror(-r) : "it is not of the key beside it");
        init_note(k->r, false, path);
        return 0;
}

static int have_ssh_ca(struct keys *k)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(buf_wipe) struct buf line = { 0 };
        uint8_t public[SSH_KEY_LEN];
        char path[PATH_MAX];
        int r;

        r = orphan(k, "ssh_ca.pub", "ssh_ca");
        if (r == 0)
                r = have_key(k, "ssh_ca", PKI_ED25519, &key);
        if (r)
                return r;
        key_path(k->s, "ssh_ca.pub", path);
        if (exists(path)) {
                init_note(k->r, false, path);
                return 0;
        }
        r = ssh_public_from_pkey(key, public);
        if (r == 0)
                r = ssh_public_text(public, "muster SSH host CA", &line);
        if (r < 0)
                return fail_set(k->f, MUSTER_IO, "", "", "make the public key %s: %s", path, strerror(-r));
        return write_new(k, path, &line, 0644);
}

static int have_store_key(struct keys *k)
{
        _cleanup_(buf_wipe) struct buf key = { .p = malloc(STORE_KEY_LEN), .len = STORE_KEY_LEN };
        char path[PATH_MAX];
        char db[PATH_MAX];
        struct stat st;

        key_path(k->s, "store.key", path);
        if (stat(path, &st) == 0) {
                if (st.st_size != STORE_KEY_LEN)
                        return fail_set(k->f, MUSTER_NO, "", "restore it from a backup; without it no image can be served",
                                        "keep the key %s: it is not %d bytes long", path, STORE_KEY_LEN);
                init_note(k->r, false, path);
                return check_mode(k, path);
        }
        (void)snprintf(db, sizeof(db), "%.3000s/muster.db", k->s->state);
        if (exists(db))
                return fail_set(k->f, MUSTER_NO, "", "restore it from a backup made with --with-keys, or move the database away too",
                                "make the key %s: %s exists, whose images and attestation keys need the one that was there", path, db);
        if (!key.p || RAND_priv_bytes(key.p, STORE_KEY_LEN) != 1)
                return fail_set(k->f, MUSTER_IO, "", "", "make the key %s: no random numbers", path);
        return write_new(k, path, &key, 0600);
}

int init_keys(const struct init_spec *s, struct init_report *r, struct fail *f)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *ca_key = NULL;
        _cleanup_(X509_freep) X509 *ca_cert = NULL;
        struct keys k = { s, r, f };
        int rc;

        rc = have_ca(&k, &ca_key, &ca_cert);
        if (rc == 0)
                rc = have_server(&k, &(struct pki_ca){ ca_cert, ca_key });
        if (rc == 0)
                rc = have_policy(&k);
        if (rc == 0)
                rc = have_ssh_ca(&k);
        return rc ? rc : have_store_key(&k);
}

int init_known_hosts(const struct init_spec *s, char *ret, size_t n, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf line = { 0 };
        char path[PATH_MAX];
        int r;

        key_path(s, "ssh_ca.pub", path);
        r = file_read(path, 4096, &line);
        if (r < 0)
                return fail_set(f, MUSTER_IO, "", "", "read %s: %s", path, strerror(-r));
        line.p[strcspn((const char *)line.p, "\r\n")] = '\0';
        if (snprintf(ret, n, "@cert-authority %s %s", s->hosts, (const char *)line.p) >= (int)n)
                return fail_set(f, MUSTER_NO, "", "", "read %s: too long a line", path);
        return 0;
}
