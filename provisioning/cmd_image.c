/* SPDX-License-Identifier: Apache-2.0 */
/* image add: makes, seals and serves an image. */
#include "commands.h"
#include "hex.h"
#include "image.h"
#include "jout.h"
#include "served.h"
#include "table.h"
#include "tool.h"

#include <getopt.h>

enum { OPT_NO_DEFAULT = CLI_LONG, OPT_STATE };

static const struct cli_option options[] = {
        { "no-default", OPT_NO_DEFAULT, NULL, "do not make it the default image" },
        { "state", OPT_STATE, "DIR", "musterd's state directory (what musterd says)" },
        { 0 },
};

static const struct cli_command command = {
        "image add", "NAME SOURCE",
        "Makes a squashfs of a directory, a tar, a squashfs or an erofs, seals it under a fresh key, and serves it",
        options,
};

struct wish {
        const char *name;
        const char *state;
        bool standard;
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
        jout_bool(&o, "default", w->standard);
        jout_end(&o, '}');
        r = jout_take(&o, &body);
        jout_wipe(&o);
        if (r < 0)
                return fail_set(f, MUSTER_IO, "", "", "add image %s: %s", w->name, strerror(-r));
        return admin_call(a, "POST", "/v1/images", (const char *)body.p, ret, f);
}

static int work(struct admin *a, const struct wish *w, struct image_job *j, struct json_object **ret, struct fail *f)
{
        struct image_sealed sealed = { 0 };
        char path[PATH_MAX + 256];
        char image[PATH_MAX];
        int rc;

        rc = image_make(j, &w->source, image, f);
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

/* A name that is taken is found out before minutes of work. */
static int check_free(struct admin *a, const char *name, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct json_object *images;
        int rc = admin_call(a, "GET", "/v1/images", NULL, &o, f);

        images = admin_get(o, "images");
        for (size_t i = 0; rc == 0 && json_object_is_type(images, json_type_array) && i < json_object_array_length(images);
             i++)
                if (strcmp(admin_text(json_object_array_get_idx(images, i), "name"), name) == 0)
                        rc = fail_set(f, MUSTER_NO, "", "choose another name, or muster image remove it first",
                                      "add image %s: there is an image of that name", name);
        return rc;
}

static int add(const struct wish *w, struct json_object **ret, struct fail *f)
{
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct image_job j = { .name = w->name, .progress = isatty(STDERR_FILENO) == 1 };
        int rc;

        rc = admin_open(cli_socket(), &a, f);
        if (rc == 0)
                rc = check_free(a, w->name, f);
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
        struct wish w = { .standard = true };
        char size[TIME_TEXT_MAX];
        struct fail f = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&command, argc, argv, &rc)) > 0) {
                if (v == OPT_STATE)
                        w.state = optarg;
                else
                        w.standard = false;
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
        return MUSTER_OK;
}
