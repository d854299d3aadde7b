/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_files.h"

#include "fault.h"
#include "keys.h"
#include "names.h"

static const char *const setting_names[2][2] = { { "default_boot", "previous_boot" },
                                                 { "default_image", "previous_image" } };

static void boot_free(struct catalog_boot *b)
{
        boot_ref_free(&b->ref);
        free(b->row.cmdline);
        free(b);
}

static void profile_entry_free(struct catalog_profile *p)
{
        for (int i = 0; i < PROFILE_SLOTS; i++)
                free(p->json[i]);
        free(p);
}

#define FREE_LIST(list, type, func) \
        for (struct type *i_ = take_ptr(list), *n_; i_; i_ = n_) { \
                n_ = i_->next; \
                func(i_); \
        }

#define FIND(list, type, match) \
        for (const struct type *i = (list); i; i = i->next) \
                if (match) \
                        return i; \
        return NULL

void catalog_read(struct catalog *c) { (void)pthread_rwlock_rdlock(&c->lock); }
void catalog_done(struct catalog *c) { (void)pthread_rwlock_unlock(&c->lock); }
const struct catalog_boot *catalog_boots(struct catalog *c) { return c->boots; }
const struct catalog_image *catalog_images(struct catalog *c) { return c->images; }
const struct catalog_profile *catalog_profiles(struct catalog *c) { return c->profiles; }
const struct ipxe_set *catalog_ipxe(struct catalog *c) { return &c->ipxe; }

const struct catalog_boot *catalog_boot(struct catalog *c, const char *name)
{
        FIND(c->boots, catalog_boot, strcmp(i->row.name, name) == 0);
}

const struct catalog_image *catalog_image(struct catalog *c, const char *name)
{
        FIND(c->images, catalog_image, strcmp(i->row.name, name) == 0);
}

const struct catalog_profile *catalog_profile(struct catalog *c, const char *name)
{
        FIND(c->profiles, catalog_profile, strcmp(i->name, name) == 0);
}

const char *catalog_default(struct catalog *c, bool image, bool previous)
{
        return c->standard[image][previous];
}

unsigned catalog_choice(struct catalog *c, enum choice which)
{
        return c->choice[which];
}

struct load {
        struct catalog *c;
        struct catalog_boot *old_boots, **boots_end;
        struct catalog_image *old_images, **images_end;
        struct catalog_profile **profiles_end;
};

static int on_boot_row(void *ctx, const struct boot_row *row)
{
        struct load *l = ctx;
        struct boot_row copy = *row;
        struct catalog_boot *b = NULL;
        int r;

        for (struct catalog_boot **p = &l->old_boots; *p && !b; p = *p ? &(*p)->next : p) {
                if (strcmp((*p)->row.name, row->name) == 0 && strcmp((*p)->row.sha256, row->sha256) == 0 &&
                    catalog_boot_usable(l->c, *p)) {
                        b = *p;
                        *p = b->next;
                        break;
                }
        }
        if (!b) {
                b = calloc(1, sizeof(*b));
                if (!b)
                        return -ENOMEM;
                r = boot_load(l->c, &copy, false, b);
                b->usable = r == 0;
                b->row = *row;
                b->row.cmdline = strdup(row->cmdline);
                if (r < 0)
                        log_err("boot %s is not served: %s/%s: %s. Next: put the file back, or `muster boot remove %s`",
                                row->name, l->c->boot_dir, row->file,
                                r == -ESTALE ? "altered since it was added" : strerror(-r), row->name);
        }
        b->next = NULL;
        *l->boots_end = b;
        l->boots_end = &b->next;
        return b->row.cmdline ? 0 : -ENOMEM;
}

static int on_image_row(void *ctx, const struct image_row *row)
{
        struct load *l = ctx;
        struct catalog_image *i = calloc(1, sizeof(*i));
        int r;

        if (!i)
                return -ENOMEM;
        i->row = *row;
        r = image_load(l->c, row, &i->id);
        i->usable = r == 0;
        if (r == -EPROTO)
                log_err("image %s is not served: %s/%s was sealed by an older version, without a list of chunk digests. Next: "
                        "`muster image add` it again under a new name, then `muster image remove %s`", row->name,
                        l->c->image_dir, row->file, row->name);
        else if (r < 0)
                log_err("image %s is not served: %s/%s: %s. Next: put the file back, or `muster image remove %s`", row->name,
                        l->c->image_dir, row->file, r == -ESTALE ? "altered since it was added" : strerror(-r), row->name);
        *l->images_end = i;
        l->images_end = &i->next;
        return 0;
}

int catalog_reload(struct catalog *c)
{
        struct load l = { .c = c, .old_boots = take_ptr(c->boots), .boots_end = &c->boots,
                          .old_images = take_ptr(c->images), .images_end = &c->images };
        int r;

        FAULT_POINT("catalog-reload");
        r = c->store->ops->boot_list(c->store, on_boot_row, &l);
        if (r == 0)
                r = c->store->ops->image_list(c->store, on_image_row, &l);
        for (int image = 0; image < 2 && r == 0; image++)
                for (int previous = 0; previous < 2 && r == 0; previous++)
                        r = c->store->ops->setting_get(c->store, setting_names[image][previous],
                                                       c->standard[image][previous], NAME_MAX_LEN + 1);
        FREE_LIST(l.old_boots, catalog_boot, boot_free)
        FREE_LIST(l.old_images, catalog_image, free)
        return r;
}

static int on_profile_row(void *ctx, const char *name, const char *const json[PROFILE_SLOTS])
{
        struct load *l = ctx;
        struct catalog_profile *p = calloc(1, sizeof(*p));
        char err[JTAB_ERR];

        if (!p)
                return -ENOMEM;
        (void)snprintf(p->name, sizeof(p->name), "%s", name);
        for (int i = 0; i < PROFILE_SLOTS; i++) {
                if (!json[i])
                        continue;
                if (profile_json_parse(json[i], strlen(json[i]), &p->parsed[i], err) < 0) {
                        log_err("profile %s is not used: %s. Next: learn it again with `muster policy learn`", name, err);
                        continue;
                }
                p->json[i] = strdup(json[i]);
        }
        *l->profiles_end = p;
        l->profiles_end = &p->next;
        return 0;
}

int catalog_reload_profiles(struct catalog *c)
{
        struct load l = { .c = c, .profiles_end = &c->profiles };

        FAULT_POINT("profiles-reload");
        FREE_LIST(c->profiles, catalog_profile, profile_entry_free)
        return c->store->ops->profile_list(c->store, NULL, on_profile_row, &l);
}

int catalog_reload_choices(struct catalog *c)
{
        for (unsigned i = 0; i < CHOICES; i++) {
                char value[CHOICE_VALUE_MAX + 2]; /* one more than any value has: a longer one is not cut to a known one */
                char key[64];
                bool known;
                int r;

                (void)snprintf(key, sizeof(key), CHOICE_KEY "%s", choice_defs[i].name);
                r = c->store->ops->setting_get(c->store, key, value, sizeof(value));
                if (r < 0)
                        return r;
                c->choice[i] = choice_stored((enum choice)i, value, &known);
                if (!known)
                        log_err("policy %s has a value that this musterd does not know: taken as %s. Next: choose one with "
                                "`muster policy %s`", choice_defs[i].name, choice_defs[i].values[c->choice[i]],
                                choice_defs[i].name);
        }
        return 0;
}

/* Asked before the lock is taken: a server that does not answer keeps no
 * reader out. */
static bool behind(struct catalog *c)
{
        if (store_pg_news(c->store))
                atomic_store(&c->behind, true);
        return atomic_load(&c->behind);
}

void catalog_write(struct catalog *c)
{
        (void)behind(c);
        (void)pthread_rwlock_wrlock(&c->lock);
        if (!atomic_load(&c->behind))
                return;
        if (catalog_reload(c) < 0 || catalog_reload_profiles(c) < 0 || catalog_reload_choices(c) < 0)
                log_err("boots, images, profiles and policies cannot be read again. Next: see the line before; it is tried again");
        else
                atomic_store(&c->behind, false);
}

void catalog_follow(struct catalog *c)
{
        if (!behind(c))
                return;
        catalog_write(c);
        catalog_done(c);
}

int catalog_reload_ipxe(struct catalog *c)
{
        struct ipxe_file files[REFS_IPXE_MAX] = { 0 };
        struct ipxe_set set = { 0 };
        struct unused unused = { 0 };
        int r = ipxe_load(c, &set, files, &unused);

        catalog_write(c);
        c->ipxe = set;
        c->ipxe_unused = unused;
        memcpy(c->ipxe_files, files, sizeof(files));
        catalog_done(c);
        if (r < 0)
                log_warn("no iPXE binary is vouched for: cannot read %s: %s", c->ipxe_dir, strerror(-r));
        return r;
}

int catalog_look_at_ipxe(const struct conf *conf, struct unused *ret)
{
        _cleanup_(freep) struct catalog *c = calloc(1, sizeof(*c));
        struct ipxe_file files[REFS_IPXE_MAX] = { 0 };
        struct ipxe_set set = { 0 };
        int r = c ? conf_path(conf->state_dir, "ipxe", c->ipxe_dir, sizeof(c->ipxe_dir)) : -ENOMEM;

        return r < 0 ? r : ipxe_load(c, &set, files, ret);
}

const char *catalog_ipxe_unused(struct catalog *c, struct unused *ret)
{
        catalog_read(c);
        *ret = c->ipxe_unused;
        catalog_done(c);
        return c->ipxe_dir;
}

const struct tpm_advices *catalog_advices(struct catalog *c)
{
        return c->advices;
}

int advices_read(const char *path, struct tpm_advices **ret, struct fail *fail)
{
        _cleanup_(freep) struct tpm_advices *a = calloc(1, sizeof(*a));
        _cleanup_(buf_wipe) struct buf text = { 0 };
        const char *why = NULL;
        unsigned line = 0;
        int r = a ? keys_file_read(path, TPMADVICE_FILE_MAX, false, &text) : -ENOMEM;

        if (r < 0)
                return fail_set(fail, r, "", "put the tpm-advisories that came with musterd there, or set tpm-advisories",
                                "cannot read the TPM advisories in %s: %s", path, strerror(-r));
        r = tpmadvice_parse((const char *)text.p, text.len, a, &line, &why);
        if (r < 0)
                return fail_set(fail, r, "", "correct the line; the file's first lines say what it has to be", "%s, line %u: %s", path,
                                line, why);
        *ret = take_ptr(a);
        return 0;
}

int catalog_reload_advices(struct catalog *c)
{
        struct tpm_advices *a = NULL;
        struct fail f = { 0 };
        int r = advices_read(c->advices_file, &a, &f);

        if (r < 0) {
                log_err("%s%s. Next: %s", f.what, c->advices ? "; those read before stay in force" : "; no TPM is judged by any", f.next);
                return r;
        }
        catalog_write(c);
        free(c->advices);
        c->advices = a;
        r = (int)a->n;
        catalog_done(c);
        return r;
}

int catalog_open(const struct conf *conf, struct store *store, struct catalog **ret, struct fail *fail)
{
        struct catalog *c = calloc(1, sizeof(*c));
        pthread_rwlockattr_t attr;
        int r;

        if (!c)
                return -ENOMEM;
        /* readers that never let go together would keep every admin out */
        (void)pthread_rwlockattr_init(&attr);
        (void)pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
        (void)pthread_rwlock_init(&c->lock, &attr);
        (void)pthread_rwlockattr_destroy(&attr);
        c->store = store;
        r = conf_path(conf->state_dir, "boot", c->boot_dir, sizeof(c->boot_dir));
        if (r == 0)
                r = conf_path(conf->state_dir, "images", c->image_dir, sizeof(c->image_dir));
        if (r == 0)
                r = conf_path(conf->state_dir, "ipxe", c->ipxe_dir, sizeof(c->ipxe_dir));
        if (r == 0)
                r = catalog_reload(c);
        if (r == 0)
                r = catalog_reload_profiles(c);
        if (r == 0)
                r = catalog_reload_choices(c);
        if (r < 0) {
                catalog_free(c);
                return fail_set(fail, r, "", "see the line before", "cannot load boots, images and profiles: %s",
                                strerror(-r));
        }
        (void)catalog_reload_ipxe(c);
        (void)snprintf(c->advices_file, sizeof(c->advices_file), "%s", conf->tpm_advisories);
        (void)catalog_reload_advices(c);
        *ret = c;
        return 0;
}

void catalog_free(struct catalog *c)
{
        if (!c)
                return;
        FREE_LIST(c->boots, catalog_boot, boot_free)
        FREE_LIST(c->images, catalog_image, free)
        FREE_LIST(c->profiles, catalog_profile, profile_entry_free)
        free(c->advices);
        (void)pthread_rwlock_destroy(&c->lock);
        free(c);
}

int catalog_set_default(struct catalog *c, bool image, const char *name)
{
        struct store *s = c->store;
        const char *now = c->standard[image][0];
        int r;

        if (strcmp(now, name) == 0)
                return 0;
        r = s->ops->setting_put(s, setting_names[image][1], now[0] ? now : NULL);
        return r < 0 ? r : s->ops->setting_put(s, setting_names[image][0], name);
}

int catalog_set_choice(struct catalog *c, enum choice which, unsigned value)
{
        char key[64];

        (void)snprintf(key, sizeof(key), CHOICE_KEY "%s", choice_defs[which].name);
        return c->store->ops->setting_put(c->store, key, choice_defs[which].values[value]);
}
