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
