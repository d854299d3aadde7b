/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

static const char *const states[NODE_STATES] = { "pending", "enrolled", "ok", "refused", "quarantined", "revoked" };

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

void node_wipe(struct node *n)
{
        free(n->facts);
        n->facts = NULL;
        buf_wipe(&n->ek_public);
        for (size_t i = 0; i < ELEMENTSOF(n->bundle); i++)
                buf_wipe(&n->bundle[i]);
        buf_wipe(&n->ssh_key);
        buf_wipe(&n->tls_key);
        buf_wipe(&n->ssh_cert);
        buf_wipe(&n->tls_cert);
}
