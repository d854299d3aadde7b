/* SPDX-License-Identifier: Apache-2.0 */
/* init: the cluster's keys, configuration and directories */
#include "commands.h"
#include "init.h"

#include <getopt.h>
#include <sys/stat.h>

enum { OPT_ETC = CLI_LONG, OPT_STATE, OPT_ADDRESS, OPT_BOOT, OPT_ATTEST, OPT_USER, OPT_IPXE, OPT_HOSTS, OPT_RENEW };

static const struct cli_option options[] = {
        { "address", OPT_ADDRESS, "A", "the parent's IP address on the provisioning network; repeated: more of them, and host names" },
        { "etc", OPT_ETC, "DIR", "keys and configuration (/etc/muster)" },
        { "state", OPT_STATE, "DIR", "database and served files (/var/lib/muster)" },
        { "boot-port", OPT_BOOT, "N", "port of the plain HTTP listener (8080)" },
        { "attest-port", OPT_ATTEST, "N", "port of the TLS listener (8443)" },
        { "user", OPT_USER, "NAME", "system account of musterd (muster), made when missing" },
        { "ipxe", OPT_IPXE, "DIR", "take iPXE's .efi files from here: the ones this parent vouches for" },
        { "hosts", OPT_HOSTS, "PATTERNS", "host patterns of the printed known_hosts line (*)" },
        { "renew", OPT_RENEW, NULL, "make a new certificate for the parent's key, for the addresses given" },
        { 0 },
};

static const struct cli_command command = {
        "init", "--address A…", "Makes the cluster's keys, configuration and directories; keeps all that exists", options,
};

static const char dnsmasq_lines[] = "       dhcp-userclass=set:ipxe,iPXE\n"
                                    "       dhcp-match=set:efi64,option:client-arch,7\n"
                                    "       dhcp-match=set:efi64,option:client-arch,9\n"
                                    "       dhcp-boot=tag:efi64,tag:!ipxe,snponly.efi\n";

/* 0, or an exit code (told) */
static int set_option(struct init_spec *s, int v)
{
        unsigned long *port = v == OPT_BOOT ? &s->boot_port : &s->attest_port;

        switch (v) {
        case OPT_ETC:
                s->etc = optarg;
                break;
        case OPT_STATE:
                s->state = optarg;
                break;
        case OPT_USER:
                s->user = optarg;
                break;
        case OPT_IPXE:
                s->ipxe = optarg;
                break;
        case OPT_HOSTS:
                if (!*optarg || strpbrk(optarg, " \t\r\n"))
                        return cli_usage(&command, "'%.80s' is no list of host patterns", optarg);
                s->hosts = optarg;
                break;
        case OPT_RENEW:
                s->renew = true;
                break;
        case OPT_ADDRESS:
                if (!init_address_ok(optarg))
                        return cli_usage(&command, "'%.80s' is no address and no host name", optarg);
                if (s->n_addresses == INIT_ADDRESSES_MAX)
                        return cli_usage(&command, "more than %d addresses", INIT_ADDRESSES_MAX);
                s->address[s->n_addresses++] = optarg;
                break;
        default:
                if (cli_number(optarg, 1, 65535, port) < 0)
                        return cli_usage(&command, "'%.40s' is no port number", optarg);
        }
        return 0;
}

/* The configuration names paths as they are from anywhere. */
static int absolute(const char **path, char buffer[PATH_MAX])
{
        char cwd[PATH_MAX];

        if ((*path)[0] == '/' || !getcwd(cwd, sizeof(cwd)))
                return 0;
        if (snprintf(buffer, PATH_MAX, "%s/%s", cwd, *path) >= PATH_MAX)
                return -ENAMETOOLONG;
        *path = buffer;
        return 0;
}

static bool path_ok(const char *path)
{
        size_t n = strlen(path);

        for (size_t i = 0; i < n; i++)
                if ((unsigned char)path[i] <= 0x20 || (unsigned char)path[i] >= 0x7f)
                        return false;
        return n > 1 && n < 200;
}

static int check_paths(struct init_spec *s)
{
        static char buffer[3][PATH_MAX];

        if (absolute(&s->etc, buffer[0]) < 0 || absolute(&s->state, buffer[1]) < 0 || absolute(&s->socket, buffer[2]) < 0 ||
            !path_ok(s->etc) || !path_ok(s->state) || !path_ok(s->socket))
                return cli_usage(&command, "--etc, --state and --socket are paths of printable characters without "
                                           "blanks, shorter than 200");
        if (strlen(s->socket) > 99)
                return cli_usage(&command, "the path of --socket is longer than 99 characters");
        return 0;
}

static int run(struct init_spec *s, struct init_report *r, char *line, size_t n, struct fail *f)
{
        int rc = init_account(s, r, f);

        if (rc == 0)
                rc = init_dirs(s, r, f);
        if (rc == 0)
                rc = init_keys(s, r, f);
        if (rc == 0)
                rc = init_conf(s, r, f);
        if (rc == 0)
                rc = init_ipxe(s, r, f);
        return rc ? rc : init_known_hosts(s, line, n, f);
}

static void print_list(const char *label, struct json_object *list)
{
        for (size_t i = 0; i < json_object_array_length(list); i++)
                printf("%-7s %s\n", label, json_object_get_string(json_object_array_get_idx(list, i)));
}

static void print_next(const struct init_spec *s, const char *line)
{
        const char *a = s->n_addresses ? init_first_ip(s) : "ADDRESS";
        const char *left = strchr(a, ':') ? "[" : "";
        const char *right = strchr(a, ':') ? "]" : "";

        printf("\nNext:\n"
               "  1. Users reach every node, now and later, with this one line in known_hosts\n"
               "     (put your nodes' names for the patterns):\n       %s\n"
               "  2. Start the server: systemctl enable --now musterd\n"
               "     (or musterd --config %s/musterd.conf)\n"
               "  3. Hand iPXE to the nodes, for example with dnsmasq and its TFTP server:\n%s"
               "       dhcp-boot=tag:ipxe,http://%s%s%s:%lu/ipxe?mac=${net0/mac:hexhyp}&uuid=${uuid}\n"
               "  4. Put your TPM makers' CA certificates in %s/ek-ca, then systemctl reload musterd\n"
               "  5. Make something to boot:\n"
               "       muster boot build --output r1.efi && muster boot add r1 r1.efi\n"
               "       muster image add base DIRECTORY\n"
               "  6. Boot a node, then: muster node list; muster node approve ID --name NAME\n"
               "Back up %s: keys that are lost cannot be made again.\n",
               line, s->etc, dnsmasq_lines, left, a, right, s->boot_port, s->etc, s->etc);
}

static int print(const struct init_spec *s, const struct init_report *r, const char *line)
{
        if (cli_json()) {
                _cleanup_(json_putp) struct json_object *o = json_object_new_object();

                if (!o)
                        return MUSTER_IO;
                json_object_object_add(o, "made", json_object_get(r->made));
                json_object_object_add(o, "kept", json_object_get(r->kept));
                json_object_object_add(o, "known_hosts", json_object_new_string(line));
                return cli_print_json(o);
        }
        print_list("made", r->made);
        print_list("exists", r->kept);
        if (json_object_array_length(r->made) == 0)
                printf("\nEverything was there already; nothing was changed.\n");
        print_next(s, line);
        return MUSTER_OK;
}

int cmd_init(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *made = json_object_new_array();
        _cleanup_(json_putp) struct json_object *kept = json_object_new_array();
        struct init_report r = { made, kept };
        struct init_spec s = { .etc = "/etc/muster", .state = "/var/lib/muster", .user = "muster", .hosts = "*",
                               .boot_port = 8080, .attest_port = 8443, .now = time(NULL) };
        char line[1024];
        struct fail f = { 0 };
        int rc = 0;
        int v;

        if (!made || !kept)
                return MUSTER_IO;
        while ((v = cli_next(&command, argc, argv, &rc)) > 0) {
                rc = set_option(&s, v);
                if (rc)
                        return rc;
        }
        if (v < 0)
                return rc;
        rc = cli_count(&command, argc, argv, 0, 0);
        s.socket = cli_socket_given() ? cli_socket_given() : "/run/muster/admin.sock";
        if (rc == 0)
                rc = check_paths(&s);
        if (rc)
                return rc;
        if (s.n_addresses > 0 && !init_first_ip(&s))
                return cli_usage(&command, "one --address must be an IP address: nodes look up no names in the DNS");
        if (s.renew && s.n_addresses == 0)
                return cli_usage(&command, "--renew needs --address for the new certificate");
        (void)umask(022);
        rc = run(&s, &r, line, sizeof(line), &f);
        if (rc == 0)
                return print(&s, &r, line);
        if (!cli_json())
                print_list("made", made);
        return cli_fail(rc, &f);
}
