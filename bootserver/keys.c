/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include "conf.h"

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
        return r < 0 ? keys_bad(fail, r, dir, "ca.pem", "holds no PEM certificate") : 0;
}

static int load_server(const char *dir, struct keys *k, struct fail *fail)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        time_t from = 0;
        time_t to = 0;
        int r = keys_read(dir, "server.pem", false, &k->server_pem, fail);

        if (r == 0)
                r = keys_read(dir, "server.key", true, &k->server_key, fail);
        if (r < 0)
                return r;
        r = pki_cert_from_pem(k->server_pem.p, k->server_pem.len, &cert);
        if (r < 0)
                return keys_bad(fail, r, dir, "server.pem", "holds no PEM certificate");
        r = pki_key_from_pem(k->server_key.p, k->server_key.len, &key);
        if (r < 0)
                return keys_bad(fail, r, dir, "server.key", "holds no PEM private key");
        r = pki_cert_has_key(cert, key);
        if (r < 0)
                return keys_bad(fail, r, dir, "server.key", "does not belong to server.pem");
        if (!pki_is_parent_cert(cert))
                return keys_bad(fail, -EKEYREJECTED, dir, "server.pem", "is not a parent's certificate, nodes refuse it");
        r = pki_cert_times(cert, &from, &to);
        if (r == 0 && to < time(NULL))
                log_warn("the certificate %s/server.pem has expired. Next: renew it with `muster init --renew`", dir);
        return 0;
}

int keys_load(const char *dir, struct keys *ret, struct fail *fail)
{
        _cleanup_(keys_wipe) struct keys k = { 0 };
        int r = load_ca(dir, &k, fail);

        if (r == 0)
                r = load_server(dir, &k, fail);
        if (r < 0)
                return r;
        *ret = k;
        k = (struct keys){ 0 };
        return 0;
}

void keys_forget_server(struct keys *k)
{
        buf_wipe(&k->server_key);
}

void keys_wipe(struct keys *k)
{
        EVP_PKEY_free(k->policy);
        buf_wipe(&k->ca_pem);
        buf_wipe(&k->server_pem);
        buf_wipe(&k->server_key);
        wipe(k, sizeof(*k));
}
