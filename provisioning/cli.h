/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - what every command of `muster` shares: option tables, the global
 * options, exit codes, and how errors and JSON documents are shown.
 *
 * For the program only: it prints. Options -o/--output, --socket, --config
 * and -h/--help belong to every command and are read here. Standard output
 * holds the answer (one JSON document with -o json, also for an error),
 * standard error what a person should know. Not thread safe. */
#ifndef MUSTER_CLI_H
#define MUSTER_CLI_H

#include "log.h"

#include <json-c/json.h>

enum {
        MUSTER_OK = 0,
        MUSTER_NO = 1,          /* it does not hold, the server refused, or part of it failed */
        MUSTER_USAGE = 2,       /* a bad option, argument or input file */
        MUSTER_UNREACHABLE = 3, /* musterd does not answer on its socket */
        MUSTER_IO = 4,          /* a file could not be read or written, a tool could not be run */
};

#define MUSTER_CONFIG_FILE "/etc/muster/musterd.conf"

static inline void json_putp(struct json_object **o)
{
        json_object_put(*o); /* NULL-safe */
}

/* One row of a command's options; the table ends with a row of NULLs. val
 * is what cli_next() returns: a letter when there is a short form, else
 * from CLI_LONG up. arg is NULL for a flag. */
struct cli_option {
        const char *name;
        int val;
        const char *arg;
        const char *help;
};

#define CLI_LONG 256
#define CLI_OPTIONS_MAX 24

struct cli_command {
        const char *name; /* "node add" */
        const char *args; /* "NAME…", for the synopsis */
        const char *help; /* one line */
        const struct cli_option *options;
};

/* The next option's val (> 0), 0 at the end of the options, or -1: stop
 * and return *ret_rc (usage error told, or help printed). */
int cli_next(const struct cli_command *c, int argc, char **argv, int *ret_rc);

/* After cli_next() gave 0: checks the count of the other arguments, which
 * start at argv[optind]. Returns 0 or MUSTER_USAGE (told). */
int cli_count(const struct cli_command *c, int argc, char **argv, int min, int max);

/* MUSTER_USAGE, told: "muster NAME: TEXT. Next: muster NAME --help" */
int cli_usage(const struct cli_command *c, const char *fmt, ...) _printf_(2, 3);

/* Reads a decimal number within [min, max]: 0 or -EINVAL. */
int cli_number(const char *text, unsigned long min, unsigned long max, unsigned long *ret);

bool cli_json(void);
/* --socket, else $MUSTER_SOCKET, else admin-socket of the configuration, else the default. */
const char *cli_socket(void);
/* --socket as given, or NULL */
const char *cli_socket_given(void);
/* state-dir of the configuration, else the default. */
const char *cli_state_dir(void);
/* `database` of the configuration, for PostgreSQL, else "". */
const char *cli_database(void);
/* Global options in front of the command; advances *argc and *argv. Returns
 * 0, or -1 with *ret_rc when the program is done: the exit code, or
 * CLI_HELP when it shall show its own help. */
#define CLI_HELP (-1)
int cli_globals(int *argc, char ***argv, int *ret_rc);

/* Prints f on standard error; with -o json also {"error","next"} on standard output. Returns rc. */
int cli_fail(int rc, const struct fail *f);
/* The same, standard error only: one of several objects failed. */
void cli_complain(const struct fail *f);
/* A line for a person: standard error with -o json, else standard output. */
void cli_say(const char *fmt, ...) _printf_(1, 2);
/* A person at a terminal says yes: standard input and error are one, and the answer begins with y. */
bool cli_asks(void); /* is there one to ask? */
bool cli_ask(const char *fmt, ...) _printf_(1, 2);
/* Prints the document on standard output: MUSTER_OK, or MUSTER_IO when that fails. */
int cli_print_json(struct json_object *o);
/* The same on one line. */
int cli_print_json_line(struct json_object *o);
/* A document with one long list, written as it comes: {"KEY":[item…]}. After
 * the last item cli_list_end() closes it, with the member `more` besides
 * (may be NULL), and {"error","next"} when rc is not 0 (f told). Returns rc,
 * or MUSTER_IO. */
void cli_list_begin(const char *key);
void cli_list_item(struct json_object *o);
int cli_list_end(int rc, const struct fail *f, const char *more, struct json_object *value);
/* At the end: did all of standard output get written? */
int cli_flush(int rc);

#endif
