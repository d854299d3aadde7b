/* SPDX-License-Identifier: Apache-2.0 */
/* list, remove and default of boot entries and of images */
#include "admin_client.h"
#include "commands.h"
#include "table.h"

#include <getopt.h>
#include <time.h>

static const struct cli_option no_options[] = { { 0 } };

static const struct cli_command boot_list = { "boot list", "", "Lists boot entries", no_options };
static const struct cli_command boot_remove = { "boot remove", "NAME", "Stops serving a boot entry and deletes its file", no_options };
static const struct cli_command boot_default = {
        "boot default", "NAME", "Makes a boot entry what every node without an assignment boots", no_options,
};
static const struct cli_command image_list = { "image list", "", "Lists images", no_options };
static const struct cli_command image_remove = { "image remove", "NAME", "Stops serving an image and deletes its file", no_options };
static const struct cli_command image_default = {
        "image default", "NAME", "Makes an image what every node without an assignment runs", no_options,
};

static const char *marks(struct json_object *o)
{
        if (admin_get(o, "usable") && !admin_bool(o, "usable"))
                return "UNUSABLE";
        return admin_bool(o, "default") ? "default" : admin_bool(o, "previous") ? "previous" : "";
}

static void print_boots(struct json_object *boots)
{
        static const char *const headings[] = { "NAME", "STATE", "SIZE", "ADDED", "KERNEL", "FILE", "COMMAND LINE", NULL };
        _cleanup_(table_wipe) struct table t = { 0 };

        table_begin(&t, headings);
        for (size_t i = 0; i < json_object_array_length(boots); i++) {
                struct json_object *b = json_object_array_get_idx(boots, i);
                char size[TIME_TEXT_MAX];
                char added[TIME_TEXT_MAX];

                table_row(&t, (const char *const[]){ admin_str(b, "name"), marks(b),
                                                     size_text((uint64_t)admin_int(b, "size"), size),
                                                     time_text(admin_int(b, "added"), added), admin_str(b, "kernel_version"),
                                                     admin_str(b, "file"), admin_str(b, "cmdline") });
        }
        table_print(&t, stdout);
}

static void print_images(struct json_object *images)
{
        static const char *const headings[] = { "NAME", "STATE", "FORMAT", "SIZE", "ADDED", "FILE", NULL };
        _cleanup_(table_wipe) struct table t = { 0 };

        table_begin(&t, headings);
        for (size_t i = 0; i < json_object_array_length(images); i++) {
                struct json_object *m = json_object_array_get_idx(images, i);
                char size[TIME_TEXT_MAX];
                char added[TIME_TEXT_MAX];

                table_row(&t, (const char *const[]){ admin_str(m, "name"), marks(m), admin_str(m, "format"),
                                                     size_text((uint64_t)admin_int(m, "plain_size"), size),
                                                     time_text(admin_int(m, "added"), added), admin_str(m, "file") });
        }
        table_print(&t, stdout);
}

static int list(const struct cli_command *c, const char *target, const char *key, void (*print)(struct json_object *),
                int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct fail f = { 0 };
        int rc = 0;

        if (cli_next(c, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(c, argc, argv, 0, 0);
        if (rc)
                return rc;
        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0)
                rc = admin_call(a, "GET", target, NULL, &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        if (json_object_is_type(admin_get(o, key), json_type_array))
                print(admin_get(o, key));
        return MUSTER_OK;
}

/* done: what to say; NULL for a removal, of which the answer says what became of the file */
static int change(const struct cli_command *c, const char *method, const char *prefix, const char *suffix,
                  const char *done, int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        _cleanup_(admin_freep) struct admin *a = NULL;
        char size[TIME_TEXT_MAX];
        struct fail f = { 0 };
        char target[512];
        int rc = 0;

        if (cli_next(c, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(c, argc, argv, 1, 1);
        if (rc)
                return rc;
        if (!*argv[optind] || admin_target(target, sizeof(target), prefix, argv[optind], suffix) < 0)
                return cli_usage(c, "'%.100s' is no name", argv[optind]);
        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0)
                rc = admin_call(a, method, target, NULL, &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        if (done)
                cli_say("%s: %s", argv[optind], done);
        else if (admin_bool(o, "deleted"))
                cli_say("%s: no longer served; its file is deleted, %s (who is loading it now keeps it until he has it)", argv[optind],
                        size_text((uint64_t)admin_int(o, "freed"), size));
        else
                cli_say("%s: no longer served; there was no file %s to delete", argv[optind], admin_text(o, "file"));
        return MUSTER_OK;
}

int cmd_boot_list(int argc, char **argv)
{
        return list(&boot_list, "/v1/boots", "boots", print_boots, argc, argv);
}

int cmd_boot_remove(int argc, char **argv)
{
        return change(&boot_remove, "DELETE", "/v1/boots/", "", NULL, argc, argv);
}

int cmd_boot_default(int argc, char **argv)
{
        return change(&boot_default, "POST", "/v1/boots/", "/default",
                      "now the default boot entry; the former one stays acceptable until the next change", argc, argv);
}

int cmd_image_list(int argc, char **argv)
{
        return list(&image_list, "/v1/images", "images", print_images, argc, argv);
}

int cmd_image_remove(int argc, char **argv)
{
        return change(&image_remove, "DELETE", "/v1/images/", "", NULL, argc, argv);
}

int cmd_image_default(int argc, char **argv)
{
        return change(&image_default, "POST", "/v1/images/", "/default",
                      "now the default image, for each node from its next boot on", argc, argv);
}
