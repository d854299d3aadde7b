/* SPDX-License-Identifier: Apache-2.0 */
/* image add: makes, looks at, seals and serves an image. image check: the look alone. */
#include "commands.h"
#include "hex.h"
#include "image.h"
#include "imagelook.h"
#include "jout.h"
#include "served.h"
#include "table.h"
#include "tool.h"

#include <getopt.h>

enum { OPT_DEFAULT = CLI_LONG, OPT_NO_DEFAULT, OPT_UNCHECKED, OPT_STATE };

static const struct cli_option options[] = {
        { "default", OPT_DEFAULT, NULL, "make it the default image (the first one is, without this)" },
        { "no-default", OPT_NO_DEFAULT, NULL, "do not make it the default image, and do not ask" },
        { "unchecked", OPT_UNCHECKED, NULL, "serve it even if no node can boot it; recorded in the journal" },
        { "state", OPT_STATE, "DIR", "musterd's state directory (what musterd says)" },
        { 0 },
};

static const struct cli_command command = {
        "image add", "NAME SOURCE",
        "Makes a squashfs of a directory, a tar, a squashfs or an erofs, looks whether a node can boot it, seals it under a fresh "
        "key, and serves it",
        options,
};

static const struct cli_option no_options[] = { { 0 } };

static const struct cli_command check_command = {
        "image check", "SOURCE", "Looks whether a node can boot a directory, a tar, a squashfs or an erofs, and adds nothing", no_options,
};

struct wish {
        const char *name;
        const char *state;
        enum served_wish standard;
        bool as_default; /* what became of it */
        bool unchecked;
        struct image_source source;
};

/* The key goes out in this one text, which is wiped. */
static int publish(struct admin *a, const struct wish *w, const struct image_sealed *s, struct json_object **ret,
                   struct fail *f)
{
        _cleanup_(buf_wipe) struct buf body = { 0 };
        struct jout o = { 0 };
        int r;

        jout_obj(&o, NULL);
        jout_str(&o, "name", w->name);
        jout_str(&o, "file", s->base);
        jout_str(&o, "format", "squashfs");
        jout_int(&o, "size", (int64_t)s->size);
        jout_int(&o, "plain_size", (int64_t)s->plain_size);
        jout_hex(&o, "header", s->header, sizeof(s->header));
        jout_hex(&o, "list", s->list, sizeof(s->list));
        jout_b64(&o, "key", s->key, sizeof(s->key));
        jout_bool(&o, "default", w->as_default);
        jout_bool(&o, "unchecked", w->unchecked);
        jout_end(&o, '}');
        r = jout_take(&o, &body);
        jout_wipe(&o);
        if (r < 0)
                return fail_set(f, MUSTER_IO, "", "", "add image %s: %s", w->name, strerror(-r));
        return admin_call(a, "POST", "/v1/images", (const char *)body.p, ret, f);
}

/* One line each. The one that stopped it is told by cli_fail(). */
static void tell(const char *source, const struct imagelook_findings *found, const struct imagelook_finding *stopped)
{
        for (size_t i = 0; i < found->n; i++)
                if (&found->v[i] != stopped)
                        fprintf(stderr, "muster: %s: image %s: %s. Next: %s\n", stopped && found->v[i].refuse ? "error" : "warning",
                                source, found->v[i].what, found->v[i].next);
}

/* 0, MUSTER_NO: no node can boot it, or another exit code: it cannot be looked at. */
static int look(const char *given, const struct image_source *s, struct imagelook_findings *ret, struct fail *f)
{
        _cleanup_(imagelook_wipe) struct imagelook l = { 0 };
        int rc = s->kind == IMAGE_DIR ? image_look_tree(s->path, &l, f) : image_look_squashfs(s->path, &l, f);

        *ret = (struct imagelook_findings){ 0 };
        if (rc)
                return rc;
        imagelook_judge(&l, ret);
        if (!imagelook_refusal(ret))
                return 0;
        return fail_set(f, MUSTER_NO, "", imagelook_refusal(ret)->next, "image %s: %s", given, imagelook_refusal(ret)->what);
}

/* With --unchecked a refusal is only told (tell()), and so is that nothing could be seen. */
static int overridden(const struct image_job *j, int rc, const struct fail *f)
{
        if (!j->unchecked || tool_interrupted())
                return rc;
        if (rc && rc != MUSTER_NO)
                cli_complain(f);
        return 0;
}

/* The squashfs of the source, which was looked at as early as that could be. */
static int make(struct image_job *j, const struct image_source *source, bool whole, struct imagelook_findings *found,
                char image[PATH_MAX], struct fail *f)
{
        struct image_source from;
        char root[PATH_MAX];
        bool early;
        int rc;

        rc = image_unpack(j, source, root, &from, f);
        early = from.kind != IMAGE_TAR;
        if (rc == 0 && early)
                rc = overridden(j, look(source->path, &from, found, f), f);
        if (rc || (early && !whole))
                return rc;
        rc = image_make(j, &from, image, f);
        if (rc == 0 && !early)
                rc = overridden(j, look(source->path, &(struct image_source){ .path = image, .kind = IMAGE_SQUASHFS }, found, f), f);
        return rc;
}

static int work(struct admin *a, const struct wish *w, struct image_job *j, struct json_object **ret, struct fail *f)
{
        struct imagelook_findings found = { 0 };
        struct image_sealed sealed = { 0 };
        char path[PATH_MAX + 256];
        char image[PATH_MAX];
        int rc;

        rc = make(j, &w->source, true, &found, image, f);
        if (rc == MUSTER_NO) {
                size_t n = strlen(f->next);

                (void)snprintf(f->next + n, sizeof(f->next) - n, ", or add it with --unchecked");
        }
        tell(w->source.path, &found, rc ? imagelook_refusal(&found) : NULL);
        if (rc == 0)
                rc = image_seal(j, image, &sealed, f);
        if (rc)
                return rc;
        rc = publish(a, w, &sealed, ret, f);
        if (rc == MUSTER_NO) {
                (void)snprintf(path, sizeof(path), "%s/%s", j->dir, sealed.base);
                (void)unlink(path);
        }
        wipe(&sealed, sizeof(sealed));
        return rc;
}

static int add(struct wish *w, struct json_object **ret, struct fail *f)
{
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct image_job j = { .name = w->name, .source = w->source.path, .unchecked = w->unchecked,
                               .progress = isatty(STDERR_FILENO) == 1 };
        int rc;

        rc = admin_open(cli_socket(), &a, f);
        if (rc == 0)
                rc = served_look(a, "image", w->name, w->standard, &w->as_default, f);
        if (rc == 0)
                rc = served_dir(a, w->state, "images", j.dir, f);
        if (rc)
                return rc;
        tool_catch_signals();
        rc = image_job_begin(&j, f);
        if (rc == 0)
                rc = work(a, w, &j, ret, f);
        image_job_end(&j);
        return rc;
}

int cmd_image_add(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct wish w = { .standard = SERVED_ASK };
        char size[TIME_TEXT_MAX];
        struct fail f = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&command, argc, argv, &rc)) > 0) {
                if (v == OPT_STATE)
                        w.state = optarg;
                else if (v == OPT_UNCHECKED)
                        w.unchecked = true;
                else
                        w.standard = v == OPT_DEFAULT ? SERVED_DEFAULT : SERVED_NO_DEFAULT;
        }
        if (v < 0)
                return rc;
        rc = cli_count(&command, argc, argv, 2, 2);
        if (rc)
                return rc;
        w.name = argv[optind];
        if (!served_name_ok(w.name))
                return cli_usage(&command, "'%.80s' is no name for an image (letters, digits, '.', '_', '-'; at most 63)",
                                 w.name);
        rc = image_look(argv[optind + 1], &w.source, &f);
        if (rc == 0)
                rc = add(&w, &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        cli_say("%s: %s of %s, sealed, served as %s%s", w.name, admin_text(o, "format"),
                size_text((uint64_t)admin_int(o, "plain_size"), size), admin_text(o, "file"),
                admin_bool(o, "default") ? ", the default for each node from its next boot on" : "");
        if (!admin_bool(o, "default"))
                cli_say("It is not the default. Next: muster image default %s, or muster node assign NODES --image %s", w.name, w.name);
        return MUSTER_OK;
}

/* With a work directory only where something has to be unpacked. */
static int check(const struct image_source *s, struct imagelook_findings *found, struct fail *f)
{
        struct image_job j = { .name = "check", .source = s->path, .progress = isatty(STDERR_FILENO) == 1 };
        const char *where = getenv("TMPDIR");
        char image[PATH_MAX];
        int rc = 0;

        (void)snprintf(j.dir, sizeof(j.dir), "%s", where && *where ? where : "/var/tmp");
        tool_catch_signals();
        if (s->kind == IMAGE_TAR || s->kind == IMAGE_EROFS)
                rc = image_job_begin(&j, f);
        if (rc == 0)
                rc = make(&j, s, false, found, image, f);
        image_job_end(&j);
        return rc;
}

static void print_findings(const struct imagelook_findings *found)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        struct json_object *list = json_object_new_array();

        json_object_object_add(o, "bootable", json_object_new_boolean(!imagelook_refusal(found)));
        for (size_t i = 0; i < found->n; i++) {
                struct json_object *one = json_object_new_object();

                json_object_object_add(one, "refused", json_object_new_boolean(found->v[i].refuse));
                json_object_object_add(one, "what", json_object_new_string(found->v[i].what));
                json_object_object_add(one, "next", json_object_new_string(found->v[i].next));
                json_object_array_add(list, one);
        }
        json_object_object_add(o, "findings", list);
        (void)cli_print_json(o);
}

int cmd_image_check(int argc, char **argv)
{
        struct imagelook_findings found = { 0 };
        struct image_source source;
        struct fail f = { 0 };
        int rc = 0;

        if (cli_next(&check_command, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(&check_command, argc, argv, 1, 1);
        if (rc)
                return rc;
        rc = image_look(argv[optind], &source, &f);
        if (rc == 0)
                rc = check(&source, &found, &f);
        if (rc && rc != MUSTER_NO)
                return cli_fail(rc, &f);
        if (cli_json())
                print_findings(&found);
        else
                tell(source.path, &found, imagelook_refusal(&found));
        if (rc && !cli_json())
                return cli_fail(rc, &f);
        if (rc == 0)
                cli_say("%s: a node can boot it%s", source.path, found.n ? "; see the warnings" : "");
        return rc;
}
