/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "jout.h"
#include "pki.h"
#include "sshcert.h"
#include "version.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char *const files[] = { "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "ssh_host_ed25519_key-cert.pub",
                                     "tls.key", "tls.crt", "ca.crt", "name", "boot.json" };

static int open_run_dir(const char *path)
{
        int fd;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, 0700) < 0) {
                int r = -errno;

                (void)close(fd);
                return r;
        }
        return fd;
}

void node_output_remove(const char *run_dir)
{
        _cleanup_(closep) int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        for (size_t i = 0; dir >= 0 && i < ELEMENTSOF(files); i++)
                (void)unlinkat(dir, files[i], 0);
}

static int put(int dir, const char *name, mode_t mode, struct buf *b)
{
        int r = file_write_at(dir, name, mode, b->p, b->len);

        buf_wipe(b);
        return r;
}

static int write_ssh(struct node *n, int dir)
{
        const struct verdict *v = &n->verdict;
        uint8_t public[SSH_KEY_LEN];
        struct buf b = { 0 };
        int r = ssh_private_text(n->key[NV_SSH], v->name, &b);

        if (r == 0)
                r = put(dir, "ssh_host_ed25519_key", 0600, &b);
        if (r == 0)
                r = ssh_public_from_seed(n->key[NV_SSH], public);
        if (r == 0)
                r = ssh_public_text(public, v->name, &b);
        if (r == 0)
                r = put(dir, "ssh_host_ed25519_key.pub", 0644, &b);
        if (r == 0)
                r = sshcert_text(v->cert_ssh.p, v->cert_ssh.len, v->name, &b);
        if (r == 0)
                r = put(dir, "ssh_host_ed25519_key-cert.pub", 0644, &b);
        return r;
}

static int write_tls(struct node *n, int dir)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        const struct verdict *v = &n->verdict;
        struct buf b = { 0 };
        int r = pki_key_from_raw(PKI_P256, n->key[NV_TLS], &key);

        if (r == 0)
                r = pki_key_to_pem(key, &b);
        if (r == 0)
                r = put(dir, "tls.key", 0600, &b);
        if (r == 0)
                r = pki_cert_from_der(v->cert_tls.p, v->cert_tls.len, &cert);
        if (r == 0)
                r = pki_cert_to_pem(cert, &b);
        if (r == 0)
                r = put(dir, "tls.crt", 0644, &b);
        if (r == 0)
                r = file_write_at(dir, "ca.crt", 0644, v->ca, strlen(v->ca));
        return r;
}

int node_output_keys(struct node *n)
{
        _cleanup_(closep) int dir = open_run_dir(n->opt->run_dir);
        char name[80];
        int r;

        n->keys_out = true;
        r = dir < 0 ? dir : write_ssh(n, dir);
        if (r == 0)
                r = write_tls(n, dir);
        if (r == 0) {
                (void)snprintf(name, sizeof(name), "%s\n", n->verdict.name);
                r = file_write_at(dir, "name", 0644, name, strlen(name));
        }
        return r < 0 ? fail_set(&n->f, r, "E-MOUNT", "see whether this directory can be written",
                                "write the keys to %s: %s", n->opt->run_dir, strerror(-r))
                     : 0;
}

static void stages_out(struct jout *o, const struct node *n)
{
        jout_obj(o, "ms");
        for (size_t i = 0; i < n->n_stages; i++) {
                int64_t ms = n->stages[i].ms;
                size_t k;

                for (k = 0; k < i && strcmp(n->stages[k].name, n->stages[i].name) != 0; k++)
                        ;
                if (k < i) /* counted with its first */
                        continue;
                for (k = i + 1; k < n->n_stages; k++)
                        if (strcmp(n->stages[k].name, n->stages[i].name) == 0)
                                ms += n->stages[k].ms;
                jout_int(o, n->stages[i].name, ms);
        }
        jout_int(o, "total", stream_now_ms() - n->start);
        jout_end(o, '}');
}

static void tpm_out(struct jout *o, const struct tpm *t)
{
        jout_obj(o, "tpm");
        jout_str(o, "device", t->name);
        jout_int(o, "commands_total", t->counts.total);
        jout_obj(o, "commands");
        for (size_t i = 0; i < t->counts.n_by; i++) {
                const char *name = tpm_command_name(t->counts.by[i].code);
                char hex[16];

                (void)snprintf(hex, sizeof(hex), "0x%08x", t->counts.by[i].code);
                jout_int(o, name ? name : hex, t->counts.by[i].n);
        }
        jout_end(o, '}');
        jout_end(o, '}');
}

int node_output_facts(struct node *n)
{
        _cleanup_(closep) int dir = open_run_dir(n->opt->run_dir);
        _cleanup_(jout_wipe) struct jout o = { 0 };
        const struct verdict *v = &n->verdict;
        struct buf text = { 0 };
        int r;

        jout_obj(&o, NULL);
        jout_str(&o, "client", "muster-node " MUSTER_VERSION);
        jout_str(&o, "node", n->id_hex);
        jout_str(&o, "name", v->name);
        jout_str(&o, "boot", v->boot);
        jout_str(&o, "incident", n->incident[0] ? n->incident : NULL);
        jout_str(&o, "parent", n->parent);
        jout_str(&o, "image", n->manifest.name);
        jout_int(&o, "image_bytes", n->manifest.plain_size);
        jout_bool(&o, "bundle", v->has_bundle);
        jout_obj(&o, "nv");
        jout_str(&o, "ssh", nv_state_name(n->nv[NV_SSH]));
        jout_str(&o, "tls", nv_state_name(n->nv[NV_TLS]));
        jout_int(&o, "bytes_written", (int64_t)n->tpm->nv_written);
        jout_end(&o, '}');
        jout_bool(&o, "capped", n->capped);
        tpm_out(&o, n->tpm);
        stages_out(&o, n);
        jout_end(&o, '}');
        r = jout_take(&o, &text);
        if (r == 0 && dir >= 0)
                r = file_write_at(dir, "boot.json", 0644, text.p, text.len);
        buf_wipe(&text);
        return r < 0 ? r : dir < 0 ? dir : 0;
}
