/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"

/* Words that give a shell, or another init, to whoever sits at the console.
 * The kernel and systemd read '-' and '_' in names as the same. */
static const struct {
        const char *key;
        const char *why;
} forbidden[] = {
        { "rd.break", "rd.break stops the boot in a shell" },
        { "rd.cmdline", "rd.cmdline=ask lets the console add to the command line" },
        { "init", "init= starts another program as init" },
        { "rdinit", "rdinit= starts another program as init" },
        { "systemd.debug_shell", "systemd.debug-shell opens a shell on a terminal" },
        { "rd.systemd.debug_shell", "rd.systemd.debug-shell opens a shell on a terminal" },
        { "systemd.unit", "systemd.unit= can start a rescue shell" },
        { "rd.systemd.unit", "rd.systemd.unit= can start a rescue shell" },
        { "systemd.wants", "systemd.wants= can start a shell" },
        { "rd.systemd.wants", "rd.systemd.wants= can start a shell" },
        { "systemd.run", "systemd.run= starts a command of its own" },
        { "rd.systemd.run", "rd.systemd.run= starts a command of its own" },
        { "systemd.setenv", "systemd.setenv= can unlock the rescue shell" },
        { "systemd.crash_shell", "systemd.crash-shell opens a shell when systemd crashes" },
        { "single", "single starts a rescue shell" },
        { "emergency", "emergency starts a shell" },
        { "rescue", "rescue starts a shell" },
        { "s", "s starts a rescue shell" },
        { "S", "S starts a rescue shell" },
        { "1", "1 starts a rescue shell" },
        { "_s", "-s starts a rescue shell" },
        { "_b", "-b starts a shell" },
        { "__", "-- hands what follows to init" },
};

struct seen {
        bool shell_off;
        bool emergency;
        bool no_credentials;
};

static const char *word_refused(const char *word, struct seen *seen)
{
        char *eq = strchr(word, '=');
        const char *value = eq ? eq + 1 : "";
        char key[64];
        size_t n = eq ? (size_t)(eq - word) : strlen(word);

        if (n >= sizeof(key))
                return NULL;
        for (size_t i = 0; i <= n; i++)
                key[i] = i == n ? '\0' : word[i] == '-' ? '_' : word[i];
        for (size_t i = 0; i < ELEMENTSOF(forbidden); i++)
                if (strcmp(key, forbidden[i].key) == 0)
                        return forbidden[i].why;
        if (strcmp(key, "rd.shell") == 0) {
                if (strcmp(value, "0") != 0)
                        return "rd.shell other than 0 allows a shell when the boot fails";
                seen->shell_off = true;
        }
        if (strcmp(key, "rd.emergency") == 0) {
                if (strcmp(value, "reboot") != 0 && strcmp(value, "poweroff") != 0 && strcmp(value, "halt") != 0)
                        return "rd.emergency is reboot, poweroff or halt";
                seen->emergency = true;
        }
        /* SMBIOS strings and fw_cfg files carry passwords, SSH keys and units, and no PCR shows them */
        if (strcmp(key, "systemd.import_credentials") == 0) {
                if (strcmp(value, "no") != 0)
                        return "systemd.import_credentials other than no lets a hypervisor or BMC set passwords and units";
                seen->no_credentials = true;
        }
        return NULL;
}

const char *cmdline_refused(const char *cmdline, bool allow_shell)
{
        struct seen seen = { 0 };
        char word[2048];

        if (allow_shell)
                return NULL;
        if (strpbrk(cmdline, "\"'\\"))
                return "quotes and backslashes hide what the words are";
        for (const char *p = cmdline; *p;) {
                size_t n = strcspn(p, " ");
                const char *why = NULL;

                if (n >= sizeof(word))
                        return "a word is too long";
                memcpy(word, p, n);
                word[n] = '\0';
                if (n > 0)
                        why = word_refused(word, &seen);
                if (why)
                        return why;
                p += n + strspn(p + n, " ");
        }
        if (!seen.shell_off)
                return "rd.shell=0 is missing: a failing boot would open a shell";
        if (!seen.emergency)
                return "rd.emergency=reboot (or poweroff, halt) is missing: a failing boot would open a shell";
        if (!seen.no_credentials)
                return "systemd.import_credentials=no is missing: a hypervisor or BMC could set passwords and units, unmeasured";
        return NULL;
}
