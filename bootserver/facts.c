/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include <strings.h>

static const char *const names[] = { "serial", "uuid", "macs" };

static bool has_mac(const struct jstrs *all, const char *mac)
{
        for (size_t i = 0; i < all->n; i++)
                if (strcasecmp(all->v[i], mac) == 0)
                        return true;
        return false;
}

static bool within(const struct jstrs *a, const struct jstrs *b)
{
        for (size_t i = 0; i < a->n; i++)
                if (!has_mac(b, a->v[i]))
                        return false;
        return true;
}

unsigned facts_changed(const struct attest_facts *before, const struct attest_facts *now)
{
        unsigned changed = 0;

        if (strcmp(before->serial, now->serial) != 0)
                changed |= FACT_SERIAL;
        if (strcasecmp(before->uuid, now->uuid) != 0)
                changed |= FACT_UUID;
        if (!within(&before->macs, &now->macs) || !within(&now->macs, &before->macs))
                changed |= FACT_MACS;
        return changed;
}

unsigned facts_changed_text(const char *before, const struct attest_facts *now)
{
        struct attest_facts old = { 0 };
        char err[JTAB_ERR];
        unsigned changed;

        if (!before)
                return 0;
        if (wire_facts_parse(before, strlen(before), &old, err) < 0)
                return FACT_ALL;
        changed = facts_changed(&old, now);
        attest_facts_wipe(&old);
        return changed;
}

const char *facts_words(unsigned changed, char buf[32])
{
        size_t n = 0;

        buf[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (changed & (1u << i))
                        n += (size_t)snprintf(buf + n, 32 - n, "%s%s", n ? ", " : "", names[i]);
        return buf;
}

void facts_names_out(struct jout *o, const char *key, unsigned changed)
{
        jout_arr(o, key);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (changed & (1u << i))
                        jout_str(o, NULL, names[i]);
        jout_end(o, ']');
}

static void machine_out(struct jout *o, const char *key, const struct attest_facts *f)
{
        jout_obj(o, key);
        jout_str(o, "serial", f->serial);
        jout_str(o, "uuid", f->uuid);
        jout_arr(o, "macs");
        for (size_t i = 0; i < f->macs.n; i++)
                jout_str(o, NULL, f->macs.v[i]);
        jout_end(o, ']');
        jout_end(o, '}');
}

int facts_change_json(const char *before, const struct attest_facts *now, unsigned changed, const char *from, struct buf *ret)
{
        struct attest_facts old = { 0 };
        struct jout o = { 0 };
        char err[JTAB_ERR];
        int r;

        jout_obj(&o, NULL);
        facts_names_out(&o, "changed", changed);
        if (before && wire_facts_parse(before, strlen(before), &old, err) == 0) {
                machine_out(&o, "before", &old);
                attest_facts_wipe(&old);
        } else {
                jout_null(&o, "before");
        }
        machine_out(&o, "after", now);
        jout_str(&o, "from", from);
        jout_end(&o, '}');
        r = jout_take(&o, ret);
        jout_wipe(&o);
        return r;
}
