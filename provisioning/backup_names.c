/* SPDX-License-Identifier: Apache-2.0 */
/* What a file of a backup is, by its name. Pure. */
#include "backup.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+"

static bool one_of(const char *name, const char *const *list)
{
        for (size_t i = 0; list[i]; i++)
                if (strcmp(name, list[i]) == 0)
                        return true;
        return false;
}

/* Nothing is known to be public but what is named here. */
static enum backup_sort sort_pki(const char *name)
{
        static const char *const open[] = { "ca.pem", "server.pem", "policy.pem", "ssh_ca.pub", NULL };
        static const char *const previous[] = { "ca-previous.pem", "server-previous.pem", "policy-previous.pem",
                                                "ssh_ca-previous.pub", NULL };

        if (one_of(name, open))
                return BACKUP_OPEN;
        if (one_of(name, previous))
                return BACKUP_OPEN_KEPT;
        return one_of(name, backup_keys) ? BACKUP_KEY : BACKUP_KEPT;
}

static enum backup_sort sort_etc(const char *name)
{
        static const char *const open[] = { "musterd.conf", "node.conf", NULL };

        return one_of(name, open) ? BACKUP_OPEN : BACKUP_KEPT;
}

/* The same endings that musterd reads in ek-ca-dir. */
static enum backup_sort sort_ek_ca(const char *name)
{
        static const char *const ends[] = { ".pem", ".crt", ".cer", ".der" };
        size_t n = strlen(name);

        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (n > 4 && strcmp(name + n - 4, ends[i]) == 0)
                        return BACKUP_OPEN;
        return BACKUP_KEPT;
}

static enum backup_sort sort_state(const char *name)
{
        (void)name;
        return BACKUP_STATE;
}

const char *const backup_keys[] = { "ca.key", "server.key", "policy.key", "ssh_ca", "store.key", NULL };

enum backup_sort backup_sort(const char *rel)
{
        static const struct {
                const char *dir;
                enum backup_sort (*sort)(const char *name);
        } dirs[] = {
                { "etc/", sort_etc },          { "etc/pki/", sort_pki },     { "etc/ek-ca/", sort_ek_ca },
                { "state/boot/", sort_state }, { "state/ipxe/", sort_state }, { "state/images/", sort_state },
        };

        if (strcmp(rel, "muster.db") == 0)
                return BACKUP_DB;
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                size_t n = strlen(dirs[i].dir);
                const char *name = rel + n;

                if (strncmp(rel, dirs[i].dir, n) == 0 && *name && *name != '.' && strlen(name) < 256 &&
                    strspn(name, NAME_CHARS) == strlen(name))
                        return dirs[i].sort(name);
        }
        return BACKUP_FOREIGN;
}

mode_t backup_mode(enum backup_sort s)
{
        return s == BACKUP_OPEN || s == BACKUP_OPEN_KEPT || s == BACKUP_STATE ? 0644 : 0600;
}
