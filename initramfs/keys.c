/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "testing.h"

static const char *const purpose_name[] = { "", "ssh", "tls" };

static const struct buf *certificate(const struct node *n, enum nv_purpose p)
{
        return p == NV_SSH ? &n->verdict.cert_ssh : &n->verdict.cert_tls;
}

int node_session(struct node *n)
{
        if (n->nv_session.t)
                return 0;
        return tpm_nv_start(n->tpm, n->ek.tr, &n->approval, n->nv_policy, &n->nv_session, &n->f);
}

static int open_bundle(struct node *n)
{
        const struct wire_bundle *b = &n->verdict.bundle;
        struct tpm_approval approval;
        uint8_t k[BUNDLE_K_LEN] = { 0 };
        struct bundle_keys keys = { 0 };
        int r;

        r = tpm_approval_verify(n->tpm, n->conf->policy_key, POLICY_BUNDLE, n->id, n->pcrs, n->counters,
                                &n->verdict.approval_bundle, &approval, &n->f);
        if (r == 0)
                r = node_session(n);
        if (r == 0) {
                r = tpm_bundle_unseal(&n->ek, &n->nv_session.session, b, &approval, k, &n->f);
                if (r < 0)
                        tpm_nv_end(&n->nv_session);
        }
        if (r == 0) {
                testing_secret("K", k, sizeof(k));
                r = bundle_open(k, n->id, b->data.p, b->data.len, &keys);
                if (r < 0)
                        (void)fail_set(&n->f, r, "E-BUNDLE", "see `muster log --explain` for this node",
                                       "open the bundle: it is not this node's, or was altered");
        }
        wipe(k, sizeof(k));
        if (r == 0) {
                memcpy(n->key[NV_SSH], keys.ssh_seed, NV_KEY_LEN);
                memcpy(n->key[NV_TLS], keys.tls_scalar, NV_KEY_LEN);
        }
        bundle_keys_wipe(&keys);
        return r;
}

/* The whole index from key and certificate. */
static int content_make(struct node *n, enum nv_purpose p, struct buf *ret)
{
        const struct buf *cert = certificate(n, p);
        size_t size = nvdata_size(p);
        int r;

        ret->p = malloc(size);
        ret->len = ret->p ? size : 0;
        r = ret->p ? nvdata_make(p, n->key[p], cert->p, cert->len, ret->p, size) : -ENOMEM;
        return r < 0 ? fail_set(&n->f, r, "E-NV", "look at the parent's log; its version may differ",
                                "fill the %s NV index: %s", purpose_name[p], strerror(-r))
                     : 0;
}

/* NV holds the key: takes it. -ESTALE when it does not parse or is not the
 * key of the verdict's certificate. */
static int key_from_nv(struct node *n, enum nv_purpose p, const struct buf *nv)
{
        const struct buf *cert = certificate(n, p);
        struct nvdata d;

        if (nvdata_parse(p, nv->p, nv->len, &d) < 0 || nvdata_key_matches(p, d.key, cert->p, cert->len) < 0)
                return -ESTALE;
        memcpy(n->key[p], d.key, NV_KEY_LEN);
        return 0;
}

static int update_nv(struct node *n, struct tpm_nv *nv, enum nv_purpose p, const struct buf *old)
{
        _cleanup_(buf_wipe) struct buf want = { 0 };
        int r = content_make(n, p, &want);

        if (r < 0)
                return r;
        testing_secret("NV content", want.p, want.len);
        if (!same_bytes(old->p, old->len, want.p, want.len)) {
                r = tpm_nv_write(nv, p, want.p, want.len, &n->f);
                if (r == -ENOSPC) {
                        log_warn("node=%.16s NV index for %s: %s. Using the bundle at each boot. Next: %s", n->id_hex,
                                 purpose_name[p], n->f.what, n->f.next);
                        n->nv_used[p] = n->nv[p] == NV_STATE_PRESENT;
                        n->nv[p] = NV_STATE_NONE;
                        return 0;
                }
                if (r < 0)
                        return r;
        }
        n->nv[p] = NV_STATE_PRESENT;
        n->nv_used[p] = true;
        return 0;
}

static int one_purpose(struct node *n, struct tpm_nv *nv, enum nv_purpose p)
{
        _cleanup_(buf_wipe) struct buf old = { 0 };
        const struct buf *cert = certificate(n, p);
        struct fail ignored;
        int r = 0;

        if (n->nv[p] == NV_STATE_PRESENT &&
            tpm_nv_read(nv, p, cert->len, &old, n->verdict.has_bundle ? &ignored : &n->f) < 0) {
                r = -ESTALE;
                tpm_nv_end(nv); /* it may hold half a policy */
        }
        if (!n->verdict.has_bundle && r == 0)
                r = key_from_nv(n, p, &old);
        if (!n->verdict.has_bundle && r == -ESTALE) {
                r = tpm_nv_look(n->tpm, p, n->nv_policy, &n->nv[p], &n->f);
                if (r < 0)
                        return r;
                if (n->nv[p] == NV_STATE_PRESENT)
                        n->nv[p] = NV_STATE_UNREADABLE;
                return fail_set(&n->f, -ESTALE, "E-NV", "clear the TPM if it stays so",
                                "read the %s keys in NV: they do not parse or are not those of the certificate",
                                purpose_name[p]);
        }
        if (nvdata_key_matches(p, n->key[p], cert->p, cert->len) < 0)
                return fail_set(&n->f, -EKEYREJECTED, "E-BUNDLE", "see `muster log --explain` for this node",
                                "use the %s certificate: it is not that of the bundle's key", purpose_name[p]);
        if (n->nv[p] == NV_STATE_NONE)
                return 0;
        r = node_session(n);
        return r < 0 ? r : update_nv(n, nv, p, &old);
}

int node_keys(struct node *n)
{
        int r;
        int stale = 0;

        r = tpm_approval_verify(n->tpm, n->conf->policy_key, POLICY_NV, n->id, n->pcrs, n->counters,
                                &n->verdict.approval_nv, &n->approval, &n->f);
        if (r == 0 && n->verdict.has_bundle)
                r = open_bundle(n);
        if (r < 0)
                return r;
        node_stage(n, n->verdict.has_bundle ? "bundle" : "approval");
        if (!n->verdict.has_bundle && (n->nv[NV_SSH] == NV_STATE_NONE || n->nv[NV_TLS] == NV_STATE_NONE))
                return fail_set(&n->f, -EBADMSG, "E-PARENT", "look at the parent's log; its version may differ",
                                "take the keys: this TPM has no NV for them and the verdict has no bundle");
        for (int p = NV_SSH; r == 0 && p <= NV_PURPOSES; p++) {
                r = node_session(n);
                if (r == 0)
                        r = one_purpose(n, &n->nv_session, (enum nv_purpose)p);
                if (r == -ESTALE) { /* look at the other one too, then ask again */
                        stale = r;
                        r = 0;
                }
        }
        testing_stop("keys");
        node_stage(n, "nv");
        return r < 0 ? r : stale;
}

int node_cap(struct node *n)
{
        int r = node_session(n);

        for (int p = NV_SSH; r == 0 && p <= NV_PURPOSES; p++)
                if (n->nv_used[p])
                        r = tpm_nv_lock(&n->nv_session, (enum nv_purpose)p, &n->f);
        wipe(&n->approval, sizeof(n->approval));
        wipe(n->key, sizeof(n->key));
        if (r == 0)
                r = tpm_nv_cap(&n->nv_session, 15, n->verdict.manifest, strlen(n->verdict.manifest), &n->f);
        tpm_nv_end(&n->nv_session);
        n->capped = r == 0;
        testing_stop("cap");
        node_stage(n, "cap");
        return r;
}
