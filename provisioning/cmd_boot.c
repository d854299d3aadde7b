/* SPDX-License-Identifier: Apache-2.0 */
/* boot add: looks at a UKI and serves it with its command line. boot check: the look alone. */
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

enum { OPT_CMDLINE = CLI_LONG, OPT_DEFAULT, OPT_NO_DEFAULT, OPT_ALLOW, OPT_UNCHECKED, OPT_STATE };

static const struct cli_option options[] = {
        { "cmdline", OPT_CMDLINE, "TEXT", "the kernel command line (the one embedded in the UKI)" },
        { "default", OPT_DEFAULT, NULL, "make it the default boot entry (the first one is, without this)" },
        { "no-default", OPT_NO_DEFAULT, NULL, "do not make it the default boot entry, and do not ask" },
        { "allow-shell", OPT_ALLOW, NULL, "accept a command line that can end in a shell on the console" },
        { "unchecked", OPT_UNCHECKED, NULL, "serve it even if no node can boot it; recorded in the journal" },
        { "state", OPT_STATE, "DIR", "musterd's state directory (what musterd says)" },
        { 0 },
};

static const struct cli_command command = {
        "boot add", "NAME FILE", "Looks whether nodes can boot a UKI, and serves it with its command line", options,
};

static const struct cli_option check_options[] = {
        { "cmdline", OPT_CMDLINE, "TEXT", "the kernel command line (the one embedded in the UKI)" },
        { "allow-shell", OPT_ALLOW, NULL, "accept a command line that can end in a shell on the console" },
        { 0 },
};

static const struct cli_command check_command = {
        "boot check", "FILE", "Looks whether nodes can boot a UKI with its command line, and adds nothing", check_options,
};

struct entry {
        const char *name;
        const char *file;
        const char *state;
        char cmdline[CMDLINE_MAX];
        bool given; /* a command line */
        enum served_wish standard;
        bool as_default; /* what became of it */
        bool allow_shell;
        bool unchecked;
};

static void warn(const struct entry *e, const char *what, const char *next)
{
        fprintf(stderr, "muster: warning: boot entry %s: %s. Next: %s\n", e->name, what, next);
}

static bool has_word(const char *line, const char *word)
{
        size_t len = strlen(word);

        for (const char *p = line + strspn(line, " "); *p; p += strspn(p, " ")) {
                size_t n = strcspn(p, " ");

                if (n == len && strncmp(p, word, n) == 0)
                        return true;
                p += n;
        }
        return false;
}

/* Without the word nothing of the initramfs asks a parent, and nobody is told. */
static int look_for_root(const struct entry *e, struct fail *f)
{
        static const char what[] = "its command line has no root=muster, so that no node asks this parent for its image";

        if (has_word(e->cmdline, "root=muster"))
                return 0;
        if (!e->unchecked)
                return fail_set(f, MUSTER_NO, "", "add it to --cmdline, or add the entry with --unchecked", "boot entry %s: %s", e->name, what);
        warn(e, what, "nothing, if that is meant");
        return 0;
}

/* What the stub takes under Secure Boot in place of a line that was given. */
static void look_at_embedded(const struct entry *e, const char *embedded)
{
        const char *lacks = served_cmdline_lacks(embedded);
        char what[256];

        if (!e->given || !*embedded || strcmp(embedded, e->cmdline) == 0)
                return;
        if (!lacks && !has_word(embedded, "root=muster"))
                lacks = "root=muster";
        if (!lacks)
                return;
        (void)snprintf(what, sizeof(what), "with Secure Boot its stub takes the embedded command line, which lacks %s, and such nodes are "
                       "refused", lacks);
        warn(e, what, "nothing where Secure Boot is off; else make the UKI with that line");
}

static int look(struct entry *e, struct fail *f)
{
        char embedded[CMDLINE_MAX];
        const char *lacks;
        char what[256];
        int rc = served_uki_cmdline(e->file, embedded, sizeof(embedded), f);

        if (rc)
                return rc;
        if (!e->given)
                (void)snprintf(e->cmdline, sizeof(e->cmdline), "%s", embedded);
        if (!*e->cmdline)
                return fail_set(f, MUSTER_USAGE, "", "give one with --cmdline",
                                "boot entry %s: the UKI %s has no command line embedded", e->name, e->file);
        lacks = served_cmdline_lacks(e->cmdline);
        if (lacks && !e->allow_shell)
                return fail_set(f, MUSTER_NO, "", "add it to --cmdline, or give --allow-shell if that is meant",
                                "boot entry %s: its command line lacks %s; without it the console, the hypervisor or the BMC "
                                "opens a shell", e->name, lacks);
        rc = look_for_root(e, f);
        if (rc)
                return rc;
        lacks = served_cmdline_sleeps(e->cmdline);
        (void)snprintf(what, sizeof(what), "its command line lacks %s, so root on a node can write its memory to a disk and start it again",
                       lacks ? lacks : "");
        if (lacks)
                warn(e, what, "add it to --cmdline");
        look_at_embedded(e, embedded);
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

static int add(struct entry *e, struct json_object **ret, struct fail *f)
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
                rc = served_look(a, "boot", e->name, e->standard, &e->as_default, f);
        if (rc == 0)
                rc = served_dir(a, e->state, "boot", dir, f);
        if (rc == 0)
                rc = place(e, dir, base, &is_new, f);
        if (rc)
                return rc;
        json_object_object_add(body, "name", json_object_new_string(e->name));
        json_object_object_add(body, "file", json_object_new_string(base));
        json_object_object_add(body, "cmdline", json_object_new_string(e->cmdline));
        json_object_object_add(body, "default", json_object_new_boolean(e->as_default));
        json_object_object_add(body, "allow_shell", json_object_new_boolean(e->allow_shell));
        json_object_object_add(body, "unchecked", json_object_new_boolean(e->unchecked));
        rc = admin_call(a, "POST", "/v1/boots", json_object_to_json_string(body), ret, f);
        if (rc == MUSTER_NO && is_new) {
                (void)snprintf(path, sizeof(path), "%s/%s", dir, base);
                (void)unlink(path);
        }
        return rc;
}

/* One option; false: it is a command line that is too long. */
static bool take_option(struct entry *e, int v)
{
        if (v == OPT_CMDLINE && strlen(optarg) >= sizeof(e->cmdline))
                return false;
        if (v == OPT_CMDLINE) {
                (void)snprintf(e->cmdline, sizeof(e->cmdline), "%s", optarg);
                e->given = true;
        } else if (v == OPT_STATE) {
                e->state = optarg;
        } else if (v == OPT_ALLOW) {
                e->allow_shell = true;
        } else if (v == OPT_UNCHECKED) {
                e->unchecked = true;
        } else {
                e->standard = v == OPT_DEFAULT ? SERVED_DEFAULT : SERVED_NO_DEFAULT;
        }
        return true;
}

int cmd_boot_add(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct entry e = { .standard = SERVED_ASK };
        struct fail f = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&command, argc, argv, &rc)) > 0)
                if (!take_option(&e, v))
                        return cli_usage(&command, "the command line has %zu characters", strlen(optarg));
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
        rc = look(&e, &f);
        if (rc == 0)
                rc = add(&e, &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        cli_say("%s: served as %s%s\ncommand line: %s", e.name, admin_text(o, "file"),
                admin_bool(o, "default") ? ", the default; the former one stays acceptable until the next change" : "",
                admin_text(o, "cmdline"));
        if (!admin_bool(o, "default"))
                cli_say("It is not the default. Next: muster boot default %s, or muster node assign NODES --boot %s", e.name, e.name);
        return MUSTER_OK;
}

int cmd_boot_check(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct entry e = { 0 };
        struct fail f = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&check_command, argc, argv, &rc)) > 0)
                if (!take_option(&e, v))
                        return cli_usage(&check_command, "the command line has %zu characters", strlen(optarg));
        if (v < 0)
                return rc;
        rc = cli_count(&check_command, argc, argv, 1, 1);
        if (rc)
                return rc;
        e.name = e.file = argv[optind];
        rc = look(&e, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json()) {
                o = json_object_new_object();
                json_object_object_add(o, "file", json_object_new_string(e.file));
                json_object_object_add(o, "cmdline", json_object_new_string(e.cmdline));
                return cli_print_json(o);
        }
        cli_say("%s: nodes can boot it, as far as the file tells\ncommand line: %s", e.file, e.cmdline);
        return MUSTER_OK;
}
