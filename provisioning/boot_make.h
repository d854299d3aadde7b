/* SPDX-License-Identifier: Apache-2.0 */
/* boot_make.h - the steps of `muster boot build`.
 *
 * A boot_spec is filled by the command from options and defaults and then
 * only read; its strings outlive it. All files are made below spec->tmp, a
 * private directory. Functions return 0 or a negative errno with *f filled;
 * they print nothing. */
#ifndef MUSTER_BOOT_MAKE_H
#define MUSTER_BOOT_MAKE_H

#include "log.h"

#include <limits.h>

#define BOOT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct boot_spec {
        const char *output;
        const char *kernel;
        const char *kver;
        const char *kmoddir;  /* …/lib/modules/KVER */
        const char *cmdline;
        const char *stub;
        const char *osrel;
        const char *etc;      /* node.conf, pki/ca.pem, pki/policy.pem */
        const char *node;     /* muster-node */
        const char *module;   /* 90muster */
        const char *dracut;
        const char *dracut_base; /* its modules.d is here */
        const char *drivers;  /* network drivers, NULL: all */
        const char *add_drivers;
        const char *keep;     /* NULL, or where to leave the initramfs */
        char **extra;         /* more arguments for dracut, NULL ended */
        bool with_systemd;
        bool report;
        bool verbose;
        char tmp[PATH_MAX / 4];
};

/* Runs argv[0] (a path) in the directory `dir`, without a shell, with exactly
 * envp; its output goes to the file `log`, or to ours when NULL. 0, -ECHILD when it exited with
 * other than 0, or why it could not run. */
int boot_run(char *const argv[], char *const envp[], const char *dir, const char *log, struct fail *f);
/* The program's path in BOOT_PATH: 0 or -ENOENT. */
int boot_find(const char *name, char ret[PATH_MAX]);
/* Copies a file through TO.new, so that TO is whole or not touched. */
int boot_copy(const char *from, const char *to, struct fail *f);
void boot_remove_tree(const char *dir);

/* dracut with (or without) the module → the file `out` (a name) in spec->tmp. */
int boot_initramfs(const struct boot_spec *s, bool with_module, const char *out, struct fail *f);

/* stub + os-release + command line + kernel + initramfs → out; full paths. The same
 * input gives the same bytes. */
int boot_uki(const struct boot_spec *s, const char *initrd, const char *out, struct fail *f);

/* Where the first free address after all sections of a PE image is, image
 * base included, rounded up to whole pages: 0 or -EBADMSG. Pure. */
int boot_pe_end(const void *p, size_t len, uint64_t *ret);
/* The version a bzImage states, without what follows the first blank. Pure. */
int boot_kernel_version(const void *p, size_t len, char *ret, size_t n);

#endif
