/* SPDX-License-Identifier: Apache-2.0 */
#include "choices.h"

const struct choice_def choice_defs[CHOICES] = {
        [CHOICE_PCR1] = { "pcr1", { "record", "profile" }, PCR1_RECORD,
                          "firmware settings (PCR 1): recorded only, or compared with the profile" },
        [CHOICE_TPM] = { "tpm", { "record", "warn", "refuse" }, TPM_WARN,
                         "a TPM whose firmware an advisory names: recorded, also told, or refused" },
        [CHOICE_FACTS] = { "facts", { "record", "warn", "quarantine" }, FACTS_WARN,
                           "an approved node whose serial, UUID or MACs change: recorded, also told, or quarantined" },
};

int choice_find(const char *name, enum choice *ret)
{
        for (unsigned i = 0; i < CHOICES; i++)
                if (strcmp(choice_defs[i].name, name) == 0) {
                        *ret = (enum choice)i;
                        return 0;
                }
        return -ENOENT;
}

int choice_parse(enum choice c, const char *value, unsigned *ret)
{
        for (unsigned i = 0; i < CHOICE_VALUES && choice_defs[c].values[i]; i++)
                if (strcmp(choice_defs[c].values[i], value) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

unsigned choice_stored(enum choice c, const char *value, bool *ret_known)
{
        unsigned v = choice_defs[c].standard;

        *ret_known = value[0] == '\0' || choice_parse(c, value, &v) == 0;
        if (*ret_known)
                return v;
        for (v = 0; v + 1 < CHOICE_VALUES && choice_defs[c].values[v + 1]; v++)
                ;
        return v;
}
