/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

bool crowd_left(struct crowd *c, unsigned open)
{
        if (open > c->most)
                c->most = open;
        if (open >= CROWD_MANY)
                c->there = true;
        if (!c->there || (open > 0 && open >= c->most / 4))
                return false;
        c->there = c->most > 0;
        c->most = open;
        return true;
}
