/* SPDX-License-Identifier: Apache-2.0 */
/* status: how musterd is doing */
#include "admin_client.h"
#include "commands.h"
#include "table.h"

#include <inttypes.h>
#include <time.h>

static const struct cli_option no_options[] = { { 0 } };
static const struct cli_command status_command = { "status", "", "Shows how musterd is doing", no_options };

static void print_nodes(struct json_object *nodes)
{
        char line[512] = "";
        size_t n = 0;

        if (!json_object_is_type(nodes, json_type_object))
                return;
        json_object_object_foreach(nodes, key, v)
        {
                if (n < sizeof(line))
                        n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%" PRId64 " %s", n ? ", " : "",
                                              json_object_get_int64(v), key);
        }
        show_line("nodes:", "%s", line);
}

/* Not confined is not normal: it is said first, and with the way out. */
static void print_sandbox(struct json_object *sandbox)
{
        const char *calls = admin_str(sandbox, "system_calls");

        if (!calls)
                return; /* an older musterd */
        if (strcmp(calls, "enforce") != 0)
                show_line("WARNING:", "musterd is NOT CONFINED (system calls: %s). Next: set sandbox = enforce in "
                          "musterd.conf and restart it", calls);
        else if (admin_int(sandbox, "landlock") == 0)
                show_line("confined:", "system calls; its files by owner and mode only, this kernel has no Landlock");
        else
                show_line("confined:", "system calls, files (Landlock ABI %" PRId64 ")", admin_int(sandbox, "landlock"));
}

/* Each by its name: what is wrong with one file concerns no other one. */
static void print_unused(struct json_object *files)
{
        if (!json_object_is_type(files, json_type_array))
                return; /* an older musterd */
        for (size_t i = 0; i < json_object_array_length(files); i++) {
                struct json_object *f = json_object_array_get_idx(files, i);

                show_line("NOT USED:", "%s: %s", admin_text(f, "file"), admin_text(f, "why"));
        }
}

/* What stops the store, or a node's boot: said before the figures. */
static void print_troubles(struct json_object *o)
{
        struct json_object *unusable = admin_get(o, "unusable");
        struct json_object *disk = admin_get(o, "disk");
        char left[TIME_TEXT_MAX];
        char size[TIME_TEXT_MAX];

        if (admin_bool(disk, "full"))
                show_line("WARNING:", "the disk that holds %s is full: nothing can be recorded, so no node is let in. Next: make room there, "
                          "e.g. with muster image prune", admin_text(o, "state_dir"));
        for (size_t i = 0; json_object_is_type(unusable, json_type_array) && i < json_object_array_length(unusable); i++) {
                struct json_object *u = json_object_array_get_idx(unusable, i);

                show_line("WARNING:", "%s %s is UNUSABLE: its file %s is gone or was altered. Next: put it back and restart musterd, or muster "
                          "%s remove %s", admin_text(u, "kind"), admin_text(u, "name"), admin_text(u, "file"), admin_text(u, "kind"),
                          admin_text(u, "name"));
        }
        if (disk)
                show_line("state disk:", "%s free of %s", size_text((uint64_t)admin_int(disk, "free"), left),
                          size_text((uint64_t)admin_int(disk, "size"), size));
}

static void print_status(struct json_object *o)
{
        struct json_object *listeners = admin_get(o, "listeners");
        struct json_object *journal = admin_get(o, "journal");
        char text[TIME_TEXT_MAX];

        show_line("musterd:", "%s, running since %s", admin_text(o, "version"), time_text(admin_int(o, "started"), text));
        print_sandbox(admin_get(o, "sandbox"));
        print_troubles(o);
        print_nodes(admin_get(o, "nodes"));
        show_line("boot entries:", "%" PRId64 ", default %s", admin_int(o, "boots"),
                  admin_str(o, "default_boot") ? admin_str(o, "default_boot") : "none");
        show_line("images:", "%" PRId64 ", default %s", admin_int(o, "images"),
                  admin_str(o, "default_image") ? admin_str(o, "default_image") : "none");
        if (admin_get(o, "ek_cas"))
                show_line("EK CAs:", "%" PRId64 " certificates%s", admin_int(o, "ek_cas"),
                          admin_int(o, "ek_cas") == 0 ? ": no node's EK certificate will chain. Next: put the TPM makers' CA "
                                                        "certificates into ek-ca, then systemctl reload musterd" : "");
        print_unused(admin_get(o, "unused_files"));
        show_line("journal:", "%" PRId64 " events, head %.16s", admin_int(journal, "seq"), admin_text(journal, "head"));
        if (!json_object_is_type(listeners, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(listeners); i++) {
                struct json_object *l = json_object_array_get_idx(listeners, i);

                show_line(i ? "" : "listens on:", "%s", json_object_get_string(l));
        }
}

int cmd_status(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct fail f = { 0 };
        int rc = 0;

        if (cli_next(&status_command, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(&status_command, argc, argv, 0, 0);
        if (rc)
                return rc;
        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0)
                rc = admin_call(a, "GET", "/v1/status", NULL, &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        print_status(o);
        return MUSTER_OK;
}
