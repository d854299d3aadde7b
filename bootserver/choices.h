/* SPDX-License-Identifier: Apache-2.0 */
/* choices.h - what the admin may choose for the whole cluster.
 *
 * Pure. A choice has a name and a short list of values, from the most lenient
 * to the strictest. The store keeps its value as the setting CHOICE_KEY name,
 * the catalogue keeps it in memory (catalog_choice()), `muster policy` shows
 * and changes it. A stored value that this program does not know counts as
 * the strictest one. */
#ifndef MUSTER_CHOICES_H
#define MUSTER_CHOICES_H

#include "mem.h"

enum choice { CHOICE_PCR1, CHOICE_TPM, CHOICE_FACTS, CHOICES };

enum { PCR1_RECORD, PCR1_PROFILE };
enum { TPM_RECORD, TPM_WARN, TPM_REFUSE };
enum { FACTS_RECORD, FACTS_WARN, FACTS_QUARANTINE };

#define CHOICE_VALUES 3
#define CHOICE_VALUE_MAX 15
#define CHOICE_KEY "default_policy_" /* PostgreSQL tells other parents of settings that begin with "default" */

struct choice_def {
        const char *name;
        const char *values[CHOICE_VALUES]; /* NULL: there are fewer */
        unsigned standard;                 /* index of the value when none was chosen */
        const char *help;
};

extern const struct choice_def choice_defs[CHOICES];

int choice_find(const char *name, enum choice *ret);                       /* -ENOENT */
int choice_parse(enum choice c, const char *value, unsigned *ret);         /* -EINVAL */
unsigned choice_stored(enum choice c, const char *value, bool *ret_known); /* "" is the standard one */

#endif
