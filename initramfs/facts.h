/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h - what this machine says about itself: SMBIOS, MACs, event log.
 *
 * Reads sysfs and securityfs; nothing here is trusted by anyone. Missing
 * facts are empty strings, other characters than printable ASCII are
 * dropped. attest_facts_wipe() and buf_wipe() free. */
#ifndef MUSTER_NODE_FACTS_H
#define MUSTER_NODE_FACTS_H

#include "log.h"
#include "wire_attest.h"

/* sysfs: normally "/sys". -ENOMEM only. */
int facts_read(const char *sysfs, struct attest_facts *ret);

/* The firmware's binary log; path NULL: the kernel's, mounting securityfs
 * when nobody has. E-EVENTLOG. */
int eventlog_read(const char *path, struct buf *ret, struct fail *f);

#endif
