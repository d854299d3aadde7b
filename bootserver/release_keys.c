/* SPDX-License-Identifier: Apache-2.0 */
#include "release.h"

#include "bundle.h"
#include "pki.h"
#include "sshcert.h"

static int make_keys(struct bundle_keys *keys, struct buf *ssh_key, struct buf *tls_key)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *ssh = NULL;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *tls = NULL;
        int r = pki_key_new(PKI_ED25519, &ssh);

        if (r == 0)
                r = pki_key_new(PKI_P256, &tls);
        if (r == 0)
                r = pki_key_raw(ssh, keys->ssh_seed);
        if (r == 0)
                r = pki_key_raw(tls, keys->tls_scalar);
        if (r == 0)
                r = pki_public_to_der(tls, tls_key);
        if (r < 0)
                return r;
        ssh_key->p = malloc(SSH_KEY_LEN);
        if (!ssh_key->p)
                return -ENOMEM;
        ssh_key->len = SSH_KEY_LEN;
        return ssh_public_from_pkey(ssh, ssh_key->p);
}

static void put(struct buf *to, struct buf *from)
{
        buf_wipe(to);
        *to = *from;
        *from = (struct buf){ 0 };
}

int release_keys(const struct server *srv, const struct attest *a, size_t policy, struct node *n, bool *ret_made)
{
        _cleanup_(bundle_keys_wipe) struct bundle_keys keys = { 0 };
        _cleanup_(bundle_wire_wipe) struct bundle_wire w = { 0 };
        _cleanup_(buf_wipe) struct buf ssh_key = { 0 };
        _cleanup_(buf_wipe) struct buf tls_key = { 0 };
        int r;

        *ret_made = false;
        if (n->bundle[0].len > 0 && n->ssh_key.len == SSH_KEY_LEN && n->tls_key.len > 0 &&
            n->has_policy_key && same_bytes(n->policy_key, DIGEST_LEN, srv->keys.policy_id[policy], DIGEST_LEN))
                return 0;
        r = make_keys(&keys, &ssh_key, &tls_key);
        if (r == 0)
                r = bundle_make(evidence_ek(a->ev), srv->keys.policy[policy], a->req.node, &keys, &w);
        if (r < 0)
                return r;
        put(&n->bundle[0], &w.public);
        put(&n->bundle[1], &w.duplicate);
        put(&n->bundle[2], &w.seed);
        put(&n->bundle[3], &w.data);
        put(&n->ssh_key, &ssh_key);
        put(&n->tls_key, &tls_key);
        memcpy(n->policy_key, srv->keys.policy_id[policy], DIGEST_LEN);
        n->has_policy_key = true;
        buf_wipe(&n->ssh_cert);
        buf_wipe(&n->tls_cert);
        *ret_made = true;
        return 0;
}

static bool fresh(const struct buf *cert, int64_t from, int64_t to, int64_t now)
{
        return cert->len > 0 && from <= now && (to - now) * 3 > to - from;
}

/* By the CA of now, and not by one that `muster rotate` has replaced: a
 * certificate holds its issuer's name, a host certificate its CA's key. */
static bool by_ca(const struct buf *cert, const void *ca, size_t len)
{
        return cert->len > 0 && memmem(cert->p, cert->len, ca, len) != NULL;
}

static void put_issued(struct signer_issued *i, struct buf *cert, int64_t *from, int64_t *to)
{
        put(cert, &i->cert);
        *from = i->from;
        *to = i->to;
}

int release_certs(const struct server *srv, const uint8_t id[DIGEST_LEN], struct node *n, int64_t now, bool *ret_made)
{
        uint32_t life = srv->conf.cert_days * 86400u;
        struct signer_issued i = { 0 };
        int r = 0;

        *ret_made = false;
        if (!fresh(&n->ssh_cert, n->ssh_from, n->ssh_to, now) || !by_ca(&n->ssh_cert, srv->keys.ssh_ca, sizeof(srv->keys.ssh_ca))) {
                r = signer_ssh(srv->signer, id, n->name, &n->ssh_key, life, &i);
                if (r < 0)
                        return r;
                put_issued(&i, &n->ssh_cert, &n->ssh_from, &n->ssh_to);
                *ret_made = true;
        }
        if (!fresh(&n->tls_cert, n->tls_from, n->tls_to, now) || !by_ca(&n->tls_cert, srv->keys.ca_name.p, srv->keys.ca_name.len)) {
                r = signer_tls(srv->signer, id, n->name, &n->tls_key, life, &i);
                if (r < 0)
                        return r;
                put_issued(&i, &n->tls_cert, &n->tls_from, &n->tls_to);
                *ret_made = true;
        }
        return 0;
}
