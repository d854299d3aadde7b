/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

static const char *const states[NODE_STATES] = { "pending", "enrolled", "released", "refused", "quarantined", "revoked", "failed" };

const char *node_state_text(enum node_state s)
{
        return (unsigned)s < NODE_STATES ? states[s] : "?";
}

int node_state_parse(const char *text, enum node_state *ret)
{
        for (unsigned i = 0; i < NODE_STATES; i++) {
                if (strcmp(states[i], text) == 0) {
                        *ret = (enum node_state)i;
                        return 0;
                }
        }
        return -EINVAL;
}

static bool same_buf(const struct buf *a, const struct buf *b)
{
        return same_bytes(a->p, a->len, b->p, b->len);
}

bool node_same_but_seen(const struct node *a, const struct node *b)
{
        bool same = strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0 && a->without_cert == b->without_cert &&
                    strcmp(a->assigned_boot, b->assigned_boot) == 0 &&
                    strcmp(a->assigned_image, b->assigned_image) == 0 &&
                    strcmp(a->facts ? a->facts : "", b->facts ? b->facts : "") == 0 && strcmp(a->uuid, b->uuid) == 0 &&
                    strcmp(a->facts_before ? a->facts_before : "", b->facts_before ? b->facts_before : "") == 0 &&
                    strcmp(a->why, b->why) == 0 && a->has_policy_key == b->has_policy_key &&
                    (!a->has_policy_key || same_bytes(a->policy_key, DIGEST_LEN, b->policy_key, DIGEST_LEN)) &&
                    a->first_seen == b->first_seen && a->ssh_from == b->ssh_from && a->ssh_to == b->ssh_to &&
                    a->tls_from == b->tls_from && a->tls_to == b->tls_to;

        for (size_t i = 0; i < ELEMENTSOF(a->bundle); i++)
                same = same && same_buf(&a->bundle[i], &b->bundle[i]);
        return same && same_buf(&a->ek_public, &b->ek_public) && same_buf(&a->ssh_key, &b->ssh_key) &&
               same_buf(&a->tls_key, &b->tls_key) && same_buf(&a->ssh_cert, &b->ssh_cert) &&
               same_buf(&a->tls_cert, &b->tls_cert);
}

struct macs {
        const char *const *v;
        size_t n;
        uint64_t met; /* bit i: v[i] */
        bool other;
};

static int meet(void *ctx, const char *mac, const char *none)
{
        struct macs *m = ctx;
        bool known = false;

        (void)none;
        for (size_t i = 0; i < m->n; i++) {
                if (strcmp(m->v[i], mac) != 0)
                        continue;
                m->met |= (uint64_t)1 << i;
                known = true;
        }
        m->other = m->other || !known;
        return 0;
}

int store_same_macs(struct store *s, const char *id, const char *const *macs, size_t n_macs)
{
        struct macs m = { .v = macs, .n = n_macs };
        int r = n_macs < 64 ? s->ops->mac_list(s, id, meet, &m) : 0;

        if (r < 0)
                return r;
        return n_macs < 64 && !m.other && m.met == ((uint64_t)1 << n_macs) - 1;
}

int store_macs_text(const char *const *macs, size_t n_macs, char ret[STORE_MACS_TEXT])
{
        size_t len = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < n_macs; i++) {
                int n = snprintf(ret + len, STORE_MACS_TEXT - len, "%s ", macs[i]);

                if (n < 0 || (size_t)n >= STORE_MACS_TEXT - len)
                        return -E2BIG;
                len += (size_t)n;
        }
        return 0;
}

int64_t store_mac_since(const struct node *n)
{
        bool approved = n->state == NODE_ENROLLED || n->state == NODE_RELEASED || n->state == NODE_REFUSED ||
                        n->state == NODE_FAILED;

        return !approved ? 0 : n->last_seen > 0 ? n->last_seen : 1;
}

void node_wipe(struct node *n)
{
        free(n->facts);
        n->facts = NULL;
        free(n->facts_before);
        n->facts_before = NULL;
        buf_wipe(&n->ek_public);
        for (size_t i = 0; i < ELEMENTSOF(n->bundle); i++)
                buf_wipe(&n->bundle[i]);
        buf_wipe(&n->ssh_key);
        buf_wipe(&n->tls_key);
        buf_wipe(&n->ssh_cert);
        buf_wipe(&n->tls_cert);
}
