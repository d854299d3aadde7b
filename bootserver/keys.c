/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include "conf.h"
#include "signer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

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

int keys_read(const char *dir, const char *name, bool private_only, struct buf *ret, struct fail *fail)
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

int keys_bad(struct fail *fail, int r, const char *dir, const char *name, const char *why)
{
        return fail_set(fail, r, "", "restore it from the backup of the parent's keys", "the key file %s/%s %s", dir,
                        name, why);
}

static int load_ca(const char *dir, struct keys *k, struct fail *fail)
{
        _cleanup_(X509_freep) X509 *cert = NULL;
        int r = keys_read(dir, "ca.pem", false, &k->ca_pem, fail);

        if (r < 0)
                return r;
        r = pki_cert_from_pem(k->ca_pem.p, k->ca_pem.len, &cert);
        if (r < 0)
                return keys_bad(fail, r, dir, "ca.pem", "holds no PEM certificate");
        r = pki_cert_subject(cert, &k->ca_name);
        return r < 0 ? keys_bad(fail, r, dir, "ca.pem", "has no subject") : 0;
}

static int load_pair(const char *dir, const char *cert_name, const char *key_name, struct keys *k, struct fail *fail)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        char why[64];
        time_t from = 0;
        time_t to = 0;
        int r = keys_read(dir, cert_name, false, &k->server_pem, fail);

        if (r == 0)
                r = keys_read(dir, key_name, true, &k->server_key, fail);
        if (r < 0)
                return r;
        r = pki_cert_from_pem(k->server_pem.p, k->server_pem.len, &cert);
        if (r < 0)
                return keys_bad(fail, r, dir, cert_name, "holds no PEM certificate");
        r = pki_key_from_pem(k->server_key.p, k->server_key.len, &key);
        if (r < 0)
                return keys_bad(fail, r, dir, key_name, "holds no PEM private key");
        r = pki_cert_has_key(cert, key);
        (void)snprintf(why, sizeof(why), "does not belong to %s", cert_name);
        if (r < 0)
                return keys_bad(fail, r, dir, key_name, why);
        if (!pki_is_parent_cert(cert))
                return keys_bad(fail, -EKEYREJECTED, dir, cert_name, "is not a parent's certificate, nodes refuse it");
        r = pki_cert_times(cert, &from, &to);
        if (r == 0 && to < time(NULL))
                log_warn("the certificate %s/%s has expired. Next: renew it with `muster init --renew`", dir, cert_name);
        return 0;
}

/* `more` behind `to`, both NUL-terminated texts. */
static int append(struct buf *to, const struct buf *more)
{
        struct buf b = { .p = malloc(to->len + more->len + 1), .len = to->len + more->len };

        if (!b.p)
                return -ENOMEM;
        memcpy(b.p, to->p, to->len);
        memcpy(b.p + to->len, more->p, more->len);
        b.p[b.len] = '\0';
        buf_wipe(to);
        *to = b;
        return 0;
}

static int append_if_there(const char *dir, const char *name, struct buf *to, struct fail *fail)
{
        _cleanup_(buf_wipe) struct buf text = { 0 };
        char path[512];
        int r = conf_path(dir, name, path, sizeof(path));

        if (r == 0 && access(path, F_OK) < 0 && errno == ENOENT)
                return 0;
        if (r == 0)
                r = keys_read(dir, name, false, &text, fail);
        if (r == 0)
                r = append(to, &text);
        return r == -ENOMEM ? fail_set(fail, r, "", "free memory on this machine", "no memory for the keys") : r;
}

/* What `muster rotate` has replaced and not yet removed: the certificate and
 * key that are shown to nodes which still trust the previous CA, and that CA
 * itself, for the nodes' own peers. */
static int load_previous(const char *dir, struct keys *k, struct fail *fail)
{
        _cleanup_(keys_wipe) struct keys old = { 0 };
        char path[512];
        int r = append_if_there(dir, "ca-previous.pem", &k->ca_pem, fail);

        if (r == 0)
                r = conf_path(dir, "server-previous.pem", path, sizeof(path));
        if (r < 0 || (access(path, F_OK) < 0 && errno == ENOENT))
                return r;
        r = load_pair(dir, "server-previous.pem", "server-previous.key", &old, fail);
        if (r == 0)
                r = append(&k->server_pem, &old.server_pem);
        if (r == 0)
                r = append(&k->server_key, &old.server_key);
        return r == -ENOMEM ? fail_set(fail, r, "", "free memory on this machine", "no memory for the keys") : r;
}

int keys_load(const char *dir, struct keys *ret, struct fail *fail)
{
        _cleanup_(keys_wipe) struct keys k = { 0 };
        int r = load_ca(dir, &k, fail);

        if (r == 0)
                r = load_pair(dir, "server.pem", "server.key", &k, fail);
        if (r == 0)
                r = load_previous(dir, &k, fail);
        if (r < 0)
                return r;
        *ret = k;
        k = (struct keys){ 0 };
        return 0;
}

int keys_take_public(struct keys *k, struct signer_public *p)
{
        uint8_t name[POLICY_NAME_LEN];

        for (size_t i = 0; i < KEYS_POLICY && p->policy[i]; i++) {
                k->policy[k->n_policy++] = take_ptr(p->policy[i]);
                if (policy_key_name(k->policy[i], name) < 0)
                        return -EIO;
                memcpy(k->policy_id[i], name + POLICY_NAME_LEN - DIGEST_LEN, DIGEST_LEN);
        }
        memcpy(k->ssh_ca, p->ssh_ca, sizeof(k->ssh_ca));
        k->store_previous = p->store_previous;
        return 0;
}

void keys_forget_server(struct keys *k)
{
        buf_wipe(&k->server_key);
}

void keys_wipe(struct keys *k)
{
        for (size_t i = 0; i < k->n_policy; i++)
                EVP_PKEY_free(k->policy[i]);
        buf_wipe(&k->ca_pem);
        buf_wipe(&k->ca_name);
        buf_wipe(&k->server_pem);
        buf_wipe(&k->server_key);
        wipe(k, sizeof(*k));
}
