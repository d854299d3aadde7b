/* SPDX-License-Identifier: Apache-2.0 */
/* offline.h - the commands of muster that need no server.
 *
 * argv[0] is the command's name, argv[1] on its arguments. Each prints its
 * result on stdout (-o text|json) and one line of error on stderr, and
 * returns the exit status: 0 it holds, 1 it does not hold, 2 malformed
 * input or usage. */
#ifndef MUSTER_OFFLINE_H
#define MUSTER_OFFLINE_H

enum {
        OFFLINE_OK = 0,
        OFFLINE_FALSE = 1,
        OFFLINE_BAD = 2,
};

int cmd_eventlog(int argc, char **argv); /* eventlog FILE */
int cmd_quote(int argc, char **argv);    /* quote verify … */
int cmd_uki(int argc, char **argv);      /* uki FILE [--cmdline S] */
int cmd_ek(int argc, char **argv);       /* ek FILE [--ca DIR] */

#endif
