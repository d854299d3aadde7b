/* SPDX-License-Identifier: Apache-2.0 */
/* boot add: serves a UKI with its command line. */
#include "below.h"
#include "commands.h"
#include "files.h"
#include "hex.h"
#include "served.h"
#include "table.h"

#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>

#define CMDLINE_MAX 2048

enum { OPT_CMDLINE = CLI_LONG, OPT_NO_DEFAULT, OPT_ALLOW, OPT_STATE };

static const struct cli_option options[] = {
        { "cmdline", OPT_CMDLINE, "TEXT", "the kernel command line (the one embedded in the UKI)" },
        { "no-default", OPT_NO_DEFAULT, NULL, "do not make it the default boot entry" },
        { "allow-shell", OPT_ALLOW, NULL, "accept a command line that can end in a shell on the console" },
        { "state", OPT_STATE, "DIR", "musterd's state directory (what musterd says)" },
        { 0 },
};

static const struct cli_command command = {
        "boot add", "NAME FILE", "Serves a UKI with its command line, and makes it the default boot entry", options,
};

struct entry {
        const char *name;
        const char *file;
        const char *state;
        char cmdline[CMDLINE_MAX];
        bool given; /* a command line */
        bool standard;
        bool allow_shell;
};

static int choose_cmdline(struct entry *e, struct fail *f)
{
        char embedded[CMDLINE_MAX];
        const char *lacks;
        int rc = served_uki_cmdline(e->file, embedded, sizeof(embedded), f);

        if (rc)
                return rc;
        if (!e->given)
                (void)snprintf(e->cmdline, sizeof(e->cmdline), "%s", embedded);
        if (!*e->cmdline)
                return fail_set(f, MUSTER_USAGE, "", "give one with --cmdline",
                                "add boot entry %s: the UKI %s has no command line embedded", e->name, e->file);
        lacks = served_cmdline_lacks(e->cmdline);
        if (lacks && !e->allow_shell)
                return fail_set(f, MUSTER_NO, "", "add it to --cmdline, or give --allow-shell if that is meant",
                                "add boot entry %s: its command line lacks %s; without it the console, the hypervisor or the BMC "
                                "opens a shell", e->name, lacks);
        lacks = served_cmdline_sleeps(e->cmdline);
        if (lacks)
                fprintf(stderr, "muster: warning: boot entry %s: its command line lacks %s, so root on a node can write its memory "
                        "to a disk and start it again. Next: add it to --cmdline\n", e->name, lacks);
        return 0;
}

static int digest_file(const char *path, uint8_t ret[DIGEST_LEN])
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        static uint8_t block[1 << 16];
        ssize_t n;

        if (fd < 0)
                return -errno;
        if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        while ((n = read(fd, block, sizeof(block))) > 0)
                if (EVP_DigestUpdate(md, block, (size_t)n) != 1)
                        return -EIO;
        if (n < 0)
                return -errno;
        return EVP_DigestFinal_ex(md, ret, NULL) == 1 ? 0 : -EIO;
}

/* Copies the UKI to DIR/NAME-<12 hex>.efi; *ret_new: it was not there before. */
static int place(const struct entry *e, const char *dir, char base[192], bool *ret_new, struct fail *f)
{
        _cleanup_(closep) int in = -1;
        _cleanup_(closep) int to = -1;
        uint8_t want[DIGEST_LEN];
        uint8_t have[DIGEST_LEN];
        char path[PATH_MAX + 256];
        char hex[HEX_LEN(6)];
        int r;

        r = digest_file(e->file, want);
        if (r < 0)
                return fail_set(f, MUSTER_IO, "", "", "read the UKI %s: %s", e->file, strerror(-r));
        hex_encode(want, 6, hex);
        (void)snprintf(base, 192, "%s-%s.efi", e->name, hex);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, base);
        *ret_new = digest_file(path, have) < 0 || !same_bytes(want, sizeof(want), have, sizeof(have));
        if (!*ret_new)
                return 0;
        in = open(e->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        r = in < 0 ? -errno : below_top(dir, &to);
        if (r == 0)
                r = below_copy(in, to, base, 0644, have);
        if (r == 0 && !same_bytes(want, sizeof(want), have, sizeof(have)))
                r = -EBUSY;
        if (r == 0)
                return 0;
        if (r == -EBUSY)
                (void)unlink(path);
        return fail_set(f, MUSTER_IO, "", r == -ENOSPC ? "make room, e.g. with muster boot remove" : "",
                        "copy the UKI %s to the boot files as %s: %s", e->file, base, r == -EBUSY ? "it changed meanwhile" : strerror(-r));
}

static int add(const struct entry *e, struct json_object **ret, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *body = json_object_new_object();
        _cleanup_(admin_freep) struct admin *a = NULL;
        char path[PATH_MAX + 256];
        char dir[PATH_MAX];
        char base[192];
        bool is_new = false;
        int rc;

        rc = admin_open(cli_socket(), &a, f);
        if (rc == 0)
                rc = served_dir(a, e->state, "boot", dir, f);
        if (rc == 0)
                rc = place(e, dir, base, &is_new, f);
        if (rc)
                return rc;
        json_object_object_add(body, "name", json_object_new_string(e->name));
        json_object_object_add(body, "file", json_object_new_string(base));
        json_object_object_add(body, "cmdline", json_object_new_string(e->cmdline));
        json_object_object_add(body, "default", json_object_new_boolean(e->standard));
        json_object_object_add(body, "allow_shell", json_object_new_boolean(e->allow_shell));
        rc = admin_call(a, "POST", "/v1/boots", json_object_to_json_string(body), ret, f);
        if (rc == MUSTER_NO && is_new) {
                (void)snprintf(path, sizeof(path), "%s/%s", dir, base);
                (void)unlink(path);
        }
        return rc;
}

int cmd_boot_add(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct entry e = { .standard = true };
        struct fail f = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&command, argc, argv, &rc)) > 0) {
                if (v == OPT_CMDLINE && strlen(optarg) >= sizeof(e.cmdline))
                        return cli_usage(&command, "the command line has %zu characters", strlen(optarg));
                if (v == OPT_CMDLINE) {
                        (void)snprintf(e.cmdline, sizeof(e.cmdline), "%s", optarg);
                        e.given = true;
                } else if (v == OPT_STATE) {
                        e.state = optarg;
                } else if (v == OPT_ALLOW) {
                        e.allow_shell = true;
                } else {
                        e.standard = false;
                }
        }
        if (v < 0)
                return rc;
        rc = cli_count(&command, argc, argv, 2, 2);
        if (rc)
                return rc;
        e.name = argv[optind];
        e.file = argv[optind + 1];
        if (!served_name_ok(e.name))
                return cli_usage(&command, "'%.80s' is no name for a boot entry (letters, digits, '.', '_', '-'; at most 63)",
                                 e.name);
        rc = choose_cmdline(&e, &f);
        if (rc == 0)
                rc = add(&e, &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        cli_say("%s: served as %s%s\ncommand line: %s", e.name, admin_text(o, "file"),
                admin_bool(o, "default") ? ", the default; the former one stays acceptable until the next change" : "",
                admin_text(o, "cmdline"));
        return MUSTER_OK;
}
