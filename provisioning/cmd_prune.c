/* SPDX-License-Identifier: Apache-2.0 */
/* image prune: removes images that no node gets, and files that no image has. */
#include "below.h"
#include "commands.h"
#include "served.h"
#include "table.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <time.h>

#define ORPHAN_AGE 3600 /* seconds: an `image add` that runs has written its file before musterd knows it */
#define SUFFIX ".sealed"

enum { OPT_DRY = CLI_LONG, OPT_YES, OPT_STATE };

static const struct cli_option options[] = {
        { "dry-run", OPT_DRY, NULL, "show what would be removed, and remove nothing" },
        { "yes", OPT_YES, NULL, "do not ask" },
        { "state", OPT_STATE, "DIR", "musterd's state directory (what musterd says)" },
        { 0 },
};

static const struct cli_command command = {
        "image prune", "", "Removes images that are neither the default nor assigned to a node, and sealed files that no image has", options,
};

struct prune {
        struct json_object *images; /* as musterd lists them */
        struct json_object *found;  /* {"name" or null, "file", "size"} each */
        uint64_t size;
        int dir; /* of the images; -1: it cannot be opened */
};

static void add(struct prune *p, const char *name, const char *file, uint64_t size)
{
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "name", name ? json_object_new_string(name) : NULL);
        json_object_object_add(o, "file", json_object_new_string(file));
        json_object_object_add(o, "size", json_object_new_int64((int64_t)size));
        json_object_array_add(p->found, o);
        p->size += size;
}

static bool is_listed(const struct prune *p, const char *file)
{
        for (size_t i = 0; i < json_object_array_length(p->images); i++)
                if (strcmp(admin_text(json_object_array_get_idx(p->images, i), "file"), file) == 0)
                        return true;
        return false;
}

static void find_images(struct prune *p)
{
        for (size_t i = 0; i < json_object_array_length(p->images); i++) {
                struct json_object *m = json_object_array_get_idx(p->images, i);

                /* a musterd that does not say what is assigned is not asked to remove it */
                if (!admin_bool(m, "default") && admin_get(m, "assigned") && !admin_bool(m, "assigned"))
                        add(p, admin_text(m, "name"), admin_text(m, "file"), (uint64_t)admin_int(m, "size"));
        }
}

static void find_orphans(struct prune *p)
{
        int own = p->dir < 0 ? -1 : openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = own < 0 ? NULL : fdopendir(own);
        time_t now = time(NULL);
        struct dirent *e;

        if (!d)
                closep(&own);
        while (d && (e = readdir(d))) {
                size_t n = strlen(e->d_name);
                struct stat st;

                if (n <= strlen(SUFFIX) || strcmp(e->d_name + n - strlen(SUFFIX), SUFFIX) != 0 || is_listed(p, e->d_name))
                        continue;
                if (fstatat(p->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_mtime < now - ORPHAN_AGE)
                        add(p, NULL, e->d_name, (uint64_t)st.st_size);
        }
        if (d)
                (void)closedir(d);
}

static void show(const struct prune *p)
{
        static const char *const headings[] = { "NAME", "SIZE", "FILE", NULL };
        _cleanup_(table_wipe) struct table t = { 0 };

        table_begin(&t, headings);
        for (size_t i = 0; i < json_object_array_length(p->found); i++) {
                struct json_object *o = json_object_array_get_idx(p->found, i);
                char size[TIME_TEXT_MAX];

                table_row(&t, (const char *const[]){ admin_str(o, "name") ? admin_str(o, "name") : "(no image has it)",
                                                     size_text((uint64_t)admin_int(o, "size"), size), admin_str(o, "file") });
        }
        table_print(&t, cli_json() ? stderr : stdout);
}

static int remove_one(struct admin *a, const struct prune *p, struct json_object *o, struct fail *f)
{
        const char *name = admin_str(o, "name");
        char target[512];

        if (name && admin_target(target, sizeof(target), "/v1/images/", name, "") == 0)
                return admin_call(a, "DELETE", target, NULL, NULL, f);
        if (unlinkat(p->dir, admin_text(o, "file"), 0) < 0)
                return fail_set(f, MUSTER_IO, "", errno == EACCES ? "use sudo" : "", "delete %s: %s", admin_text(o, "file"), strerror(errno));
        return 0;
}

static int remove_all(struct admin *a, const struct prune *p)
{
        int rc = 0;

        for (size_t i = 0; i < json_object_array_length(p->found); i++) {
                struct fail f = { 0 };
                int r = remove_one(a, p, json_object_array_get_idx(p->found, i), &f);

                if (r)
                        cli_complain(&f);
                rc = rc ? rc : r;
        }
        return rc;
}

static int look(struct admin *a, const char *state, struct prune *p, struct json_object **ret_answer, struct fail *f)
{
        char dir[PATH_MAX];
        struct fail inner = { 0 };
        int rc = admin_call(a, "GET", "/v1/images", NULL, ret_answer, f);

        if (rc)
                return rc;
        p->images = admin_get(*ret_answer, "images");
        if (!json_object_is_type(p->images, json_type_array))
                return fail_set(f, MUSTER_UNREACHABLE, "", "check that the socket is musterd's", "GET /v1/images: the answer has no images");
        rc = served_dir(a, state, "images", dir, &inner);
        if (rc == 0 && below_top(dir, &p->dir) < 0)
                p->dir = -1;
        if (rc && state) {
                *f = inner;
                return rc;
        }
        find_images(p);
        find_orphans(p);
        return 0;
}

int cmd_image_prune(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *answer = NULL;
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct prune p = { .found = json_object_new_array(), .dir = -1 };
        const char *state = NULL;
        char size[TIME_TEXT_MAX];
        struct fail f = { 0 };
        bool dry = false;
        bool yes = false;
        size_t n;
        int rc = 0;
        int v;

        json_object_object_add(o, "found", p.found);
        while ((v = cli_next(&command, argc, argv, &rc)) > 0) {
                dry |= v == OPT_DRY;
                yes |= v == OPT_YES;
                if (v == OPT_STATE)
                        state = optarg;
        }
        if (v == 0)
                rc = cli_count(&command, argc, argv, 0, 0);
        if (v < 0 || rc)
                return rc;
        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0)
                rc = look(a, state, &p, &answer, &f);
        if (rc)
                return cli_fail(rc, &f);
        n = json_object_array_length(p.found);
        (void)size_text(p.size, size);
        if (n)
                show(&p);
        if (n && !dry && !yes && !cli_asks())
                return cli_fail(MUSTER_USAGE, (fail_set(&f, 0, "", "give --yes to remove them, or --dry-run to see them alone",
                                                        "prune images: there is no terminal to ask at; nothing was removed"), &f));
        if (n && !dry && !yes && !cli_ask("Remove these %zu, %s?", n, size)) {
                cli_say("Nothing was removed.");
                return MUSTER_NO;
        }
        if (!dry)
                rc = remove_all(a, &p);
        closep(&p.dir);
        if (cli_json())
                return cli_print_json(o) ? MUSTER_IO : rc;
        if (n == 0)
                cli_say("Nothing to remove: each image is the default or assigned.");
        else
                cli_say("%s%s%s", rc ? "not all of " : "", size, dry ? " could be freed. Next: muster image prune" : " freed");
        return rc;
}
