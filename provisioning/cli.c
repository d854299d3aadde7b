/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "ini.h"
#include "jout.h"
#include "table.h"
#include "version.h"

#include <getopt.h>
#include <stdarg.h>

enum { OPT_SOCKET = 1000, OPT_CONFIG, OPT_VERSION };

static bool arg_json;
static const char *arg_socket;
static const char *arg_config;

static struct {
        bool loaded;
        char socket[256];
        char state[256];
        char database[1024];
} conf;

static const struct cli_option common_options[] = {
        { "output", 'o', "FORMAT", "json, or table for people (the default)" },
        { "socket", OPT_SOCKET, "PATH", "musterd's admin socket" },
        { "config", OPT_CONFIG, "FILE", "musterd's configuration (" MUSTER_CONFIG_FILE ")" },
        { "help", 'h', NULL, "show this help" },
        { 0 },
};

static void show_options(const struct cli_option *o)
{
        for (; o->name; o++) {
                char left[64];

                (void)snprintf(left, sizeof(left), "%s%c%s --%s%s%s", o->val < CLI_LONG ? "-" : "",
                               o->val < CLI_LONG ? o->val : ' ', o->val < CLI_LONG ? "," : "  ", o->name,
                               o->arg ? " " : "", o->arg ? o->arg : "");
                printf("  %-32s %s\n", left, o->help);
        }
}

static void show_help(const struct cli_command *c)
{
        printf("Usage: muster %s [OPTION]…%s%s\n%s.\n\n", c->name, c->args[0] ? " " : "", c->args, c->help);
        show_options(c->options);
        show_options(common_options);
        printf("\nmuster(8) describes it in full.\n");
}

static void complain_line(const char *what, const char *next)
{
        char line[2048];

        fprintf(stderr, "muster: %s", show_text(what, line, sizeof(line)));
        if (next && *next)
                fprintf(stderr, ". Next: %s", show_text(next, line, sizeof(line)));
        fputc('\n', stderr);
}

static void error_document(const char *what, const char *next)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();

        if (!o)
                return;
        json_object_object_add(o, "error", json_object_new_string(what));
        json_object_object_add(o, "next", json_object_new_string(next));
        (void)cli_print_json(o);
}

int cli_usage(const struct cli_command *c, const char *fmt, ...)
{
        char what[512];
        char next[96];
        int n = snprintf(what, sizeof(what), "%s: ", c->name);
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(what + n, sizeof(what) - (size_t)n, fmt, ap);
        va_end(ap);
        (void)snprintf(next, sizeof(next), "muster %s --help", c->name);
        complain_line(what, next);
        if (arg_json)
                error_document(what, next);
        return MUSTER_USAGE;
}

/* Handles an option common to all commands: 1 when it was one, else 0; -1: stop. */
static int common_option(const struct cli_command *c, int v, int *ret_rc)
{
        switch (v) {
        case 'o':
                if (strcmp(optarg, "json") != 0 && strcmp(optarg, "table") != 0 && strcmp(optarg, "text") != 0) {
                        *ret_rc = cli_usage(c, "unknown output format '%s' (json or table)", optarg);
                        return -1;
                }
                arg_json = optarg[0] == 'j';
                return 1;
        case OPT_SOCKET:
                arg_socket = optarg;
                return 1;
        case OPT_CONFIG:
                arg_config = optarg;
                return 1;
        case 'h':
                show_help(c);
                *ret_rc = MUSTER_OK;
                return -1;
        default:
                return 0;
        }
}

static void add_options(const struct cli_option *from, struct option *to, size_t *n, char *shorts)
{
        for (; from->name && *n < CLI_OPTIONS_MAX; from++) {
                to[(*n)++] = (struct option){ from->name, from->arg ? required_argument : no_argument, NULL, from->val };
                if (from->val < CLI_LONG) {
                        size_t at = strlen(shorts);

                        shorts[at++] = (char)from->val;
                        if (from->arg)
                                shorts[at++] = ':';
                        shorts[at] = '\0';
                }
        }
}

int cli_next(const struct cli_command *c, int argc, char **argv, int *ret_rc)
{
        struct option longs[CLI_OPTIONS_MAX + 1] = { 0 };
        char shorts[2 * CLI_OPTIONS_MAX + 2] = ":";
        size_t n = 0;
        int r;

        add_options(c->options, longs, &n, shorts);
        add_options(common_options, longs, &n, shorts);
        opterr = 0;
        for (;;) {
                int at = optind ? optind : 1;
                int v = getopt_long(argc, argv, shorts, longs, NULL);

                if (v == -1)
                        return 0;
                if (v == '?' || v == ':') {
                        const char *bad = at < argc ? argv[at] : "";
                        char one[3] = { '-', (char)optopt, '\0' };

                        if (optopt > 0 && optopt < CLI_LONG)
                                bad = one;
                        else if (optind > 1 && optind <= argc)
                                bad = argv[optind - 1];
                        *ret_rc = cli_usage(c, v == ':' ? "option '%s' needs a value" : "unknown option '%s'", bad);
                        return -1;
                }
                r = common_option(c, v, ret_rc);
                if (r < 0)
                        return -1;
                if (r == 0)
                        return v;
        }
}

int cli_count(const struct cli_command *c, int argc, char **argv, int min, int max)
{
        int n = argc - optind;

        if (n < min)
                return cli_usage(c, "%s is missing", n == 0 && min == 1 ? c->args : "an argument");
        if (n > max)
                return cli_usage(c, "unexpected argument '%s'", argv[optind + max]);
        return 0;
}

int cli_number(const char *text, unsigned long min, unsigned long max, unsigned long *ret)
{
        unsigned long v = 0;

        if (!*text)
                return -EINVAL;
        for (; *text; text++) {
                if (*text < '0' || *text > '9' || v > max / 10)
                        return -EINVAL;
                v = v * 10 + (unsigned long)(*text - '0');
        }
        if (v < min || v > max)
                return -EINVAL;
        *ret = v;
        return 0;
}

bool cli_json(void)
{
        return arg_json;
}

static int conf_pair(void *ctx, const char *section, const char *key, const char *value, const char **why)
{
        (void)ctx;
        (void)why;
        if (strcmp(section, "musterd") == 0 && strcmp(key, "admin-socket") == 0)
                (void)snprintf(conf.socket, sizeof(conf.socket), "%s", value);
        if (strcmp(section, "musterd") == 0 && strcmp(key, "state-dir") == 0)
                (void)snprintf(conf.state, sizeof(conf.state), "%s", value);
        if (strcmp(section, "musterd") == 0 && strcmp(key, "database") == 0)
                (void)snprintf(conf.database, sizeof(conf.database), "%s", value);
        return 0;
}

/* musterd itself judges its configuration; here only two paths are wanted, and which store it is. */
static void load_conf(void)
{
        const char *path = arg_config ? arg_config : getenv("MUSTER_CONFIG");
        _cleanup_(fclosep) FILE *f = NULL;
        char text[INI_FILE_MAX + 1];
        const char *why = NULL;
        unsigned line = 0;
        size_t n;

        if (conf.loaded)
                return;
        conf.loaded = true;
        (void)snprintf(conf.socket, sizeof(conf.socket), "/run/muster/admin.sock");
        (void)snprintf(conf.state, sizeof(conf.state), "/var/lib/muster");
        f = fopen(path ? path : MUSTER_CONFIG_FILE, "re");
        if (!f) {
                if (path)
                        fprintf(stderr, "muster: warning: open %s: %s\n", path, strerror(errno));
                return;
        }
        n = fread(text, 1, sizeof(text), f);
        if (ini_parse(text, n, conf_pair, NULL, &line, &why) < 0)
                fprintf(stderr, "muster: warning: %s line %u: %s\n", path ? path : MUSTER_CONFIG_FILE, line,
                        why ? why : "not understood");
}

const char *cli_socket(void)
{
        const char *env = getenv("MUSTER_SOCKET");

        if (arg_socket)
                return arg_socket;
        if (env && *env)
                return env;
        load_conf();
        return conf.socket;
}

const char *cli_socket_given(void)
{
        return arg_socket;
}

const char *cli_state_dir(void)
{
        load_conf();
        return conf.state;
}

const char *cli_database(void)
{
        load_conf();
        return conf.database;
}

int cli_globals(int *argc, char ***argv, int *ret_rc)
{
        static const struct option longs[] = {
                { "output", required_argument, NULL, 'o' },
                { "socket", required_argument, NULL, OPT_SOCKET },
                { "config", required_argument, NULL, OPT_CONFIG },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPT_VERSION },
                { 0 },
        };
        static const struct cli_command self = { "help", "", "", &common_options[4] };
        int v;

        opterr = 0;
        while ((v = getopt_long(*argc, *argv, "+:o:h", longs, NULL)) != -1) {
                if (v == OPT_VERSION) {
                        printf("muster %s\n", MUSTER_VERSION);
                        *ret_rc = MUSTER_OK;
                        return -1;
                }
                if (v == 'h') {
                        *ret_rc = CLI_HELP;
                        return -1;
                }
                if (v == '?' || v == ':') {
                        fprintf(stderr, "muster: %s '%s'. Next: muster --help\n",
                                v == ':' ? "a value is missing after" : "unknown option", (*argv)[optind - 1]);
                        *ret_rc = MUSTER_USAGE;
                        return -1;
                }
                if (common_option(&self, v, ret_rc) < 0)
                        return -1;
        }
        *argc -= optind;
        *argv += optind;
        optind = 0;
        return 0;
}

int cli_fail(int rc, const struct fail *f)
{
        complain_line(f->what, f->next);
        if (arg_json)
                error_document(f->what, f->next);
        return rc;
}

void cli_complain(const struct fail *f)
{
        complain_line(f->what, f->next);
}

void cli_say(const char *fmt, ...)
{
        FILE *out = arg_json ? stderr : stdout;
        char text[4096];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char safe[4 * sizeof(text)];

                fprintf(out, "%s\n", show_text(line, safe, sizeof(safe)));
        }
}

/* json-c gives strings as they came; jout_raw() escapes what would deceive whoever reads them. */
static bool put_json(struct json_object *o, int flags)
{
        size_t len = 4;
        const char *text = o ? json_object_to_json_string_length(o, flags | JSON_C_TO_STRING_NOSLASHESCAPE, &len) : "null";
        _cleanup_(buf_wipe) struct buf safe = { 0 };
        struct jout out = { 0 };

        if (!text)
                return false;
        jout_raw(&out, NULL, text, len);
        return jout_take(&out, &safe) == 0 && fputs((const char *)safe.p, stdout) != EOF;
}

int cli_print_json(struct json_object *o)
{
        return put_json(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED) && putchar('\n') != EOF ? MUSTER_OK : MUSTER_IO;
}

int cli_print_json_line(struct json_object *o)
{
        return put_json(o, JSON_C_TO_STRING_PLAIN) && putchar('\n') != EOF ? MUSTER_OK : MUSTER_IO;
}

static bool list_has_item;

void cli_list_begin(const char *key)
{
        list_has_item = false;
        printf("{ \"%s\": [", key);
}

static void member(const char *key, struct json_object *o)
{
        printf(", \"%s\": ", key);
        (void)put_json(o, JSON_C_TO_STRING_SPACED);
}

void cli_list_item(struct json_object *o)
{
        (void)fputs(list_has_item ? ",\n" : "\n", stdout);
        (void)put_json(o, JSON_C_TO_STRING_SPACED);
        list_has_item = true;
}

int cli_list_end(int rc, const struct fail *f, const char *more, struct json_object *value)
{
        (void)fputs("\n]", stdout);
        if (more)
                member(more, value);
        if (rc && f) {
                _cleanup_(json_putp) struct json_object *what = json_object_new_string(f->what);
                _cleanup_(json_putp) struct json_object *next = json_object_new_string(f->next);

                cli_complain(f);
                member("error", what);
                member("next", next);
        }
        return puts(" }") == EOF && rc == MUSTER_OK ? MUSTER_IO : rc;
}

int cli_flush(int rc)
{
        if (fflush(stdout) == 0 && !ferror(stdout))
                return rc;
        fprintf(stderr, "muster: write standard output: %s\n", strerror(errno));
        return rc == MUSTER_OK ? MUSTER_IO : rc;
}
