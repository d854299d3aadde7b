/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - runs another program (mksquashfs, tar, useradd) without a shell.
 *
 * argv[0] is looked for in a fixed path, the environment is LC_ALL=C and
 * PATH only. Its standard output goes nowhere, its standard error is kept
 * for the error message. SIGINT and SIGTERM end it, and then tool_run()
 * fails: what was half-made is the caller's to remove. It is killed when the
 * thread that started it ends. */
#ifndef MUSTER_TOOL_H
#define MUSTER_TOOL_H

#include "log.h"

/* Called about five times a second while it runs. */
typedef void (*tool_tick_fn)(void *ctx);

/* input: its standard input, or -1 for none. Returns 0 or an exit code of
 * cli.h with f filled: its last words when it failed. */
int tool_run(const char *const *argv, int input, tool_tick_fn tick, void *ctx, struct fail *f);

/* Starts argv with `input` as standard input; *ret_output is what it
 * writes. tool_finish() waits for it. */
struct tool;
int tool_start(const char *const *argv, int input, int *ret_output, struct tool **ret, struct fail *f);
int tool_finish(struct tool *t, tool_tick_fn tick, void *ctx, struct fail *f);
/* After tool_finish(): what it said on standard error, on one line; "" for nothing. */
const char *tool_words(struct tool *t);
/* Kills and reaps it, unless it was finished; NULL-safe. */
void tool_free(struct tool *t);
DEFINE_CLEANUP(struct tool *, tool_free)

/* From now on SIGINT, SIGTERM and SIGHUP only set what tool_interrupted() tells. */
void tool_catch_signals(void);
bool tool_interrupted(void);

#endif
