/* SPDX-License-Identifier: Apache-2.0 */
#include "nodes.h"

#include "digest.h"
#include "facts.h"
#include "fetches.h"
#include "hex.h"
#include "names.h"
#include "sshcert.h"
#include "tls_server.h"
#include "wire_verdict.h"

int node_lookup(struct store *s, const char *ref, struct node *ret)
{
        struct node other = { 0 };
        int as_id;
        int r;

        if (hex_ok(ref, NODE_ID_HEX))
                return s->ops->node_get(s, ref, ret);
        r = s->ops->node_find(s, ref, ret);
        if (!wire_name_like_id(ref))
                return r;
        if (r == -ENOENT)
                return s->ops->node_prefix(s, ref, ret);
        if (r < 0)
                return r;
        as_id = s->ops->node_prefix(s, ref, &other);
        if (as_id == 0 && strcmp(other.id, ret->id) != 0)
                as_id = -ENOTUNIQ; /* one node's name, another one's id */
        node_wipe(&other);
        if (as_id == 0 || as_id == -ENOENT)
                return 0;
        node_wipe(ret);
        return as_id;
}

void node_rename(struct node *n, const char *name)
{
        if (strcmp(n->name, name) == 0)
                return;
        (void)snprintf(n->name, sizeof(n->name), "%s", name);
        buf_wipe(&n->ssh_cert);
        buf_wipe(&n->tls_cert);
        n->ssh_from = n->ssh_to = n->tls_from = n->tls_to = 0;
}

int node_of_machine(struct store *s, const char *mac, const char *uuid, struct node *ret)
{
        int r = mac[0] ? s->ops->node_by_mac(s, mac, ret) : -ENOENT;

        if (r == -ENOENT && uuid[0] && !uuid_is_filler(uuid))
                r = s->ops->node_by_uuid(s, uuid, ret);
        return r == -ENOTUNIQ ? -ENOENT : r;
}

static int64_t last_ipxe(const struct node *n)
{
        int64_t heard = fetch_last(n->id);

        return heard > n->last_ipxe ? heard : n->last_ipxe;
}

bool node_reset_unasked(const struct node *before, struct policy_boot now, int64_t since)
{
        bool over = now.reset_count > before->reset_count ||
                    (now.reset_count == before->reset_count && now.restart_count > before->restart_count);

        return over && before->has_ak && before->last_ok > 0 && since <= before->last_ok &&
               last_ipxe(before) < before->last_ok;
}

bool node_failed_since(const struct node *before, struct policy_boot now, const char *former)
{
        return former[0] == 'E' && before->has_ak && before->last_ok > 0 && now.reset_count == before->reset_count &&
               now.restart_count == before->restart_count;
}

const char *node_shown_state(const struct node *n, int64_t now)
{
        int64_t asked = last_ipxe(n);
        bool let_in = n->state == NODE_RELEASED || n->state == NODE_FAILED;

        if ((n->state == NODE_ENROLLED || let_in) && asked > n->last_seen && now - asked > UNREACHABLE_AFTER)
                return "unreachable";
        return node_state_text(n->state == NODE_FAILED && now - n->last_ok > FAILED_FOR ? NODE_RELEASED : n->state);
}

static void time_or_null(struct jout *o, const char *key, int64_t t)
{
        if (t > 0)
                jout_int(o, key, t);
        else
                jout_null(o, key);
}

static void text_or_null(struct jout *o, const char *key, const char *text)
{
        jout_str(o, key, text && text[0] ? text : NULL);
}

static void host_key(struct jout *o, const struct node *n)
{
        _cleanup_(buf_wipe) struct buf line = { 0 };

        if (n->ssh_key.len == SSH_KEY_LEN && ssh_public_text(n->ssh_key.p, n->name, &line) == 0) {
                while (line.len > 0 && line.p[line.len - 1] == '\n')
                        line.len--;
                jout_strn(o, "ssh_host_key", (const char *)line.p, line.len);
        } else {
                jout_null(o, "ssh_host_key");
        }
}

/* What changed of its machine and was not accepted yet. */
static unsigned unaccepted(const struct node *n)
{
        struct attest_facts now = { 0 };
        char err[JTAB_ERR];
        unsigned changed = FACT_ALL;

        if (!n->facts_before)
                return 0;
        if (n->facts && wire_facts_parse(n->facts, strlen(n->facts), &now, err) == 0) {
                changed = facts_changed_text(n->facts_before, &now);
                attest_facts_wipe(&now);
        }
        return changed ? changed : FACT_ALL;
}

/* How far its boot came since its script was asked for; null: it was seen since, or nobody asked. */
static void step_json(struct jout *o, const struct node *n)
{
        struct fetch_trace t;

        if (!fetch_trace(n->id, &t) || t.asked <= n->last_seen) {
                jout_null(o, "step");
                return;
        }
        jout_obj(o, "step");
        jout_str(o, "reached", fetch_step_name(t.step));
        jout_int(o, "when", t.when);
        text_or_null(o, "from", t.from);
        jout_str(o, "alert", t.step == FETCH_DISTRUST ? tls_alert_text(t.alert) : NULL);
        jout_end(o, '}');
}

static void node_identity(struct jout *o, struct catalog *cat, const struct node *n, int64_t now)
{
        const char *shown = node_shown_state(n, now);

        jout_str(o, "id", n->id);
        text_or_null(o, "name", n->name);
        jout_str(o, "state", shown);
        text_or_null(o, "reason", strcmp(shown, "released") == 0 ? NULL : n->reason); /* of a failure that passed */
        text_or_null(o, "why", n->why);
        text_or_null(o, "profile", n->profile);
        jout_bool(o, "profile_known", n->profile[0] && catalog_profile(cat, n->profile));
        jout_str(o, "ek_chain", ek_chain_name(n->chain));
        jout_str(o, "ek_mode", n->without_cert ? "without" : "certificate");
        text_or_null(o, "boot", n->assigned_boot[0] ? n->assigned_boot : catalog_default(cat, false, false));
        text_or_null(o, "image", n->assigned_image[0] ? n->assigned_image : catalog_default(cat, true, false));
        text_or_null(o, "assigned_boot", n->assigned_boot);
        text_or_null(o, "assigned_image", n->assigned_image);
        text_or_null(o, "booted", n->boot);
        text_or_null(o, "booted_image", n->image);
        if (n->facts)
                jout_raw(o, "facts", n->facts, strlen(n->facts));
        else
                jout_null(o, "facts");
        if (n->facts_before)
                jout_raw(o, "facts_before", n->facts_before, strlen(n->facts_before));
        else
                jout_null(o, "facts_before");
        facts_names_out(o, "facts_changed", unaccepted(n));
        time_or_null(o, "tpm_cleared", n->cleared);
        text_or_null(o, "address", n->address);
        text_or_null(o, "former", n->former);
        step_json(o, n);
}

static void tpm_json(struct jout *o, struct catalog *cat, const struct node *n)
{
        const struct tpm_advices *all = catalog_advices(cat);
        char version[TPM_VERSION_TEXT];
        size_t found = 0;

        if (!n->has_ak && n->firmware_version == 0 && !n->tpm_maker[0]) { /* it never attested */
                jout_null(o, "tpm");
                return;
        }
        tpm_version_text(n->firmware_version, version);
        jout_obj(o, "tpm");
        text_or_null(o, "maker", n->tpm_maker);
        jout_str(o, "firmware", version);
        jout_arr(o, "advisories");
        for (size_t i = 0; all && (i = tpmadvice_find(all, i, n->tpm_maker, n->firmware_version)) < all->n; i++, found++) {
                const struct tpm_advice *a = &all->v[i];

                if (a->fixed)
                        tpm_version_text(a->fixed, version);
                jout_obj(o, NULL);
                jout_str(o, "id", a->id);
                jout_str(o, "fixed", a->fixed ? version : NULL);
                jout_str(o, "falls", a->falls);
                jout_str(o, "source", a->source);
                jout_end(o, '}');
        }
        jout_end(o, ']');
        jout_bool(o, "told", found > 0 && catalog_choice(cat, CHOICE_TPM) != TPM_RECORD);
        jout_end(o, '}');
}

void node_json(struct jout *o, const char *key, struct catalog *cat, const struct node *n, int64_t now, bool open_end)
{
        jout_obj(o, key);
        node_identity(o, cat, n, now);
        time_or_null(o, "first_seen", n->first_seen);
        time_or_null(o, "last_seen", n->last_seen);
        time_or_null(o, "last_ok", n->last_ok);
        time_or_null(o, "last_ipxe", last_ipxe(n));
        jout_int(o, "reset_count", n->reset_count);
        jout_int(o, "restart_count", n->restart_count);
        tpm_json(o, cat, n);
        if (n->has_ak)
                jout_hex(o, "ak", n->ak_name, sizeof(n->ak_name));
        else
                jout_null(o, "ak");
        jout_bool(o, "bundle", n->bundle[0].len > 0);
        if (n->has_policy_key)
                jout_hex(o, "policy_key", n->policy_key, sizeof(n->policy_key));
        else
                jout_null(o, "policy_key");
        time_or_null(o, "ssh_expires", n->ssh_to);
        time_or_null(o, "tls_expires", n->tls_to);
        host_key(o, n);
        if (!open_end)
                jout_end(o, '}');
}

int node_evidence_digest(struct store *s, const struct node *n, char ret[2 * DIGEST_LEN + 1])
{
        _cleanup_(buf_wipe) struct buf body = { 0 };
        uint8_t all[5][DIGEST_LEN];
        uint8_t digest[DIGEST_LEN];
        int r = s->ops->evidence_get(s, n->id, &body);

        if (r == 0)
                r = digest_sha256(body.p, body.len, all[0]);
        if (r == 0)
                r = digest_sha256(n->profile, strlen(n->profile), all[1]);
        if (r == 0)
                r = digest_sha256(n->facts ? n->facts : "", n->facts ? strlen(n->facts) : 0, all[2]);
        if (r == 0)
                r = digest_sha256(n->facts_before ? n->facts_before : "", n->facts_before ? strlen(n->facts_before) : 0, all[3]);
        if (r == 0)
                r = digest_sha256(&n->cleared, sizeof(n->cleared), all[4]);
        if (r == 0)
                r = digest_sha256(all, sizeof(all), digest);
        if (r == 0)
                hex_encode(digest, sizeof(digest), ret);
        return r;
}

void node_for_decision(const struct node *n, bool had, struct decide_node *ret)
{
        static const enum node_rec recs[NODE_STATES] = {
                [NODE_PENDING] = NODE_REC_PENDING, [NODE_ENROLLED] = NODE_REC_APPROVED, [NODE_RELEASED] = NODE_REC_APPROVED,
                [NODE_REFUSED] = NODE_REC_APPROVED, [NODE_QUARANTINED] = NODE_REC_QUARANTINED,
                [NODE_REVOKED] = NODE_REC_REVOKED, [NODE_FAILED] = NODE_REC_APPROVED,
        };

        memset(ret, 0, sizeof(*ret));
        ret->rec = had ? NODE_REC_REMOVED : NODE_REC_NONE;
        if (!n)
                return;
        ret->rec = recs[n->state];
        ret->without_ek_cert = n->without_cert;
        ret->has_ak = n->has_ak;
        memcpy(ret->ak_name, n->ak_name, sizeof(ret->ak_name));
        ret->reset_count = n->reset_count;
        ret->restart_count = n->restart_count;
        ret->clock = n->clock;
}
