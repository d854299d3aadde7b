/* SPDX-License-Identifier: Apache-2.0 */
/* hooks_runner.h - the process that runs the hooks, and does nothing else.
 *
 * It is forked before a key is read, has musterd's user and no privilege,
 * and of its parent one socket: each message is the text for the hooks'
 * standard input, which it does not look into. It runs the executables of
 * one directory, fixed at its start, one after another in the order of their
 * names, each for at most 30 seconds and without its descriptors. 256
 * messages wait; further ones are dropped and logged. It ends when its
 * parent has gone. */
#ifndef MUSTER_HOOKS_RUNNER_H
#define MUSTER_HOOKS_RUNNER_H

#include "unused.h"

#define HOOK_TEXT_MAX 32768 /* all that a client may say of its machine, twice, escaped: tests/unit/test_facts.c */

/* Names and logs the files that this user cannot run, each by itself; negative:
 * the directory cannot be read. */
int hooks_look(const char *dir, struct unused *ret);
_Noreturn void hooks_runner(const char *dir, int fd);

#endif
