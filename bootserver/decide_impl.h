/* SPDX-License-Identifier: Apache-2.0 */
/* decide_impl.h - shared by decide.c and decide_policy.c. */
#ifndef MUSTER_DECIDE_IMPL_H
#define MUSTER_DECIDE_IMPL_H

#include "decide.h"

void decision_refuse(struct decision *d, const char *code);
void decision_diff(struct decision *d, struct decide_diff diff); /* those beyond DECIDE_DIFFS are left out */

#endif
