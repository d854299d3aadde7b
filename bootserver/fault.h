/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h - places where a test may have musterd die, fail or wait.
 *
 * FAULT_POINT("noun-verb") is nothing at all in musterd. In musterd-faults,
 * which tests/faults/fault.c and -DMUSTER_FAULTS make of the same sources and
 * nobody installs, the point's name is kept in a section of its own, so that
 * `musterd-faults --list-fault-points` knows every point there is, and passing
 * it does what the test asked for. Put one before and one after each step
 * whose order matters: "x-write" before, "x-written" after. */
#ifndef MUSTER_FAULT_H
#define MUSTER_FAULT_H

#ifdef MUSTER_FAULTS
void fault_hit(const char *name);

#define FAULT_POINT(name) \
        do { \
                static const char *fault_name_ __attribute__((section("muster_faults"), used)) = (name); \
                fault_hit(fault_name_); \
        } while (0)
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
