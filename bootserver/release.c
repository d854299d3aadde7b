/* SPDX-License-Identifier: Apache-2.0 */
#include "release.h"

#include "explain.h"
#include "fault.h"
#include "hooks.h"
#include "journal.h"
#include "nodes.h"
#include "policy.h"

static int copy_blob(struct buf *to, const void *p, size_t len)
{
        to->p = malloc(len ? len : 1);
        if (!to->p)
                return -ENOMEM;
        memcpy(to->p, p, len);
        to->len = len;
        return 0;
}

/* Caches first, or they would not keep anything off this parent. */
static int add_urls(const struct server *srv, const char *file, struct jstrs *ret)
{
        char url[WIRE_URL_MAX];
        int r = 0;

        for (const char *p = srv->conf.image_urls; *p && r == 0 && ret->n < WIRE_URLS - 1;) {
                size_t n = strcspn(p, " ");

                if (n > 0) {
                        (void)snprintf(url, sizeof(url), "%.*s/image/%s", (int)n, p, file);
                        r = jstrs_add(ret, url);
                }
                p += n + strspn(p + n, " ");
        }
        (void)snprintf(url, sizeof(url), "%s/image/%s", srv->conf.public_url, file);
        return r < 0 ? r : jstrs_add(ret, url);
}

static int add_image(const struct server *srv, const struct catalog_image *image, struct verdict *v)
{
        struct manifest m = { .size = (int64_t)image->row.size, .plain_size = (int64_t)image->row.plain_size };
        int r;

        (void)snprintf(m.name, sizeof(m.name), "%s", image->row.name);
        memcpy(m.header, image->row.header, sizeof(m.header));
        memcpy(m.list, image->row.list, sizeof(m.list));
        r = wire_manifest_build(&m, &v->manifest);
        return r < 0 ? r : add_urls(srv, image->row.file, &v->image_urls);
}

/* Approvals and the image's key; the AK's token into `n`. */
static int add_signed(const struct server *srv, const struct attest *a, const struct decision *d,
                      const struct catalog_image *image, struct node *n, struct verdict *v)
{
        const struct signer_wish wish = {
                .node = a->req.node, .token = attest_token(a, n), .ak_public = &a->req.ak_public, .quote = &a->req.quote,
                .signature = &a->req.signature, .pcrs = a->req.pcrs, .bundle = v->has_bundle,
                .previous = d->policy_key > 0, .image = { image->row.name, image->row.header, image->row.list },
                .wrapped = image->row.wrapped_key,
        };
        struct signer_let_in in;
        int r = signer_release(srv->signer, &wish, &in);

        if (r == -EKEYREJECTED)
                log_err("image %s: its key was wrapped by another store.key. Next: add the image again", image->row.name);
        if (r < 0)
                return r;
        memcpy(v->image_key, in.key, sizeof(v->image_key));
        memcpy(n->ak_token, in.token, sizeof(n->ak_token));
        n->has_token = true;
        r = copy_blob(&v->approval_nv, in.nv, sizeof(in.nv));
        if (r == 0 && v->has_bundle)
                r = copy_blob(&v->approval_bundle, in.bundle, sizeof(in.bundle));
        wipe(&in, sizeof(in));
        return r;
}

static int add_node(const struct server *srv, const struct node *n, struct verdict *v)
{
        struct buf *const to[] = { &v->bundle.public_area, &v->bundle.duplicate, &v->bundle.seed, &v->bundle.data };
        int r = copy_blob(&v->cert_ssh, n->ssh_cert.p, n->ssh_cert.len);

        if (r == 0)
                r = copy_blob(&v->cert_tls, n->tls_cert.p, n->tls_cert.len);
        for (size_t i = 0; i < ELEMENTSOF(to) && r == 0 && v->has_bundle; i++)
                r = copy_blob(to[i], n->bundle[i].p, n->bundle[i].len);
        (void)snprintf(v->name, sizeof(v->name), "%s", n->name);
        v->ca = strdup((const char *)srv->keys.ca_pem.p);
        return r < 0 ? r : v->ca ? 0 : -ENOMEM;
}

/* Takes the node's record as it is now into `n`; -EAGAIN when it is not the
 * one that was judged. */
static int same_record(struct server *srv, const struct attest *a, const struct node *judged, struct node *ret)
{
        int r = srv->store->ops->node_get(srv->store, a->id, ret);

        if (r < 0)
                return r == -ENOENT ? -EAGAIN : r;
        if (ret->state != judged->state || strcmp(ret->name, judged->name) != 0 ||
            strcmp(ret->assigned_boot, judged->assigned_boot) != 0 ||
            strcmp(ret->assigned_image, judged->assigned_image) != 0 || strcmp(ret->profile, judged->profile) != 0 ||
            ret->without_cert != judged->without_cert || ret->reset_count != judged->reset_count ||
            ret->restart_count != judged->restart_count || ret->clock != judged->clock ||
            ret->cleared != judged->cleared ||
            ret->has_ak != judged->has_ak || ret->chain != judged->chain ||
            strcmp(ret->facts ? ret->facts : "", judged->facts ? judged->facts : "") != 0 ||
            strcmp(ret->facts_before ? ret->facts_before : "", judged->facts_before ? judged->facts_before : "") != 0 ||
            memcmp(ret->ak_name, judged->ak_name, sizeof(ret->ak_name)) != 0 ||
            ret->bundle[0].len != judged->bundle[0].len || ret->ssh_to != judged->ssh_to || ret->tls_to != judged->tls_to)
                return -EAGAIN;
        return 0;
}

/* The advisories that name its TPM; the catalogue's read lock is held. */
static void tpm_out(struct jout *o, const struct server *srv, const struct attest *a, const struct node *n)
{
        const struct tpm_advices *all = catalog_advices(srv->catalog);
        char version[TPM_VERSION_TEXT];

        tpm_version_text(n->firmware_version, version);
        jout_obj(o, "tpm");
        jout_str(o, "maker", n->tpm_maker);
        jout_str(o, "maker_from", a->maker_certified ? "certificate" : "client");
        jout_str(o, "firmware", version);
        jout_arr(o, "advisories");
        for (size_t i = 0; all && (i = tpmadvice_find(all, i, n->tpm_maker, n->firmware_version)) < all->n; i++)
                jout_str(o, NULL, all->v[i].id);
        jout_end(o, ']');
        jout_end(o, '}');
}

static int journal_ok(struct server *srv, const struct attest *a, const struct node *n, const struct made *m, int64_t now)
{
        _cleanup_(buf_wipe) struct buf detail = { 0 };
        struct jout o = { 0 };
        _cleanup_(buf_wipe) struct buf why = { 0 };
        struct journal_entry e = { .node = n->id, .name = n->name, .event = "ok" };
        int r = n->state == NODE_FAILED ? explain_failure(n->reason, &why) : 0;

        if (r < 0)
                return r;

        jout_obj(&o, NULL);
        jout_str(&o, "boot_id", m->boot_id);
        jout_str(&o, "from", a->from);
        jout_str(&o, "boot", n->boot);
        jout_str(&o, "image", n->image);
        jout_str(&o, "profile", n->profile);
        jout_int(&o, "reset_count", n->reset_count);
        jout_int(&o, "restart_count", n->restart_count);
        jout_bool(&o, "clock_safe", evidence_clock_safe(a->ev));
        jout_str(&o, "nv_ssh", nv_state_name(a->req.nv_ssh));
        jout_str(&o, "nv_tls", nv_state_name(a->req.nv_tls));
        jout_bool(&o, "bundle_sent", m->bundle);
        jout_bool(&o, "keys_made", m->keys);
        jout_bool(&o, "certificates_issued", m->certs);
        jout_bool(&o, "ak_changed", m->ak_changed);
        jout_bool(&o, "reset_without_boot", m->unasked);
        jout_hex(&o, "parent_ca", a->parent_ca, sizeof(a->parent_ca));
        jout_str(&o, "client", a->req.facts.client);
        jout_str(&o, "former", a->req.former[0] ? a->req.former : NULL);
        tpm_out(&o, srv, a, n);
        jout_end(&o, '}');
        r = jout_take(&o, &detail);
        jout_wipe(&o);
        if (r < 0)
                return r;
        e.detail = (const char *)detail.p;
        e.explain = (const char *)why.p;
        return journal_append(srv->store, now, &e, NULL);
}

/* A new AK of a node that had one: tpm-cleared when its counters started over,
 * else somebody took the old one out. With what the TPM counted, and counts. */
static int journal_new_ak(struct server *srv, const struct attest *a, const struct made *m, const struct node *before,
                          const struct node *n, struct buf *ret_json)
{
        struct jout o = { 0 };
        struct journal_entry e = { .node = n->id, .name = n->name, .event = new_ak_event(m) };
        int r;

        jout_obj(&o, NULL);
        jout_int(&o, "reset_count_before", before->reset_count);
        jout_int(&o, "restart_count_before", before->restart_count);
        jout_int(&o, "reset_count", n->reset_count);
        jout_int(&o, "restart_count", n->restart_count);
        jout_str(&o, "from", a->from);
        jout_end(&o, '}');
        r = jout_take(&o, ret_json);
        jout_wipe(&o);
        if (r < 0)
                return r;
        e.detail = (const char *)ret_json->p;
        return journal_append(srv->store, n->last_ok, &e, NULL);
}

static void mark_ok(const struct attest *a, const struct decision *d, const struct catalog_image *image, int64_t now,
                    struct node *n)
{
        bool failed = !d->ak_changed && node_failed_since(n, evidence_counters(a->ev), a->req.former);

        n->state = failed ? NODE_FAILED : NODE_RELEASED;
        (void)snprintf(n->reason, sizeof(n->reason), "%s", failed ? a->req.former : "");
        n->last_seen = n->last_ok = now;
        n->reset_count = evidence_counters(a->ev).reset_count;
        n->restart_count = evidence_counters(a->ev).restart_count;
        n->clock = evidence_clock(a->ev);
        n->has_ak = true;
        memcpy(n->ak_name, evidence_ak_name(a->ev), sizeof(n->ak_name));
        (void)snprintf(n->former, sizeof(n->former), "%s", a->req.former);
        (void)snprintf(n->boot, sizeof(n->boot), "%s", d->boot->name);
        (void)snprintf(n->image, sizeof(n->image), "%s", image->row.name);
        if (!n->profile[0])
                profile_name(&a->req.facts, n->profile);
        if (a->chain == EK_CHAIN_OK)
                n->chain = EK_CHAIN_OK;
        (void)snprintf(n->address, sizeof(n->address), "%s", a->from);
        attest_tpm_into(a, true, n);
}

/* `n` is the judged record with the new keys in it. */
static int commit(struct server *srv, const struct attest *a, const struct node *judged, struct node *n,
                  struct made *m, struct release *rel)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        _cleanup_(node_wipe) struct node now = { 0 };
        _cleanup_(buf_wipe) struct buf change = { 0 };
        struct mac_list macs;
        bool seen_only;
        int r = 0;

        if (n->ek_public.len == 0)
                r = copy_blob(&n->ek_public, a->req.ek_public.p, a->req.ek_public.len);
        if (r == 0)
                r = store_tx_begin(&tx, srv->store);
        if (r == 0)
                r = same_record(srv, a, judged, &now);
        if (r == 0)
                r = facts_note(srv, a, &now, n, &macs, &m->facts_changed);
        if (r == 0)
                r = attest_store_evidence(srv, a, n, now.last_seen);
        seen_only = node_same_but_seen(&now, n); /* addresses are of the facts */
        if (r == 0 && !seen_only)
                r = facts_macs_journal(srv, a, &now, n, &macs, &rel->mac_shared);
        if (r == 0)
                r = seen_only ? srv->store->ops->node_seen(srv->store, n)
                              : srv->store->ops->node_put(srv->store, n, macs.v, macs.n);
        if (r == 0)
                r = journal_ok(srv, a, n, m, n->last_ok);
        if (r == 0 && m->ak_changed)
                r = journal_new_ak(srv, a, m, judged, n, &rel->new_ak);
        if (r == 0 && m->facts_changed)
                r = facts_journal(srv, a, &now, n, m->facts_changed, &change);
        if (r == 0 && catalog_choice(srv->catalog, CHOICE_FACTS) != FACTS_RECORD) {
                rel->facts_change = change;
                change = (struct buf){ 0 };
        }
        return r < 0 ? r : store_tx_commit_soon(&tx, &rel->ticket);
}

/* What is told of it once it is on disk; its keys and blobs are not. */
static void keep_words(struct release *rel, const struct node *n, const struct node *judged, const struct made *m)
{
        rel->made = *m;
        rel->before = judged->state;
        rel->after = n->state;
        memcpy(rel->reason, n->reason, sizeof(rel->reason));
        if (judged->state == NODE_FAILED)
                memcpy(rel->reason_before, judged->reason, sizeof(rel->reason_before));
        memcpy(rel->id, n->id, sizeof(rel->id));
        memcpy(rel->name, n->name, sizeof(rel->name));
        memcpy(rel->boot, n->boot, sizeof(rel->boot));
        memcpy(rel->image, n->image, sizeof(rel->image));
}

static void keep_advice(const struct server *srv, const struct node *n, struct release *rel)
{
        const struct tpm_advices *all = catalog_advices(srv->catalog);
        size_t i = all ? tpmadvice_find(all, 0, n->tpm_maker, n->firmware_version) : 0;

        if (all && i < all->n && catalog_choice(srv->catalog, CHOICE_TPM) != TPM_RECORD)
                (void)snprintf(rel->advice, sizeof(rel->advice), "%s", all->v[i].id);
}

static int make(struct server *srv, const struct attest *a, struct node *n, const struct decision *d,
                const struct catalog_image *image, struct release *rel)
{
        const struct node judged = *n; /* its numbers and names; what it points to is n's, and may be gone */
        struct made m = { .ak_changed = d->ak_changed, .cleared = d->cleared,
                          .unasked = !d->cleared && node_reset_unasked(n, evidence_counters(a->ev), srv->started) };
        struct verdict *v = &rel->verdict;
        int64_t now = server_now();
        int r;

        if (!image || !n->name[0])
                return -EINVAL;
        m.bundle = v->has_bundle = a->req.nv_ssh != NV_STATE_PRESENT || a->req.nv_tls != NV_STATE_PRESENT;
        /* first, since it may refuse: keys and certificates are dearer */
        r = add_signed(srv, a, d, image, n, v);
        if (r == 0)
                r = release_keys(srv, a, d->policy_key, n, &m.keys);
        FAULT_POINT("release-keys-made");
        if (r == 0)
                r = release_certs(srv, a->req.node, a->from, n, now, &m.certs);
        if (r == 0)
                r = journal_incident(m.boot_id);
        memcpy(v->node, a->req.node, DIGEST_LEN);
        memcpy(v->boot, m.boot_id, sizeof(v->boot));
        if (r == 0)
                r = add_image(srv, image, v);
        if (r == 0)
                r = add_node(srv, n, v);
        mark_ok(a, d, image, now, n);
        if (m.ak_changed)
                n->cleared = now;
        FAULT_POINT("release-made");
        if (r == 0)
                r = commit(srv, a, &judged, n, &m, rel);
        FAULT_POINT("release-committed");
        keep_words(rel, n, &judged, &m);
        memcpy(rel->from, a->from, sizeof(rel->from));
        keep_advice(srv, n, rel);
        return r;
}

int release_make(struct server *srv, const struct attest *a, struct node *n, const struct decision *d,
                 const struct catalog_image *image, struct release **ret)
{
        _cleanup_(release_freep) struct release *rel = calloc(1, sizeof(*rel));
        int r;

        if (!rel)
                return -ENOMEM;
        rel->verdict.kind = VERDICT_OK;
        r = make(srv, a, n, d, image, rel);
        if (r == 0)
                *ret = take_ptr(rel);
        return r;
}
