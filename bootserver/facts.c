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

/* One digit alone, or one byte alone: zeros, FF, FE, 55, AA. */
static bool is_repeated(const char *uuid)
{
        char pair[2] = { uuid[0], uuid[0] ? uuid[1] : '\0' };
        size_t n = 0;

        for (const char *p = uuid; *p; p++) {
                if (*p == '-')
                        continue;
                if (strncasecmp(p, &pair[n % 2], 1) != 0)
                        return false;
                n++;
        }
        return true;
}

bool uuid_is_filler(const char *uuid)
{
        static const char *const known[] = {
                "03000200-0400-0500-0006-000700080009", /* both orders of the bytes 00 02 00 03 00 04 ... */
                "00020003-0004-0005-0006-000700080009",
                "00010203-0405-0607-0809-0a0b0c0d0e0f",
                "03020100-0504-0706-0809-0a0b0c0d0e0f",
                "01020304-0506-0708-090a-0b0c0d0e0f10",
                "12345678-1234-5678-90ab-cddeefaabbcc",
                "78563412-3412-7856-90ab-cddeefaabbcc",
                "12345678-1234-1234-1234-123456789abc",
                "12345678-9abc-def0-1234-56789abcdef0",
                "11223344-5566-7788-99aa-bbccddeeff00",
                "44332211-6655-8877-99aa-bbccddeeff00",
                "4c4c4544-0000-2010-8020-80c04f202020", /* a Dell without its service tag */
                "deadbeef-dead-beef-dead-beefdeadbeef",
        };

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcasecmp(known[i], uuid) == 0)
                        return true;
        return is_repeated(uuid);
}

bool serial_is_filler(const char *serial)
{
        static const char *const known[] = {
                "to be filled by o.e.m.", "to be filled by oem", "default string", "default_string", "system serial number",
                "chassis serial number", "base board serial number", "serial number", "not specified", "not applicable",
                "not available", "none", "n/a", "na", "unknown", "invalid", "empty", "o.e.m.", "oem", "0123456789", "1234567890",
                "123456789", "12345678", "standard", "default", "sernum0", "xxxxxxxxxx",
        };

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcasecmp(known[i], serial) == 0)
                        return true;
        for (const char *p = serial; *p; p++)
                if (*p != serial[0])
                        return false;
        return true; /* one character over and over, or none */
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
