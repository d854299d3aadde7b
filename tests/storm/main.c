/* SPDX-License-Identifier: Apache-2.0 */
/* storm run --ca FILE --keys FILE --nodes N --parent IP:PORT… [OPTION…]
 *
 *   --arrival all | poisson:RATE | waves:SIZE:SECONDS
 *   --steady            the nodes' NV indices are present: a boot after the first
 *   --boot N            their reset counter (7)
 *   --hostile PERCENT   of all clients misbehave: so many more than the nodes, which are the others
 *   --once              a refusal is the end for its node
 *   --bare              GET / of any HTTPS server: what a handshake costs it
 *   --hold SECONDS      the connection stays open after the verdict
 *   --limit SECONDS     for all together (600)
 *   --template FILE     a real event log, whose firmware events the next model has (up to 4)
 *   --pid-file FILE     musterd's: CPU and memory of it and its children
 *   --title TEXT --json FILE --series FILE --ledger FILE
 *
 * Exits with 0 when each node was released. */
#include "storm.h"

#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>

struct options opt = {.n = 100, .reset_count = 7, .limit = 600, .title = "storm"};
struct node *fleet;

static int usage(void)
{
        (void)fprintf(stderr, "usage: storm files DIR | evidence DIR | keys FILE N CSV | run OPTION…: see tests/storm/main.c\n");
        return 2;
}

static bool parse_arrival(const char *text)
{
        struct arrival *a = &opt.arrival;

        if (strcmp(text, "all") == 0)
                return true;
        if (sscanf(text, "poisson:%lf", &a->rate) == 1) {
                a->how = POISSON;
                return a->rate > 0;
        }
        a->how = WAVES;
        return sscanf(text, "waves:%u:%lf", &a->size, &a->interval) == 2 && a->size > 0 && a->interval >= 0;
}

static bool parse_parent(const char *text)
{
        unsigned port = 0;

        if (opt.n_parents == PARENTS || sscanf(text, "%63[0-9.]:%u", opt.parents[opt.n_parents].host, &port) != 2 || port > 65535)
                return false;
        opt.parents[opt.n_parents++].port = (uint16_t)port;
        return true;
}

static bool parse(int argc, char **argv)
{
        static const struct option longs[] = {
                {"ca", 1, NULL, 'c'},     {"keys", 1, NULL, 'k'},   {"nodes", 1, NULL, 'n'},  {"parent", 1, NULL, 'p'},
                {"arrival", 1, NULL, 'a'}, {"steady", 0, NULL, 's'}, {"boot", 1, NULL, 'b'},   {"once", 0, NULL, 'o'},
                {"hold", 1, NULL, 'h'},   {"limit", 1, NULL, 'l'},  {"pid-file", 1, NULL, 'i'}, {"title", 1, NULL, 't'},
                {"json", 1, NULL, 'j'},   {"series", 1, NULL, 'e'}, {"ledger", 1, NULL, 'g'}, {"hostile", 1, NULL, 'x'}, {"template", 1, NULL, 'm'},
                {"bare", 0, NULL, 'r'},
                {NULL, 0, NULL, 0},
        };
        double hostile = 0;
        int o;

        while ((o = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
                switch (o) {
                case 'm':
                        if (opt.n_templates == CLASSES)
                                return false;
                        opt.templates[opt.n_templates++] = optarg;
                        break;
                case 'x': hostile = strtod(optarg, NULL); break;
                case 'c': opt.ca = optarg; break;
                case 'k': opt.keys = optarg; break;
                case 'n': opt.n = (unsigned)strtoul(optarg, NULL, 10); break;
                case 'p': if (!parse_parent(optarg)) return false; break;
                case 'a': if (!parse_arrival(optarg)) return false; break;
                case 's': opt.steady = true; break;
                case 'b': opt.reset_count = (uint32_t)strtoul(optarg, NULL, 10); break;
                case 'o': opt.once = true; break;
                case 'r': opt.bare = true; break;
                case 'h': opt.hold = strtod(optarg, NULL); break;
                case 'l': opt.limit = strtod(optarg, NULL); break;
                case 'i': opt.pid_file = optarg; break;
                case 't': opt.title = optarg; break;
                case 'j': opt.out = optarg; break;
                case 'e': opt.series = optarg; break;
                case 'g': opt.ledger = optarg; break;
                default: return false;
                }
        }
        if (hostile < 0 || hostile > 90)
                return false;
        opt.foes = (unsigned)(opt.n * hostile / (100 - hostile) + 0.5);
        return optind == argc && opt.ca && opt.keys && opt.n > 0 && opt.n_parents > 0;
}

static int run(void)
{
        struct rlimit l;

        if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
                l.rlim_cur = l.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &l);
                if (l.rlim_cur < opt.n + opt.foes + 64)
                        (void)fprintf(stderr, "storm: only %llu files may be open\n", (unsigned long long)l.rlim_cur);
        }
        fleet = calloc(opt.n + opt.foes, sizeof(*fleet));
        if (!fleet)
                return 2;
        tpm_load(opt.keys, opt.n, opt.steady, opt.reset_count);
        foes_init(opt.n, opt.foes);
        link_init(opt.ca);
        if (fleet_run() < 0)
                return 2;
        return report();
}

int main(int argc, char **argv)
{
        (void)signal(SIGPIPE, SIG_IGN);
        if (argc == 3 && strcmp(argv[1], "files") == 0) {
                tpm_files(argv[2]);
                return 0;
        }
        if (argc == 3 && strcmp(argv[1], "evidence") == 0) {
                tpm_evidence(argv[2]);
                return 0;
        }
        if (argc == 5 && strcmp(argv[1], "keys") == 0) {
                tpm_make_keys(argv[2], (unsigned)strtoul(argv[3], NULL, 10), argv[4]);
                return 0;
        }
        if (argc < 2 || strcmp(argv[1], "run") != 0 || !parse(argc - 1, argv + 1))
                return usage();
        return run();
}
