/* SPDX-License-Identifier: Apache-2.0 */
/* The choices for the whole cluster: shown and changed. */
#include "admin.h"

#include "choices.h"

static void choice_json(struct jout *o, enum choice which, unsigned value)
{
        const struct choice_def *d = &choice_defs[which];

        jout_obj(o, NULL);
        jout_str(o, "name", d->name);
        jout_str(o, "value", d->values[value]);
        jout_str(o, "default", d->values[d->standard]);
        jout_arr(o, "values");
        for (unsigned i = 0; i < CHOICE_VALUES && d->values[i]; i++)
                jout_str(o, NULL, d->values[i]);
        jout_end(o, ']');
        jout_str(o, "help", d->help);
        jout_end(o, '}');
}

enum MHD_Result on_policy(struct call *c)
{
        struct jout o = { 0 };

        jout_obj(&o, NULL);
        jout_arr(&o, "policy");
        catalog_read(c->srv->catalog);
        for (unsigned i = 0; i < CHOICES; i++)
                choice_json(&o, (enum choice)i, catalog_choice(c->srv->catalog, (enum choice)i));
        catalog_done(c->srv->catalog);
        jout_end(&o, ']');
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}

struct change {
        enum choice which;
        unsigned from, to;
};

static void change_detail(struct jout *o, const void *ctx)
{
        const struct change *ch = ctx;
        const struct choice_def *d = &choice_defs[ch->which];

        jout_str(o, "policy", d->name);
        jout_str(o, "from", d->values[ch->from]);
        jout_str(o, "to", d->values[ch->to]);
}

/* With the catalogue's write lock. A value that is chosen already is stored
 * all the same, so that a later program's other default does not change it. */
static int change_locked(struct call *c, struct change *ch)
{
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        int r = store_tx_begin(&tx, c->srv->store);

        ch->from = catalog_choice(c->srv->catalog, ch->which);
        if (r == 0)
                r = catalog_set_choice(c->srv->catalog, ch->which, ch->to);
        if (r == 0 && ch->from != ch->to)
                r = admin_journal(c, NULL, "policy-changed", change_detail, ch);
        if (r == 0)
                r = store_tx_commit(&tx);
        return r < 0 ? r : catalog_reload_choices(c->srv->catalog);
}

struct body {
        char value[CHOICE_VALUE_MAX + 1];
};

static const struct jfield body_tab[] = {
        { "value", JT_STR, offsetof(struct body, value), CHOICE_VALUE_MAX, JF_REQUIRED },
};

enum MHD_Result on_policy_change(struct call *c)
{
        enum MHD_Result result = MHD_NO;
        struct change ch = { 0 };
        struct jout o = { 0 };
        struct body b = { 0 };
        const struct choice_def *d;
        int r;

        if (!admin_body(c, body_tab, ELEMENTSOF(body_tab), &b, &result))
                return result;
        if (choice_find(c->param, &ch.which) < 0)
                return reply_error(c, 404, "see `muster policy list`", "there is no policy %s", c->param);
        d = &choice_defs[ch.which];
        if (choice_parse(ch.which, b.value, &ch.to) < 0)
                return reply_error(c, 400, "see `muster policy list`", "set policy %s: it is %s, %s%s%s, not '%s'", d->name,
                                   d->values[0], d->values[1], d->values[2] ? " or " : "", d->values[2] ? d->values[2] : "",
                                   b.value);
        catalog_write(c->srv->catalog);
        r = change_locked(c, &ch);
        catalog_done(c->srv->catalog);
        if (r < 0)
                return reply_failure(c, r, "cannot record the policy");
        log_info("policy %s is now %s, it was %s", d->name, d->values[ch.to], d->values[ch.from]);
        choice_json(&o, ch.which, ch.to);
        return reply_json(c, 200, &o);
}
