/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "sandbox.h"
#include "testing.h"
#include "version.h"

#include <getopt.h>
#include <json-c/json_c_version.h>
#include <openssl/opensslv.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define RUN_DIR "/run/muster"

/* The source packages that tpm2-tss and OpenSSL were built from, as the build says. */
#ifndef MUSTER_TSS
#define MUSTER_TSS "of an unknown version"
#endif
#ifndef MUSTER_OPENSSL
#define MUSTER_OPENSSL "the distribution's"
#endif

static const char version_text[] =
        "muster-node " MUSTER_VERSION "\n"
        "tpm2-tss " MUSTER_TSS "\n"
        "OpenSSL " OPENSSL_VERSION_STR " (" MUSTER_OPENSSL ")\n"
        "json-c " JSON_C_VERSION "\n";

static const char usage_text[] =
        "usage: muster-node boot [--config FILE] [--sysroot DIR] [--run-dir DIR] [--image-file FILE]\n"
        "                        [--onfail retry|reboot|halt] [--once] [--cap]\n"
        "       muster-node enroll\n"
        "       muster-node status [--run-dir DIR]\n"
        "       muster-node check-platform [--suspend] [--output json]\n"
        "       muster-node --version | --help\n"
        "Proves this machine to a parent and boots the image it hands out. See muster-node(8).\n";

/* Secrets live in this process: keep them out of swap, cores and ptrace. */
static void harden(void)
{
        const struct rlimit none = { 0, 0 };
        const char *what;

#ifdef __SANITIZE_ADDRESS__
        const unsigned long dumpable = 1; /* the leak checker traces its own process */
#else
        const unsigned long dumpable = 0;
#endif

        (void)umask(077);
        (void)signal(SIGPIPE, SIG_IGN);
        if (prctl(PR_SET_DUMPABLE, dumpable) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            setrlimit(RLIMIT_CORE, &none) < 0)
                log_warn("harden the process: %s", strerror(errno));
        if (geteuid() == 0 && mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
                log_warn("lock memory: %s", strerror(errno));
        if (sandbox_enter(&what) < 0)
                log_warn("%s: %s", what, strerror(errno));
}

static int bad_option(const char *command, char **argv)
{
        log_err("muster-node %s: option `%s` is unknown or lacks its value. Next: muster-node --help", command,
                argv[optind > 1 ? optind - 1 : 1]);
        return EXIT_USAGE;
}

static int no_operands(const char *command, int argc, char **argv)
{
        if (optind == argc)
                return 0;
        log_err("muster-node %s takes no operand `%s`. Next: muster-node --help", command, argv[optind]);
        return EXIT_USAGE;
}

static int absolute(const char *option, const char *path)
{
        if (path[0] == '/' && strlen(path) < 400 && !strpbrk(path, ",:\\ \n"))
                return 0;
        log_err("%s wants an absolute path without spaces, commas and colons, not `%s`", option, path);
        return EXIT_USAGE;
}

static int main_boot(int argc, char **argv)
{
        static const struct option options[] = {
                { "config", required_argument, NULL, 'c' },     { "sysroot", required_argument, NULL, 's' },
                { "run-dir", required_argument, NULL, 'r' },    { "image-file", required_argument, NULL, 'i' },
                { "onfail", required_argument, NULL, 'f' },     { "once", no_argument, NULL, 'o' },
                { "cap", no_argument, NULL, 'k' },              { NULL, 0, NULL, 0 },
        };
        struct boot_options o = { .config = CONF_PATH, .run_dir = RUN_DIR };
        int r = 0;
        int c;

        while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                switch (c) {
                case 'c':
                        o.config = optarg;
                        break;
                case 's':
                        o.sysroot = optarg;
                        r = absolute("--sysroot", optarg);
                        break;
                case 'r':
                        o.run_dir = optarg;
                        r = absolute("--run-dir", optarg);
                        break;
                case 'i':
                        o.image_file = optarg;
                        break;
                case 'f':
                        o.onfail = onfail_from_name(optarg);
                        if (o.onfail == ONFAIL_UNSET) {
                                log_err("--onfail is retry, reboot or halt, not `%s`", optarg);
                                r = EXIT_USAGE;
                        }
                        break;
                case 'o':
                        o.once = true;
                        break;
                case 'k':
                        o.cap = true;
                        break;
                default:
                        r = bad_option("boot", argv);
                }
        }
        if (r == 0)
                r = no_operands("boot", argc, argv);
        if (r == 0 && o.sysroot && o.image_file) {
                log_err("--sysroot and --image-file do not go together: what is mounted is held in RAM");
                r = EXIT_USAGE;
        }
        return r ? r : cmd_boot(&o);
}

static int main_enroll(int argc, char **argv)
{
        static const struct option options[] = { { NULL, 0, NULL, 0 } };
        int r;

        if (getopt_long(argc, argv, "", options, NULL) >= 0)
                return bad_option("enroll", argv);
        r = no_operands("enroll", argc, argv);
        return r ? r : cmd_enroll();
}

static int main_check_platform(int argc, char **argv)
{
        static const struct option options[] = {
                { "suspend", no_argument, NULL, 's' },
                { "output", required_argument, NULL, 'o' },
                { NULL, 0, NULL, 0 },
        };
        bool try = false;
        int r;
        int c;

        while ((c = getopt_long(argc, argv, "o:", options, NULL)) >= 0) {
                if (c == 's') {
                        try = true;
                } else if (c == 'o' && strcmp(optarg, "json") != 0) {
                        log_err("muster-node check-platform: --output is json, not `%s`", optarg);
                        return EXIT_USAGE;
                } else if (c != 'o') {
                        return bad_option("check-platform", argv);
                }
        }
        r = no_operands("check-platform", argc, argv);
        return r ? r : cmd_check_platform(try);
}

static int main_status(int argc, char **argv)
{
        static const struct option options[] = { { "run-dir", required_argument, NULL, 'r' }, { NULL, 0, NULL, 0 } };
        const char *run_dir = RUN_DIR;
        int r = 0;
        int c;

        while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c != 'r')
                        return bad_option("status", argv);
                run_dir = optarg;
                r = absolute("--run-dir", optarg);
        }
        if (r == 0)
                r = no_operands("status", argc, argv);
        return r ? r : cmd_status(run_dir);
}

static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
} commands[] = {
        { "boot", main_boot },
        { "enroll", main_enroll },
        { "status", main_status },
        { "check-platform", main_check_platform },
};

int main(int argc, char **argv)
{
        log_init("muster-node", LOG_LVL_INFO);
        opterr = 0;
        if (argc < 2) {
                (void)fputs(usage_text, stderr);
                return EXIT_USAGE;
        }
        if (strcmp(argv[1], "--version") == 0)
                return fputs(version_text, stdout) < 0 ? EXIT_OTHER : EXIT_OK;
        if (strcmp(argv[1], "--help") == 0)
                return fputs(usage_text, stdout) < 0 ? EXIT_OTHER : EXIT_OK;
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (strcmp(argv[1], commands[i].name) == 0) {
                        int r;

                        harden();
                        r = commands[i].run(argc - 1, argv + 1);
                        testing_stop("end");
                        return r;
                }
        log_err("there is no command `%s`. Next: muster-node --help", argv[1]);
        return EXIT_USAGE;
}
