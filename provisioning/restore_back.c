/* SPDX-License-Identifier: Apache-2.0 */
/* What goes back by a restore besides the nodes' states: stays as strict as
 * it was where that can be carried over, and is told where it cannot. */
#include "backup.h"

#include "choices.h"
#include "journal.h"

#define VALUE_MAX_LEN 256

/* ---- choices -------------------------------------------------------------- */

static int choice_of(struct store *s, enum choice c, unsigned *ret)
{
        char key[64];
        char value[VALUE_MAX_LEN] = "";
        bool known;
        int r;

        (void)snprintf(key, sizeof(key), CHOICE_KEY "%s", choice_defs[c].name);
        r = s->ops->setting_get(s, key, value, sizeof(value));
        if (r == 0)
                *ret = choice_stored(c, value, &known);
        return r;
}

static int carry_choice(struct restore *r, struct store *to, enum choice c, unsigned from, unsigned value)
{
        const struct choice_def *d = &choice_defs[c];
        struct journal_entry e = { .event = "policy-changed" };
        char detail[200];
        char key[64];
        int rc;

        (void)snprintf(key, sizeof(key), CHOICE_KEY "%s", d->name);
        (void)snprintf(detail, sizeof(detail), "{\"policy\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"carried_over\":true}", d->name,
                       d->values[from], d->values[value]);
        e.detail = detail;
        rc = to->ops->setting_put(to, key, d->values[value]);
        if (rc == 0)
                rc = journal_append(to, r->now, &e, NULL);
        if (rc == 0)
                restore_note(r, "policy %s stays %s, as it was; the backup has %s", d->name, d->values[value], d->values[from]);
        return rc;
}

int restore_choices(struct restore *r, struct store *old, struct store *to, bool *ret_lost)
{
        int rc = 0;

        for (unsigned i = 0; i < CHOICES && rc == 0; i++) {
                unsigned was = 0;
                unsigned is = 0;

                if (choice_of(old, (enum choice)i, &was) < 0) {
                        *ret_lost = true;
                        continue;
                }
                rc = choice_of(to, (enum choice)i, &is);
                if (rc == 0 && was > is)
                        rc = carry_choice(r, to, (enum choice)i, is, was);
                else if (rc == 0 && was < is)
                        restore_note(r, "policy %s is %s again, was %s", choice_defs[i].name, choice_defs[i].values[is],
                                     choice_defs[i].values[was]);
        }
        return rc;
}

/* ---- counters --------------------------------------------------------------- */

struct both {
        struct restore *r;
        struct store *to;
        int n;
        int failed; /* of the store that is written */
};

static bool is_later(const struct node *a, const struct node *b)
{
        if (a->reset_count != b->reset_count)
                return a->reset_count > b->reset_count;
        if (a->restart_count != b->restart_count)
                return a->restart_count > b->restart_count;
        return a->clock > b->clock;
}

/* A quote from before the newest one that was accepted stays refused. */
static int carry_counters(void *ctx, const struct node *n)
{
        struct both *b = ctx;
        _cleanup_(node_wipe) struct node has = { 0 };
        int rc = b->to->ops->node_get(b->to, n->id, &has);

        if (rc == 0 && n->has_ak && has.has_ak && same_bytes(n->ak_name, sizeof(n->ak_name), has.ak_name, sizeof(has.ak_name)) &&
            is_later(n, &has)) {
                has.reset_count = n->reset_count;
                has.restart_count = n->restart_count;
                has.clock = n->clock;
                rc = b->to->ops->node_put(b->to, &has, NULL, 0);
                b->n += rc == 0;
        }
        if (rc < 0 && rc != -ENOENT)
                return b->failed = rc;
        return 0;
}

int restore_counters(struct restore *r, struct store *old, struct store *to, bool *ret_lost)
{
        struct both b = { .r = r, .to = to };
        int rc = old->ops->node_list(old, -1, NULL, STORE_ALL, carry_counters, &b);

        if (rc < 0 && !b.failed)
                *ret_lost = true;
        if (b.n > 0)
                restore_note(r, "nodes whose TPM counters stay as high as they were: %d", b.n);
        return b.failed;
}

/* ---- what is told only ------------------------------------------------------- */

static void tell_defaults(struct restore *r, struct store *old, struct store *to)
{
        static const char *const keys[][2] = { { "default_boot", "the default boot entry" }, { "previous_boot", "the previous boot entry" },
                                               { "default_image", "the default image" }, { "previous_image", "the previous image" } };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                char was[VALUE_MAX_LEN] = "";
                char is[VALUE_MAX_LEN] = "";

                if (old->ops->setting_get(old, keys[i][0], was, sizeof(was)) == 0 && to->ops->setting_get(to, keys[i][0], is, sizeof(is)) == 0 &&
                    strcmp(was, is) != 0)
                        restore_note(r, "%s is %s again, was %s", keys[i][1], *is ? is : "none", *was ? was : "none");
        }
}

struct seen {
        struct restore *r;
        const char *what;
        struct json_object *had; /* by name: of the state that was there */
};

static int had_profile(void *ctx, const char *name, const char *const json[PROFILE_SLOTS])
{
        json_object_object_add(ctx, name, json_object_new_string(json[PROFILE_CURRENT] ? json[PROFILE_CURRENT] : ""));
        return 0;
}

static int had_boot(void *ctx, const struct boot_row *b)
{
        json_object_object_add(ctx, b->name, json_object_new_string(b->sha256));
        return 0;
}

static int had_image(void *ctx, const struct image_row *i)
{
        json_object_object_add(ctx, i->name, json_object_new_string(i->file));
        return 0;
}

static void tell_one(struct seen *s, const char *name, const char *is)
{
        struct json_object *was = NULL;

        if (!json_object_object_get_ex(s->had, name, &was))
                restore_note(s->r, "%s %s comes back", s->what, name);
        else if (strcmp(json_object_get_string(was), is) != 0)
                restore_note(s->r, "%s %s is again as it was in the backup", s->what, name);
}

static int tell_profile(void *ctx, const char *name, const char *const json[PROFILE_SLOTS])
{
        tell_one(ctx, name, json[PROFILE_CURRENT] ? json[PROFILE_CURRENT] : "");
        return 0;
}

static int tell_boot(void *ctx, const struct boot_row *b)
{
        tell_one(ctx, b->name, b->sha256);
        return 0;
}

static int tell_image(void *ctx, const struct image_row *i)
{
        tell_one(ctx, i->name, i->file);
        return 0;
}

void restore_tell_back(struct restore *r, struct store *old, struct store *to, bool *ret_lost)
{
        struct seen profiles = { r, "profile", json_object_new_object() };
        struct seen boots = { r, "boot entry", json_object_new_object() };
        struct seen images = { r, "image", json_object_new_object() };

        tell_defaults(r, old, to);
        if (old->ops->profile_list(old, NULL, had_profile, profiles.had) < 0 || old->ops->boot_list(old, had_boot, boots.had) < 0 ||
            old->ops->image_list(old, had_image, images.had) < 0 || to->ops->profile_list(to, NULL, tell_profile, &profiles) < 0 ||
            to->ops->boot_list(to, tell_boot, &boots) < 0 || to->ops->image_list(to, tell_image, &images) < 0)
                *ret_lost = true;
        json_object_put(profiles.had);
        json_object_put(boots.had);
        json_object_put(images.had);
}
