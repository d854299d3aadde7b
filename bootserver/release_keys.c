/* SPDX-License-Identifier: Apache-2.0 */
#include "release.h"

#include "bundle.h"
#include "names.h"
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

/* "::ffff:10.1.0.7" is the address 10.1.0.7; "" when certificates hold none. */
static const char *address_for(const struct server *srv, const char *from)
{
        static const char mapped[] = "::ffff:";

        if (strcmp(srv->conf.cert_addresses, "yes") != 0)
                return "";
        if (strncmp(from, mapped, sizeof(mapped) - 1) == 0 && strchr(from, '.'))
                from += sizeof(mapped) - 1;
        return address_ok(from) ? from : "";
}

static size_t put_name(uint8_t *to, const char *a, const char *b)
{
        char name[NAME_MAX_LEN + CONF_STR + 2];
        size_t n = (size_t)snprintf(name, sizeof(name), "%s%s%s", a, b[0] ? "." : "", b);

        to[0] = to[1] = 0;
        to[2] = (uint8_t)(n >> 8);
        to[3] = (uint8_t)n;
        memcpy(to + 4, name, n);
        return n + 4;
}

/* Does the host certificate hold exactly these principals? Its signature is
 * ours: it stands in our store. The TLS certificate is made along with it. */
static bool has_names(const struct buf *cert, const char *name, const char *domain, const char *address)
{
        uint8_t list[4 + 2 * (NAME_MAX_LEN + CONF_STR + 8) + 64] = { 0 };
        size_t n = 4 + put_name(list + 4, name, "");

        if (domain[0])
                n += put_name(list + n, name, domain);
        if (address[0])
                n += put_name(list + n, address, "");
        list[2] = (uint8_t)((n - 4) >> 8);
        list[3] = (uint8_t)(n - 4);
        return cert->len > 0 && memmem(cert->p, cert->len, list, n) != NULL;
}

static void put_issued(struct signer_issued *i, struct buf *cert, int64_t *from, int64_t *to)
{
        put(cert, &i->cert);
        *from = i->from;
        *to = i->to;
}

int release_certs(const struct server *srv, const uint8_t id[DIGEST_LEN], const char *from, struct node *n, int64_t now, bool *ret_made)
{
        const char *address = address_for(srv, from);
        bool named = has_names(&n->ssh_cert, n->name, srv->conf.domain, address);
        uint32_t life = srv->conf.cert_days * 86400u;
        struct signer_issued i = { 0 };
        int r = 0;

        *ret_made = false;
        if (!named || !fresh(&n->ssh_cert, n->ssh_from, n->ssh_to, now) || !by_ca(&n->ssh_cert, srv->keys.ssh_ca, sizeof(srv->keys.ssh_ca))) {
                r = signer_ssh(srv->signer, id, n->name, address, &n->ssh_key, life, &i);
                if (r < 0)
                        return r;
                put_issued(&i, &n->ssh_cert, &n->ssh_from, &n->ssh_to);
                *ret_made = true;
        }
        if (!named || !fresh(&n->tls_cert, n->tls_from, n->tls_to, now) || !by_ca(&n->tls_cert, srv->keys.ca_name.p, srv->keys.ca_name.len)) {
                r = signer_tls(srv->signer, id, n->name, address, &n->tls_key, life, &i);
                if (r < 0)
                        return r;
                put_issued(&i, &n->tls_cert, &n->tls_from, &n->tls_to);
                *ret_made = true;
        }
        return 0;
}
