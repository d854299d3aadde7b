/* SPDX-License-Identifier: Apache-2.0 */
#include "boot_build.h"
#include "boot_make.h"
#include "cli.h"

#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define DEFAULT_CMDLINE \
        "root=muster ip=dhcp rd.neednet=1 rd.shell=0 rd.emergency=reboot systemd.import_credentials=no nohibernate " \
        "panic=30 quiet console=tty0 console=ttyS0,115200"
#define DEFAULT_STUB "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"

enum { O_KERNEL = CLI_LONG, O_MODULES, O_KVER, O_KMODDIR, O_CMDLINE, O_STUB, O_ETC, O_NODE, O_MODULE_DIR, O_DRIVERS,
       O_ADD_DRIVERS, O_KEEP, O_DRACUT, O_SYSTEMD, O_REPORT, O_VERBOSE };

static const struct cli_option options[] = {
        { "output", 'o', "FILE", "where to write the UKI (required)" },
        { "kernel", O_KERNEL, "VMLINUZ", "the kernel (/boot/vmlinuz of the running one)" },
        { "modules", O_MODULES, "DIR", "the same as --kmoddir" },
        { "kmoddir", O_KMODDIR, "DIR", "its modules (/lib/modules/VER)" },
        { "kver", O_KVER, "VER", "its version (what the kernel itself says)" },
        { "cmdline", O_CMDLINE, "TEXT", "the kernel command line" },
        { "stub", O_STUB, "FILE", "systemd's EFI stub (" DEFAULT_STUB ")" },
        { "etc", O_ETC, "DIR", "where node.conf and pki/ are (/etc/muster)" },
        { "node-binary", O_NODE, "FILE", "the node's client (muster-node)" },
        { "module-dir", O_MODULE_DIR, "DIR", "the dracut module 90muster" },
        { "drivers", O_DRIVERS, "LIST", "only these network drivers, instead of all" },
        { "add-drivers", O_ADD_DRIVERS, "LIST", "more kernel modules" },
        { "with-systemd", O_SYSTEMD, NULL, "put systemd into the initramfs" },
        { "dracut", O_DRACUT, "FILE", "another dracut" },
        { "keep-initrd", O_KEEP, "FILE", "leave the initramfs here too" },
        { "report", O_REPORT, NULL, "build once more without the module, and say what it adds" },
        { "verbose", O_VERBOSE, NULL, "show dracut's messages" },
        { "help", 'h', NULL, "show this help" },
        { 0 },
};

static const struct cli_command command = {
        "boot build", "--output FILE [-- DRACUT-ARGUMENT…]", "Make a UKI of a kernel and a dracut initramfs with the module muster",
        options,
};

static int show_help(void)
{
        printf("Usage: muster %s %s\n%s.\n\n", command.name, command.args, command.help);
        for (const struct cli_option *o = options; o->name; o++) {
                char left[64];

                (void)snprintf(left, sizeof(left), "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
                printf("  %s%-26s %s\n", o->val == 'o' ? "-o, " : o->val == 'h' ? "-h, " : "    ", left, o->help);
        }
        printf("\nDefault command line: " DEFAULT_CMDLINE "\nmuster(8) describes it in full.\n");
        return MUSTER_OK;
}

static void set_option(struct boot_spec *s, int v)
{
        const char **const text[] = {
                [O_KERNEL - CLI_LONG] = &s->kernel,   [O_MODULES - CLI_LONG] = &s->kmoddir,
                [O_KVER - CLI_LONG] = &s->kver,       [O_KMODDIR - CLI_LONG] = &s->kmoddir,
                [O_CMDLINE - CLI_LONG] = &s->cmdline, [O_STUB - CLI_LONG] = &s->stub,
                [O_ETC - CLI_LONG] = &s->etc,         [O_NODE - CLI_LONG] = &s->node,
                [O_MODULE_DIR - CLI_LONG] = &s->module, [O_DRIVERS - CLI_LONG] = &s->drivers,
                [O_ADD_DRIVERS - CLI_LONG] = &s->add_drivers, [O_KEEP - CLI_LONG] = &s->keep,
                [O_DRACUT - CLI_LONG] = &s->dracut,
        };

        if (v == 'o')
                s->output = optarg;
        else if (v == O_SYSTEMD)
                s->with_systemd = true;
        else if (v == O_REPORT)
                s->report = true;
        else if (v == O_VERBOSE)
                s->verbose = true;
        else
                *text[v - CLI_LONG] = optarg;
}

/* 0: go on; -1: return *ret_rc. */
static int parse(int argc, char **argv, struct boot_spec *s, int *ret_rc)
{
        struct option longs[ELEMENTSOF(options)] = { 0 };
        int v;

        for (size_t i = 0; options[i].name; i++)
                longs[i] = (struct option){ options[i].name, options[i].arg ? required_argument : no_argument, NULL,
                                            options[i].val };
        optind = 0;
        opterr = 0;
        while ((v = getopt_long(argc, argv, "+:o:h", longs, NULL)) != -1) {
                if (v == 'h') {
                        *ret_rc = show_help();
                        return -1;
                }
                if (v == ':' || v == '?') {
                        *ret_rc = cli_usage(&command, v == ':' ? "option '%s' needs a value" : "unknown option '%s'",
                                            argv[optind - 1]);
                        return -1;
                }
                set_option(s, v);
        }
        s->extra = argv + optind;
        if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
                *ret_rc = cli_usage(&command, "unexpected argument '%s' (dracut's own go after --)", argv[optind]);
        else if (!s->output)
                *ret_rc = cli_usage(&command, "--output FILE is missing");
        else
                return 0;
        return -1;
}

/* The first of the candidates that exists, by its full path; NULL: none. */
static const char *first_file(const char *const *list, size_t n, char *ret)
{
        for (size_t i = 0; i < n; i++)
                if (realpath(list[i], ret))
                        return ret;
        return NULL;
}

static const char *near_us(const char *what, const char *installed, char *ret)
{
        char exe[PATH_MAX], a[PATH_MAX + 64], b[PATH_MAX + 64], c[PATH_MAX + 64];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        const char *dir;

        exe[n > 0 ? n : 0] = '\0';
        dir = dirname(exe);
        (void)snprintf(a, sizeof(a), "%s/%s", dir, what);
        (void)snprintf(b, sizeof(b), "%s/../%s", dir, installed);
        (void)snprintf(c, sizeof(c), "/usr/%s", installed);
        return first_file((const char *const[]){ a, b, c }, 3, ret);
}

static int kernel_version(struct boot_spec *s, char *ret, size_t n, struct fail *f)
{
        static uint8_t head[1 << 17];
        _cleanup_(fclosep) FILE *in = fopen(s->kernel, "re");
        size_t got;

        if (!in)
                return fail_set(f, -errno, "", "give --kernel VMLINUZ", "read the kernel %s: %s", s->kernel, strerror(errno));
        got = fread(head, 1, sizeof(head), in);
        if (boot_kernel_version(head, got, ret, n) < 0)
                return fail_set(f, -EBADMSG, "", "give a vmlinuz for x86-64 (bzImage)", "read the kernel %s: it is no bzImage",
                                s->kernel);
        if (s->kver && strcmp(s->kver, ret) != 0)
                return fail_set(f, -EINVAL, "", "give the modules and the version that belong to this kernel",
                                "use the kernel %s: it is version %s, not %s", s->kernel, ret, s->kver);
        s->kver = ret;
        return 0;
}

/* What dracut wants of the modules: /…/lib/modules/KVER with modules.dep. */
static int check_modules(struct boot_spec *s, char *ret, struct fail *f)
{
        char path[PATH_MAX + 32] = "";
        const char *base;

        if (!s->kmoddir)
                (void)snprintf(path, sizeof(path), "/lib/modules/%s", s->kver);
        if (!realpath(s->kmoddir ? s->kmoddir : path, ret))
                return fail_set(f, -errno, "", "install that kernel, or give --kmoddir", "find the kernel's modules %s: %s",
                                s->kmoddir ? s->kmoddir : path, strerror(errno));
        s->kmoddir = ret;
        base = strrchr(ret, '/');
        if (!base || strcmp(base + 1, s->kver) != 0)
                return fail_set(f, -EINVAL, "", "give the directory lib/modules/VERSION of this kernel",
                                "use the modules %s: the kernel is version %s", ret, s->kver);
        (void)snprintf(path, sizeof(path), "%s/modules.dep", ret);
        if (access(path, R_OK) < 0)
                return fail_set(f, -ENOENT, "", "run depmod for that kernel (depmod -b ROOT VERSION)", "read %s: %s", path,
                                strerror(errno));
        return 0;
}

/* Whether a line of modules.dep or modules.builtin names the driver: */
static bool lists(const char *line, const char *name, size_t n)
{
        const char *end = line + strcspn(line, ":\n");
        const char *base = end;
        size_t i = 0;

        while (base > line && base[-1] != '/')
                base--;
        while (i < n && base + i < end && (base[i] == name[i] || (base[i] == '-' && name[i] == '_') || (base[i] == '_' && name[i] == '-')))
                i++;
        return i == n && strncmp(base + n, ".ko", 3) == 0;
}

static bool has_driver(const char *kmoddir, const char *name, size_t n)
{
        static const char *const files[] = { "modules.dep", "modules.builtin" };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                char path[PATH_MAX + 32], line[8192];
                _cleanup_(fclosep) FILE *in = NULL;

                (void)snprintf(path, sizeof(path), "%s/%s", kmoddir, files[i]);
                in = fopen(path, "re");
                while (in && fgets(line, sizeof(line), in))
                        if (lists(line, name, n))
                                return true;
        }
        return false;
}

/* dracut leaves out what it does not find; here that is an error. Words with '=' name directories. */
static int check_drivers(const struct boot_spec *s, const char *list, struct fail *f)
{
        for (const char *w = list ? list : ""; *w;) {
                size_t n = strcspn(w, " ");

                if (n > 0 && w[0] != '=' && !has_driver(s->kmoddir, w, n))
                        return fail_set(f, -ENOENT, "", "name drivers as modprobe does", "find the driver %.*s: kernel %s has none",
                                        (int)n, w, s->kver);
                w += n + (w[n] == ' ');
        }
        return 0;
}

static int check_etc(const struct boot_spec *s, struct fail *f)
{
        static const char *const names[] = { "node.conf", "pki/ca.pem", "pki/policy.pem" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char path[PATH_MAX];

                (void)snprintf(path, sizeof(path), "%s/%s", s->etc, names[i]);
                if (access(path, R_OK) < 0)
                        return fail_set(f, -errno, "", "run 'muster init' first, or give --etc DIR", "read %s: %s", path,
                                        strerror(errno));
        }
        return 0;
}

struct places {
        char kernel[PATH_MAX], stub[PATH_MAX], kver[128], kmoddir[PATH_MAX], etc[PATH_MAX], node[PATH_MAX], module[PATH_MAX], dracut[PATH_MAX],
                base[PATH_MAX];
};

static int find_dracut(struct boot_spec *s, struct places *p, struct fail *f)
{
        char dir[PATH_MAX], a[PATH_MAX + 32];

        if (s->dracut ? !realpath(s->dracut, p->dracut) : boot_find("dracut", p->dracut) < 0)
                return fail_set(f, -ENOENT, "", "install dracut-core and dracut-network", "find dracut: %s is not there",
                                s->dracut ? s->dracut : "it");
        s->dracut = p->dracut;
        (void)snprintf(dir, sizeof(dir), "%s", p->dracut);
        (void)snprintf(a, sizeof(a), "%s/../lib/dracut", dirname(dir));
        s->dracut_base = first_file((const char *const[]){ a, "/usr/lib/dracut" }, 2, p->base);
        return s->dracut_base ? 0 : fail_set(f, -ENOENT, "", "install dracut-core", "find dracut's modules: %s is not there", a);
}

static int fill_in(struct boot_spec *s, struct places *p, struct fail *f)
{
        char full[PATH_MAX] = "";
        struct utsname u;
        int r;

        s->cmdline = s->cmdline ? s->cmdline : DEFAULT_CMDLINE;
        s->stub = s->stub ? s->stub : DEFAULT_STUB;
        s->osrel = access("/etc/os-release", R_OK) == 0 ? "/etc/os-release" : "/usr/lib/os-release";
        if (!realpath(s->etc ? s->etc : "/etc/muster", p->etc))
                return fail_set(f, -errno, "", "run 'muster init' first, or give --etc DIR", "find %s: %s",
                                s->etc ? s->etc : "/etc/muster", strerror(errno));
        s->etc = p->etc;
        if (!s->kernel && uname(&u) == 0) {
                (void)snprintf(p->kernel, sizeof(p->kernel), "/boot/vmlinuz-%s", s->kver ? s->kver : u.release);
                s->kernel = p->kernel;
        }
        if (s->kernel && realpath(s->kernel, full) && memcpy(p->kernel, full, sizeof(full)))
                s->kernel = p->kernel;
        if (realpath(s->stub, p->stub))
                s->stub = p->stub;
        s->node = s->node ? realpath(s->node, p->node) : near_us("muster-node", "sbin/muster-node", p->node);
        if (!s->node)
                return fail_set(f, -ENOENT, "", "install muster-node, or give --node-binary FILE", "find the node's client: no such file");
        s->module = s->module ? realpath(s->module, p->module) :
                                near_us("../dracut-module/90muster", "lib/dracut/modules.d/90muster", p->module);
        if (!s->module)
                return fail_set(f, -ENOENT, "", "install it below /usr/lib/dracut/modules.d, or give --module-dir",
                                "find the dracut module 90muster: no such directory");
        for (const char *c = s->cmdline; *c; c++)
                if ((unsigned char)*c < ' ')
                        return fail_set(f, -EINVAL, "", "give one line of text", "use the command line: it holds a control character");
        if ((r = kernel_version(s, p->kver, sizeof(p->kver), f)) < 0 || (r = check_modules(s, p->kmoddir, f)) < 0 ||
            (r = check_drivers(s, s->drivers, f)) < 0 || (r = check_drivers(s, s->add_drivers, f)) < 0 ||
            (r = check_etc(s, f)) < 0)
                return r;
        return find_dracut(s, p, f);
}

static long long size_of(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 ? (long long)st.st_size : 0;
}

static void show_log(const struct boot_spec *s)
{
        char path[PATH_MAX], text[3000];
        FILE *in;
        size_t n;

        (void)snprintf(path, sizeof(path), "%s/dracut.log", s->tmp);
        if (s->verbose || !(in = fopen(path, "re")))
                return;
        (void)fseek(in, size_of(path) > (long long)sizeof(text) ? -(long)sizeof(text) : 0, SEEK_END);
        if (size_of(path) <= (long long)sizeof(text))
                rewind(in);
        n = fread(text, 1, sizeof(text), in);
        (void)fwrite(text, 1, n, stderr);
        (void)fclose(in);
}

static int report(const struct boot_spec *s, const char *with, struct fail *f)
{
        char without[PATH_MAX];
        int r;

        (void)snprintf(without, sizeof(without), "%s/without", s->tmp);
        cli_say("building it once more without the module…");
        if ((r = boot_initramfs(s, false, "without", f)) < 0)
                return r;
        cli_say("initramfs with the module %lld bytes, without %lld bytes: it adds %lld bytes (the client is %lld bytes)",
                size_of(with), size_of(without), size_of(with) - size_of(without), size_of(s->node));
        return 0;
}

static int build(const struct boot_spec *s, struct fail *f)
{
        char initrd[PATH_MAX], uki[PATH_MAX];
        int r;

        (void)snprintf(initrd, sizeof(initrd), "%s/initrd", s->tmp);
        (void)snprintf(uki, sizeof(uki), "%s/uki.efi", s->tmp);
        cli_say("building an initramfs for kernel %s with dracut (about 15 s)…", s->kver);
        if ((r = boot_initramfs(s, true, "initrd", f)) < 0) {
                show_log(s);
                return r;
        }
        if ((r = boot_uki(s, initrd, uki, f)) < 0 || (s->keep && (r = boot_copy(initrd, s->keep, f)) < 0) ||
            (r = boot_copy(uki, s->output, f)) < 0 || (s->report && (r = report(s, initrd, f)) < 0))
                return r;
        cli_say("%s: %.1f MiB, of it initramfs %.1f MiB\ncommand line: %s\nNext: muster boot add NAME %s", s->output,
                (double)size_of(s->output) / 1048576, (double)size_of(initrd) / 1048576, s->cmdline, s->output);
        return 0;
}

int cmd_boot_build(int argc, char **argv)
{
        struct boot_spec s = { 0 };
        struct fail f = { 0 };
        struct places *p;
        const char *tmpdir = getenv("TMPDIR");
        int rc, r;

        if (parse(argc, argv, &s, &rc) < 0)
                return rc;
        p = calloc(1, sizeof(*p));
        if (!p || fill_in(&s, p, &f) < 0) {
                free(p);
                return cli_fail(MUSTER_USAGE, &f);
        }
        (void)snprintf(s.tmp, sizeof(s.tmp), "%s/muster-boot.XXXXXX", tmpdir && tmpdir[0] == '/' ? tmpdir : "/var/tmp");
        if (!mkdtemp(s.tmp))
                r = fail_set(&f, -errno, "", "set TMPDIR to a directory with 500 MB free", "make %s: %s", s.tmp, strerror(errno));
        else {
                r = build(&s, &f);
                boot_remove_tree(s.tmp);
        }
        free(p);
        return r < 0 ? cli_fail(MUSTER_IO, &f) : cli_flush(MUSTER_OK);
}
