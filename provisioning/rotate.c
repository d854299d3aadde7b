/* SPDX-License-Identifier: Apache-2.0 */
/* Replaces a key of the cluster: makes the new files, puts them in place. */
#include "rotate.h"

#include "digest.h"
#include "files.h"
#include "hex.h"
#include "pki.h"
#include "policy.h"
#include "sshcert.h"

#include <limits.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#define PARENT_YEARS 5
#define YEAR ((time_t)365 * 24 * 3600)
#define STORE_KEY_LEN 32
#define FILES 4

/* The files that change together. `kept`: how many of them, from the first
 * on, have a previous one that is still of use. */
static const struct kind {
        const char *name;
        const char *files[FILES];
        size_t kept;
        const char *unfinished; /* what new files are called: no two kinds take each other's for their own */
} kinds[ROTATE_KEYS] = {
        [ROTATE_POLICY] = { "policy", { "policy.key", "policy.pem" }, 2, ".new" },
        [ROTATE_SERVER] = { "server", { "server.key", "server.pem" }, 0, ".new" },
        [ROTATE_CA] = { "ca", { "ca.key", "ca.pem", "server.key", "server.pem" }, 4, ".ca.new" },
        [ROTATE_STORE] = { "store", { "store.key" }, 1, ".new" },
        [ROTATE_SSH_CA] = { "ssh-ca", { "ssh_ca", "ssh_ca.pub" }, 2, ".new" },
};

struct rotation {
        const char *pki;
        const struct kind *kind;
        size_t kept;
        time_t now;
        struct fail *f;
};

const char *rotate_name(enum rotate_key k)
{
        return kinds[k].name;
}

int rotate_find(const char *name, enum rotate_key *ret)
{
        for (size_t k = 0; k < ROTATE_KEYS; k++)
                if (strcmp(kinds[k].name, name) == 0) {
                        *ret = (enum rotate_key)k;
                        return 0;
                }
        return -ENOENT;
}

enum which { CURRENT, PREVIOUS, NEW };

/* policy.key: policy-previous.key and policy.key.new */
static void path_of(const struct rotation *o, const char *file, enum which w, char ret[PATH_MAX])
{
        const char *pki = o->pki;
        int stem = (int)strcspn(file, ".");

        if (w == PREVIOUS)
                (void)snprintf(ret, PATH_MAX, "%.3000s/%.*s-previous%s", pki, stem, file, file + stem);
        else
                (void)snprintf(ret, PATH_MAX, "%.3000s/%s%s", pki, file, w == NEW ? o->kind->unfinished : "");
}

static bool there(const struct rotation *o, const char *file, enum which w)
{
        char path[PATH_MAX];
        struct stat st;

        path_of(o, file, w, path);
        return lstat(path, &st) == 0;
}

/* How many of the kind's files are there in this form. */
static size_t count(const struct rotation *o, enum which w)
{
        size_t n = 0;

        for (size_t i = 0; i < FILES && o->kind->files[i]; i++)
                n += there(o, o->kind->files[i], w);
        return n;
}

static int io(struct rotation *o, const char *doing, const char *path, int r)
{
        return fail_set(o->f, MUSTER_IO, "", r == -EACCES || r == -EPERM ? "run it as root" : "check the directory and its free space",
                        "replace the %s key: %s %s: %s", o->kind->name, doing, path, strerror(-r));
}

static int write_new(struct rotation *o, const char *file, const struct buf *b, mode_t mode)
{
        char path[PATH_MAX];
        int r;

        path_of(o, file, NEW, path);
        r = file_make(path, b->p, b->len, mode);
        return r < 0 ? io(o, "write", path, r) : 0;
}

/* ---- the new files ---------------------------------------------------------- */

static int new_key(struct rotation *o, const char *file, enum pki_type type, EVP_PKEY **ret)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        int r = pki_key_new(type, &key);

        if (r == 0)
                r = pki_key_to_pem(key, &pem);
        if (r < 0)
                return io(o, "make", file, r);
        r = write_new(o, file, &pem, 0600);
        if (r == 0)
                *ret = take_ptr(key);
        return r;
}

static int read_cert(struct rotation *o, const char *file, X509 **ret)
{
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        char path[PATH_MAX];
        int r;

        path_of(o, file, CURRENT, path);
        r = file_read(path, PKI_PEM_MAX, &pem);
        if (r == 0)
                r = pki_cert_from_pem(pem.p, pem.len, ret);
        return r < 0 ? io(o, "read", path, r) : 0;
}

static int read_key(struct rotation *o, const char *file, EVP_PKEY **ret)
{
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        char path[PATH_MAX];
        int r;

        path_of(o, file, CURRENT, path);
        r = file_read(path, PKI_PEM_MAX, &pem);
        if (r == 0)
                r = pki_key_from_pem(pem.p, pem.len, ret);
        return r < 0 ? io(o, "read", path, r) : 0;
}

static int write_cert(struct rotation *o, const char *file, const X509 *cert)
{
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        int r = pki_cert_to_pem(cert, &pem);

        return r < 0 ? io(o, "make", file, r) : write_new(o, file, &pem, 0644);
}

/* A new key and certificate for this parent, with the names and addresses of
 * the certificate that it has. */
static int new_server(struct rotation *o, const struct pki_ca *ca)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *old = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        int r = read_cert(o, "server.pem", &old);

        if (r == 0)
                r = new_key(o, "server.key", PKI_P256, &key);
        if (r)
                return r;
        r = pki_reissue_parent(ca, old, key, o->now - 3600, o->now + PARENT_YEARS * YEAR, &cert);
        return r < 0 ? io(o, "make", "server.pem", r) : write_cert(o, "server.pem", cert);
}

/* Its name is its own, so that a client can say which one it trusts. */
static int ca_name(const EVP_PKEY *key, char ret[64])
{
        _cleanup_(buf_wipe) struct buf der = { 0 };
        uint8_t digest[DIGEST_LEN];
        char hex[HEX_LEN(4)];
        int r = pki_public_to_der(key, &der);

        if (r == 0)
                r = digest_sha256(der.p, der.len, digest);
        if (r < 0)
                return r;
        hex_encode(digest, 4, hex);
        (void)snprintf(ret, 64, "Muster cluster CA %s", hex);
        return 0;
}

static int new_ca(struct rotation *o)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        char name[64];
        int r = new_key(o, "ca.key", PKI_P256, &key);

        if (r)
                return r;
        r = ca_name(key, name);
        if (r == 0)
                r = pki_ca_new(key, name, o->now, &cert);
        if (r < 0)
                return io(o, "make", "ca.pem", r);
        r = write_cert(o, "ca.pem", cert);
        return r ? r : new_server(o, &(struct pki_ca){ cert, key });
}

static int new_pair_of_ca(struct rotation *o)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        int r = read_cert(o, "ca.pem", &cert);

        if (r == 0)
                r = read_key(o, "ca.key", &key);
        return r ? r : new_server(o, &(struct pki_ca){ cert, key });
}

static int new_policy(struct rotation *o)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(buf_wipe) struct buf pem = { 0 };
        int r = new_key(o, "policy.key", PKI_P256, &key);

        if (r)
                return r;
        r = pki_public_to_pem(key, &pem);
        return r < 0 ? io(o, "make", "policy.pem", r) : write_new(o, "policy.pem", &pem, 0644);
}

static int new_ssh_ca(struct rotation *o)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(buf_wipe) struct buf line = { 0 };
        uint8_t public[SSH_KEY_LEN];
        int r = new_key(o, "ssh_ca", PKI_ED25519, &key);

        if (r)
                return r;
        r = ssh_public_from_pkey(key, public);
        if (r == 0)
                r = ssh_public_text(public, "muster SSH host CA", &line);
        return r < 0 ? io(o, "make", "ssh_ca.pub", r) : write_new(o, "ssh_ca.pub", &line, 0644);
}

static int new_store_key(struct rotation *o)
{
        _cleanup_(buf_wipe) struct buf key = { .p = malloc(STORE_KEY_LEN), .len = STORE_KEY_LEN };

        if (!key.p || RAND_priv_bytes(key.p, STORE_KEY_LEN) != 1)
                return io(o, "make", "store.key", -EIO);
        return write_new(o, "store.key", &key, 0600);
}

/* ---- into place --------------------------------------------------------------- */

/* All new files are there. Each step may be the last before a power cut. */
static int put_in_place(struct rotation *o)
{
        char at[PATH_MAX];
        char to[PATH_MAX];

        for (size_t i = 0; i < o->kept; i++) {
                path_of(o, o->kind->files[i], CURRENT, at);
                path_of(o, o->kind->files[i], PREVIOUS, to);
                if (there(o, o->kind->files[i], NEW) && link(at, to) < 0 && errno != EEXIST)
                        return io(o, "keep", to, -errno);
        }
        path_of(o, o->kind->files[0], CURRENT, to);
        if (dir_sync(to) < 0)
                return io(o, "sync the directory of", to, -errno);
        for (size_t i = 0; i < FILES && o->kind->files[i]; i++) {
                path_of(o, o->kind->files[i], NEW, at);
                path_of(o, o->kind->files[i], CURRENT, to);
                if (rename(at, to) < 0 && errno != ENOENT)
                        return io(o, "put in place", to, -errno);
        }
        return dir_sync(to) < 0 ? io(o, "sync the directory of", to, -errno) : 0;
}

static int remove_all(struct rotation *o, enum which w)
{
        char path[PATH_MAX] = "";

        for (size_t i = 0; i < FILES && o->kind->files[i]; i++) {
                path_of(o, o->kind->files[i], w, path);
                if (unlink(path) < 0 && errno != ENOENT)
                        return io(o, "remove", path, -errno);
        }
        return dir_sync(path) < 0 ? io(o, "sync the directory of", path, -errno) : 0;
}

/* This parent's certificate is by the previous CA, when another parent's
 * `rotate ca` brought the new one: nodes may ask for either. */
static int server_kept(struct rotation *o, size_t *ret)
{
        _cleanup_(X509_freep) X509 *ca = NULL;
        _cleanup_(X509_freep) X509 *server = NULL;
        int r = read_cert(o, "ca.pem", &ca);

        if (r == 0)
                r = read_cert(o, "server.pem", &server);
        if (r)
                return r;
        *ret = X509_NAME_cmp(X509_get_issuer_name(server), X509_get_subject_name(ca)) != 0 &&
                               there(o, "ca.pem", PREVIOUS) && !there(o, "server.pem", PREVIOUS) ? 2 : 0;
        return 0;
}

static int make(struct rotation *o, enum rotate_key k)
{
        static int (*const makers[ROTATE_KEYS])(struct rotation *) = {
                [ROTATE_POLICY] = new_policy, [ROTATE_SERVER] = new_pair_of_ca, [ROTATE_CA] = new_ca,
                [ROTATE_STORE] = new_store_key, [ROTATE_SSH_CA] = new_ssh_ca,
        };
        int r;

        for (size_t i = 0; i < FILES && o->kind->files[i]; i++)
                if (!there(o, o->kind->files[i], CURRENT))
                        return fail_set(o->f, MUSTER_NO, "", "run muster init first, or give --etc DIR",
                                        "replace the %s key: %s/%s is not there", o->kind->name, o->pki, o->kind->files[i]);
        r = remove_all(o, NEW); /* never used: an attempt that ended before it had made them all */
        if (r == 0)
                r = makers[k](o);
        return r;
}

int rotate_look(const char *pki, enum rotate_key k, struct rotate_state *ret, struct fail *f)
{
        struct rotation o = { .pki = pki, .kind = &kinds[k], .f = f };
        char path[PATH_MAX];
        struct stat st;

        path_of(&o, kinds[k].files[0], CURRENT, path);
        if (lstat(path, &st) < 0)
                return fail_set(f, MUSTER_IO, "", "run it as root; give --etc DIR if the keys are elsewhere", "look at %s: %s", path,
                                strerror(errno));
        *ret = (struct rotate_state){ .two = kinds[k].kept > 0 && count(&o, PREVIOUS) > 0, .since = st.st_mtime };
        return 0;
}

int rotate_wanted(const char *pki, enum rotate_key k, char ret[ROTATE_WANTED], struct fail *f)
{
        struct rotation o = { .pki = pki, .kind = &kinds[k], .f = f };
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *ca = NULL;
        uint8_t name[POLICY_NAME_LEN];
        uint8_t *digest = name + POLICY_NAME_LEN - DIGEST_LEN;
        int r = 0;

        ret[0] = '\0';
        if (k == ROTATE_POLICY) {
                r = read_key(&o, "policy.key", &key);
                if (r == 0 && policy_key_name(key, name) < 0)
                        r = io(&o, "name", "policy.key", -EIO);
        } else if (k == ROTATE_CA) {
                r = read_cert(&o, "ca.pem", &ca);
                if (r == 0 && X509_NAME_digest(X509_get_subject_name(ca), EVP_sha256(), digest, NULL) != 1)
                        r = io(&o, "name", "ca.pem", -EIO);
        } else {
                return 0;
        }
        if (r == 0)
                hex_encode(digest, DIGEST_LEN, ret);
        return r;
}

int rotate_begin(const char *pki, enum rotate_key k, time_t now, bool *ret_resumed, struct fail *f)
{
        struct rotation o = { .pki = pki, .kind = &kinds[k], .kept = kinds[k].kept, .now = now, .f = f };
        bool two = o.kept > 0 && count(&o, PREVIOUS) > 0;
        int r = 0;

        *ret_resumed = two && count(&o, NEW) > 0;
        if (*ret_resumed)
                return put_in_place(&o);
        if (two)
                return fail_set(f, MUSTER_NO, "", "end that first: muster rotate KEY --finish, once all nodes have the new one",
                                "replace the %s key: the previous one is still accepted beside the current one", o.kind->name);
        if (k == ROTATE_SERVER)
                r = server_kept(&o, &o.kept);
        if (r == 0)
                r = make(&o, k);
        return r ? r : put_in_place(&o);
}

int rotate_finish(const char *pki, enum rotate_key k, struct fail *f)
{
        struct rotation o = { .pki = pki, .kind = &kinds[k], .f = f };

        if (kinds[k].kept == 0 || count(&o, PREVIOUS) == 0)
                return fail_set(f, MUSTER_NO, "", "see muster rotate", "remove the previous %s key: there is none", o.kind->name);
        if (count(&o, NEW) > 0)
                return fail_set(f, MUSTER_NO, "", "complete it first: muster rotate KEY",
                                "remove the previous %s key: its replacement was interrupted", o.kind->name);
        return remove_all(&o, PREVIOUS);
}
