/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - one line per event on standard error, for programs only.
 *
 * A line is `<N>prog: node=NAME …text` where <N> is the syslog level that
 * journald reads (only when standard error is not a terminal). Control
 * characters in the text are escaped and a line is cut at 1,000 bytes, so
 * bytes from the network cannot forge lines. Never pass secrets. Thread
 * safe. log_init() keeps the pointer `prog`; log_name() changes it, in a
 * child that is to be told apart. */
#ifndef MUSTER_LOG_H
#define MUSTER_LOG_H

#include "mem.h"

enum log_level { LOG_LVL_ERR = 3, LOG_LVL_WARN = 4, LOG_LVL_INFO = 6, LOG_LVL_DEBUG = 7 };

void log_init(const char *prog, enum log_level most);
void log_name(const char *prog);
void log_msg(enum log_level level, const char *fmt, ...) _printf_(2, 3);

#define log_err(...) log_msg(LOG_LVL_ERR, __VA_ARGS__)
#define log_warn(...) log_msg(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...) log_msg(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_LVL_DEBUG, __VA_ARGS__)

/* Copies text into out[n] with control bytes and non-ASCII escaped as
 * \xNN, cut to fit; always terminated. Returns out. */
char *log_escape(const char *text, size_t len, char *out, size_t n);

/* Text of an error for a person: what was attempted and on what, why, and
 * what to do next. Filled by fail_set(), which returns `r` so that callers
 * can `return fail_set(…)`. */
struct fail {
        char code[16];   /* "E-TPM", "M-AK" or "" */
        char what[512];  /* attempted, on which object, why */
        char next[256];  /* what to do next; may be empty */
};

int fail_set(struct fail *f, int r, const char *code, const char *next, const char *fmt, ...) _printf_(5, 6);

#endif
