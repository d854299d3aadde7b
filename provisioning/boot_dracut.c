/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation. dracut takes modules from one directory only, so
 * a private one is made of links: the machine's own modules, ours, and, when
 * only some network drivers are wanted, a small stand-in for dracut's module
 * that takes all. The machine's dracut configuration is not read: what goes
 * into a measured initramfs is decided by options alone. */
#include "boot_make.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define EPOCH 315532800 /* 1980: every file's time unless SOURCE_DATE_EPOCH is set */

/* dracut puts muster-s3.aml, which takes suspend to RAM away, before the initramfs */
static const char dracut_conf[] = "acpi_override=yes\nacpi_table_dir=$dracutbasedir/modules.d/90muster\n";

static const char net_module[] = "#!/bin/bash\n"
                                 "check() { return 255; }\n"
                                 "installkernel() {\n"
                                 "    # shellcheck disable=SC2086\n"
                                 "    hostonly='' instmods -c af_packet ipv6 $muster_drivers\n"
                                 "}\n";

/* noinline: gcc 12 warns of truncation where a caller may ignore it, as s->tmp is short */
static __attribute__((noinline)) int path_of(char ret[PATH_MAX], const char *a, const char *b, const char *c)
{
        return snprintf(ret, PATH_MAX, "%s/%s%s", a, b, c) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Links everything in `from` but `except` into the directory `to`. */
static int link_all(const char *from, const char *to, const char *except, struct fail *f)
{
        DIR *d = opendir(from);
        struct dirent *e;
        int r = d ? 0 : -errno;

        while (d && r == 0 && (e = readdir(d))) {
                char a[PATH_MAX], b[PATH_MAX];

                if (e->d_name[0] == '.' || strcmp(e->d_name, except) == 0 || strcmp(e->d_name, "90muster") == 0)
                        continue;
                if ((r = path_of(a, from, e->d_name, "")) < 0 || (r = path_of(b, to, e->d_name, "")) < 0)
                        break;
                if (symlink(a, b) < 0)
                        r = -errno;
        }
        if (d)
                (void)closedir(d);
        if (r < 0)
                return fail_set(f, r, "", "install dracut-core and dracut-network, or give --dracut", "prepare dracut's modules from %s: %s",
                                from, strerror(-r));
        return 0;
}

static int write_file(const char *path, const char *text)
{
        _cleanup_(fclosep) FILE *out = fopen(path, "we");

        return out && fputs(text, out) >= 0 && fflush(out) == 0 ? 0 : -EIO;
}

/* dracut gives new files the time of this one when it is reproducible. */
static int dated_functions(const char *from, const char *to, struct fail *f)
{
        const char *epoch = getenv("SOURCE_DATE_EPOCH");
        struct timespec t[2] = { 0 };
        char *end = NULL;
        int r;

        t[0].tv_sec = t[1].tv_sec = epoch ? strtoll(epoch, &end, 10) : EPOCH;
        if (end && (end == epoch || *end))
                return fail_set(f, -EINVAL, "", "unset SOURCE_DATE_EPOCH, or make it seconds since 1970",
                                "read SOURCE_DATE_EPOCH: '%.40s' is no number", epoch);
        r = boot_copy(from, to, f);
        if (r < 0)
                return r;
        if (utimensat(AT_FDCWD, to, t, 0) < 0)
                return fail_set(f, -errno, "", "check the temporary directory", "set the time of %s: %s", to, strerror(errno));
        return 0;
}

static int make_base(const struct boot_spec *s, struct fail *f)
{
        char base[PATH_MAX], mods[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
        int r;

        if (path_of(base, s->tmp, "base", "") < 0 || path_of(mods, s->tmp, "base/modules.d", "") < 0 ||
            path_of(from, s->dracut_base, "modules.d", "") < 0)
                return fail_set(f, -ENAMETOOLONG, "", "give shorter paths", "prepare dracut's modules: a path is too long");
        if (access(base, F_OK) == 0)
                return 0;
        if (mkdir(base, 0755) < 0 || mkdir(mods, 0755) < 0)
                return fail_set(f, -errno, "", "check the temporary directory", "make %s: %s", mods, strerror(errno));
        if ((r = link_all(from, mods, s->drivers ? "90kernel-network-modules" : "", f)) < 0)
                return r;
        (void)path_of(to, mods, "90muster", "");
        if (symlink(s->module, to) < 0)
                return fail_set(f, -errno, "", "check the temporary directory", "link %s: %s", to, strerror(errno));
        if (s->drivers) {
                (void)path_of(to, mods, "90kernel-network-modules", "");
                if (mkdir(to, 0755) < 0 || path_of(from, to, "module-setup.sh", "") < 0 || write_file(from, net_module) < 0)
                        return fail_set(f, -EIO, "", "check the temporary directory", "write %s: %s", to, strerror(errno));
        }
        (void)path_of(from, s->dracut_base, "dracut-functions.sh", "");
        (void)path_of(to, base, "dracut-functions.sh", "");
        r = link_all(s->dracut_base, base, "modules.d", f);
        if (r < 0 || unlink(to) < 0)
                return r < 0 ? r : fail_set(f, -errno, "", "check the installation of dracut", "find %s: %s", from, strerror(errno));
        return dated_functions(from, to, f);
}

static bool has_module(const struct boot_spec *s, const char *name)
{
        char path[PATH_MAX];

        return path_of(path, s->tmp, "base/modules.d/", name) == 0 && access(path, F_OK) == 0;
}

/* Which of dracut's modules: only what the boot needs and what that needs. Nothing
 * that looks for roots, volumes or memory images on disks: those are not measured. */
static int choose_modules(const struct boot_spec *s, bool with_module, const char **ret_option, char *ret, size_t n,
                          struct fail *f)
{
        char dash[PATH_MAX];

        *ret_option = "--modules";
        if (s->with_systemd) {
                (void)snprintf(ret, n, "base %s systemd systemd-initrd dracut-systemd udev-rules kernel-network-modules network%s",
                               has_module(s, "00dash") && boot_find("dash", dash) == 0 ? "dash" : "bash", with_module ? " muster" : "");
                return 0;
        }
        if (!has_module(s, "35network-legacy"))
                return fail_set(f, -ENOENT, "", "install dracut-network, or use --with-systemd", "build without systemd: this dracut has no module network-legacy");
        if (boot_find("dhclient", dash) < 0 || boot_find("arping", dash) < 0)
                return fail_set(f, -ENOENT, "", "install isc-dhcp-client and iputils-arping (Debian) or dhcp-client and iputils", "build without systemd: dhclient or arping is not in %s", BOOT_PATH);
        (void)snprintf(ret, n, "base %s udev-rules kernel-network-modules network network-legacy%s",
                       has_module(s, "00dash") && boot_find("dash", dash) == 0 ? "dash" : "bash", with_module ? " muster" : "");
        return 0;
}

static const char *compression(void)
{
        char path[PATH_MAX];

        if (boot_find("zstd", path) == 0)
                return "--zstd";
        return boot_find("xz", path) == 0 ? "--xz" : "--gzip";
}

enum { ENV_MAX = 12, ARG_MAX_OWN = 40, EXTRA_MAX = 200 };

struct words {
        char *v[ARG_MAX_OWN + EXTRA_MAX];
        size_t n;
};

static void add(struct words *w, const char *word)
{
        if (w->n < ELEMENTSOF(w->v) - 1)
                w->v[w->n++] = (char *)word;
        w->v[w->n] = NULL;
}

static void environment(const struct boot_spec *s, struct words *w)
{
        static char lines[6][PATH_MAX + 32];

        (void)snprintf(lines[0], sizeof(lines[0]), "dracutbasedir=%s/base", s->tmp);
        (void)snprintf(lines[1], sizeof(lines[1]), "MUSTER_NODE=%s", s->node);
        (void)snprintf(lines[2], sizeof(lines[2]), "muster_etc=%s", s->etc);
        (void)snprintf(lines[3], sizeof(lines[3]), "muster_drivers=%s", s->drivers ? s->drivers : "");
        (void)snprintf(lines[4], sizeof(lines[4]), "TMPDIR=%s", s->tmp);
        (void)snprintf(lines[5], sizeof(lines[5]), "HOME=%s", s->tmp);
        add(w, "PATH=" BOOT_PATH);
        add(w, "LC_ALL=C");
        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                add(w, lines[i]);
}

int boot_initramfs(const struct boot_spec *s, bool with_module, const char *out, struct fail *f)
{
        char path[PATH_MAX], modules[256];
        const char *option = NULL;
        struct words argv = { .n = 0 };
        struct words envp = { .n = 0 };
        int r = make_base(s, f);

        if (r < 0 || (r = choose_modules(s, with_module, &option, modules, sizeof(modules), f)) < 0)
                return r;
        if (path_of(path, s->tmp, "dracut.conf", "") < 0 || write_file(path, with_module ? dracut_conf : "") < 0 ||
            path_of(path, s->tmp, "dracut.conf.d", "") < 0 || (mkdir(path, 0755) < 0 && errno != EEXIST) ||
            path_of(path, s->tmp, "dracut.log", "") < 0)
                return fail_set(f, -EIO, "", "check the temporary directory", "write below %s: %s", s->tmp, strerror(errno));
        environment(s, &envp);
        /* dracut puts its arguments into the initramfs: no path of a temporary directory here */
        const char *const fixed[] = { s->dracut, "--force", "--no-hostonly", "--no-hostonly-cmdline", "--reproducible",
                                      "--no-early-microcode", compression(), "--conf", "dracut.conf", "--confdir",
                                      "dracut.conf.d", "--tmpdir", ".", "--kver", s->kver, "--kmoddir", s->kmoddir, option,
                                      modules };
        for (size_t i = 0; i < ELEMENTSOF(fixed); i++)
                add(&argv, fixed[i]);
        if (s->add_drivers) {
                add(&argv, "--add-drivers");
                add(&argv, s->add_drivers);
        }
        for (char **x = s->extra; x && *x && argv.n < EXTRA_MAX; x++)
                add(&argv, *x);
        add(&argv, out);
        r = boot_run(argv.v, envp.v, s->tmp, s->verbose ? NULL : path, f);
        if (r == 0 && (path_of(path, s->tmp, out, "") < 0 || access(path, R_OK) < 0))
                return fail_set(f, -ENOENT, "", "read dracut's messages above", "build the initramfs: dracut made no file");
        return r;
}
