/* SPDX-License-Identifier: Apache-2.0 */
/* muster - the admin's command. This file finds the command; cli.h reads
 * the options all commands share. */
#include "boot_build.h"
#include "cli.h"
#include "commands.h"
#include "offline.h"

#include <getopt.h>
#include <locale.h>
#include <signal.h>

struct subcommand {
        const char *group; /* NULL: a command of one word */
        const char *name;
        int (*run)(int argc, char **argv);
        const char *args;
        const char *help;
};

static const struct subcommand commands[] = {
        { NULL, "init", cmd_init, "--address A", "make the cluster's keys, configuration and directories" },
        { "node", "list", cmd_node_list, "[NODES]", "list nodes" },
        { "node", "show", cmd_node_show, "NODES", "show nodes with their evidence" },
        { "node", "add", cmd_node_add, "NAMES", "enrol nodes before they first boot" },
        { "node", "approve", cmd_node_approve, "NODES", "enrol pending nodes" },
        { "node", "assign", cmd_node_assign, "NODES", "choose what nodes boot" },
        { "node", "rename", cmd_node_rename, "OLD NEW", "give a node another name" },
        { "node", "quarantine", cmd_node_quarantine, "NODES", "refuse nodes until approved again" },
        { "node", "revoke", cmd_node_revoke, "NODES", "refuse nodes from now on" },
        { "node", "remove", cmd_node_remove, "NODES", "forget nodes" },
        { "boot", "build", cmd_boot_build, "--output FILE", "make a UKI with dracut" },
        { "boot", "add", cmd_boot_add, "NAME FILE", "serve a UKI with its command line" },
        { "boot", "check", cmd_boot_check, "FILE", "look whether nodes can boot a UKI" },
        { "boot", "list", cmd_boot_list, "", "list boot entries" },
        { "boot", "default", cmd_boot_default, "NAME", "make a boot entry the default" },
        { "boot", "remove", cmd_boot_remove, "NAME", "stop serving a boot entry, and delete its file" },
        { "image", "add", cmd_image_add, "NAME SOURCE", "make, seal and serve an image" },
        { "image", "check", cmd_image_check, "SOURCE", "look whether a node can boot it" },
        { "image", "list", cmd_image_list, "", "list images" },
        { "image", "default", cmd_image_default, "NAME", "make an image the default" },
        { "image", "remove", cmd_image_remove, "NAME", "stop serving an image, and delete its file" },
        { "image", "prune", cmd_image_prune, "", "remove images that no node gets" },
        { "policy", "show", cmd_policy_show, "[PROFILE]", "show firmware profiles" },
        { "policy", "learn", cmd_policy_learn, "NODE", "propose a node's firmware as its model's profile" },
        { "policy", "promote", cmd_policy_promote, "PROFILE", "make a proposed profile the current one" },
        { "policy", "list", cmd_policy_list, "", "show what was chosen for the whole cluster" },
        { "policy", "pcr1", cmd_policy_pcr1, "[VALUE]", "judge firmware settings, or not" },
        { "policy", "tpm", cmd_policy_tpm, "[VALUE]", "what to do about TPMs that advisories name" },
        { "policy", "facts", cmd_policy_facts, "[VALUE]", "what to do when a node's serial or MACs change" },
        { NULL, "status", cmd_status, "", "show how musterd is doing" },
        { NULL, "log", cmd_log, "[verify | NODES]", "show what happened, and why a node was refused" },
        { NULL, "backup", cmd_backup, "DIR", "copy the state and the configuration" },
        { NULL, "restore", cmd_restore, "DIR", "put a backup back" },
        { NULL, "rotate", cmd_rotate, "[KEY]", "replace a key of the cluster, with the fleet running" },
        { "store", "migrate", cmd_store_migrate, "", "move the state from SQLite to PostgreSQL (musterd stopped)" },
        { NULL, "eventlog", cmd_eventlog, "FILE", "show a TCG event log (offline)" },
        { NULL, "quote", cmd_quote, "verify", "verify a TPM quote (offline)" },
        { NULL, "uki", cmd_uki, "FILE", "what a UKI makes a TPM measure (offline)" },
        { NULL, "ek", cmd_ek, "FILE", "the node id of an endorsement key (offline)" },
};

static void show_commands(FILE *out, const char *group)
{
        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                const struct subcommand *c = &commands[i];
                char left[64];

                if (group && (!c->group || strcmp(group, c->group) != 0))
                        continue;
                (void)snprintf(left, sizeof(left), "%s%s%s %s", c->group ? c->group : "", c->group ? " " : "", c->name,
                               c->args);
                fprintf(out, "  %-26s %s\n", left, c->help);
        }
}

static int usage(FILE *out, const char *group)
{
        fprintf(out, "Usage: muster [OPTION]… %s%s[ARGUMENT]…\n\nCommands:\n", group ? group : "COMMAND",
                group ? " COMMAND " : " ");
        show_commands(out, group);
        fprintf(out, "\nOptions of every command:\n"
                     "  -o, --output FORMAT              json, or table for people (the default)\n"
                     "      --socket PATH                musterd's admin socket\n"
                     "      --config FILE                musterd's configuration (" MUSTER_CONFIG_FILE ")\n"
                     "  -h, --help                       show this help\n"
                     "      --version                    show the version (in front of the command only)\n"
                     "\nNODES is a range like 'r1n[001-640],login1' of names or node ids.\n"
                     "muster COMMAND --help lists a command's options; muster(8) describes all.\n");
        return out == stdout ? MUSTER_OK : MUSTER_USAGE;
}

static const struct subcommand *find(int argc, char **argv, bool *ret_group)
{
        *ret_group = false;
        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                const struct subcommand *c = &commands[i];

                if (!c->group && strcmp(c->name, argv[0]) == 0)
                        return c;
                if (!c->group || strcmp(c->group, argv[0]) != 0)
                        continue;
                *ret_group = true;
                if (argc > 1 && strcmp(c->name, argv[1]) == 0)
                        return c;
        }
        return NULL;
}

static bool wants_help(const char *arg)
{
        return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0 || strcmp(arg, "help") == 0;
}

int main(int argc, char **argv)
{
        const struct subcommand *c;
        bool group = false;
        int rc = MUSTER_OK;

        (void)signal(SIGPIPE, SIG_IGN);
        (void)setlocale(LC_CTYPE, ""); /* what the terminal can show, for show_text() */
        log_init("muster", LOG_LVL_WARN);
        if (cli_globals(&argc, &argv, &rc) < 0)
                return cli_flush(rc < 0 ? usage(stdout, NULL) : rc);
        if (argc < 1)
                return usage(stderr, NULL);
        if (wants_help(argv[0]))
                return cli_flush(usage(stdout, NULL));
        c = find(argc, argv, &group);
        if (!c && group && argc > 1 && wants_help(argv[1]))
                return cli_flush(usage(stdout, argv[0]));
        if (!c && group && argc < 2)
                return usage(stderr, argv[0]);
        if (!c) {
                fprintf(stderr, "muster: there is no command '%.100s%s%.100s'. Next: muster %s%s--help\n", argv[0],
                        group ? " " : "", group ? argv[1] : "", group ? argv[0] : "", group ? " " : "");
                return MUSTER_USAGE;
        }
        if (c->group) {
                argc--;
                argv++;
        }
        return cli_flush(c->run(argc, argv));
}
