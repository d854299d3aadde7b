/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: What is refused, and what is told
 * Refused is what the node's client, or what it starts, cannot boot
 * (initramfs/mount.c: check_init, write_root), and what is no root file
 * system but an archive of parts of one. Told is what boots and then is not
 * what an admin expects: keys and names that all nodes would share, an sshd
 * that does not take the node's key, files that were left out. */
#include "imagelook.h"

#include <ctype.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/stat.h>

const char *const imagelook_files[IMAGELOOK_FILES] = { "etc/ssh/sshd_config", "etc/machine-id" };

static const char give_export[] = "give what `docker export CONTAINER` writes, or the directory of the whole system";

static void _printf_(4, 5) say(struct imagelook_findings *r, bool refuse, const char *next, const char *fmt, ...)
{
        struct imagelook_finding *f;
        va_list ap;

        if (r->n == IMAGELOOK_FINDINGS_MAX)
                return;
        f = &r->v[r->n++];
        f->refuse = refuse;
        f->next = next;
        va_start(ap, fmt);
        (void)vsnprintf(f->what, sizeof(f->what), fmt, ap);
        va_end(ap);
}

static const char *name_of(const struct imagelist *l, const struct imagelist_entry *e, char *buf, size_t n)
{
        return log_escape(l->text + e->path, e->path_len, buf, n);
}

static bool is(const struct imagelist *l, const char *path, mode_t type)
{
        const struct imagelist_entry *e = imagelist_find(l, path, NULL);

        return e && (e->mode & S_IFMT) == type;
}

static bool can_run(const struct imagelist *l, const char *path)
{
        const struct imagelist_entry *e = imagelist_find(l, path, NULL);

        return e && S_ISREG(e->mode) && (e->mode & 0111);
}

static bool ends_in(const char *s, size_t n, const char *tail)
{
        size_t k = strlen(tail);

        return n >= k && memcmp(s + n - k, tail, k) == 0;
}

/* An archive of layers: `docker save`, or an OCI layout. */
static bool is_layers(const struct imagelist *l)
{
        if (is(l, "etc", S_IFDIR))
                return false;
        if (imagelist_at(l, "oci-layout"))
                return true;
        if (!imagelist_at(l, "manifest.json"))
                return false;
        for (size_t i = 0; i < l->n; i++)
                if (ends_in(l->text + l->entries[i].path, l->entries[i].path_len, "layer.tar"))
                        return true;
        return imagelist_at(l, "repositories") || imagelist_at(l, "blobs");
}

static const struct imagelist_entry *first_whiteout(const struct imagelist *l)
{
        for (size_t i = 0; i < l->n; i++) {
                const char *path = l->text + l->entries[i].path;
                const char *slash = strrchr(path, '/');

                if (l->entries[i].whiteout || strncmp(slash ? slash + 1 : path, ".wh.", 4) == 0)
                        return &l->entries[i];
        }
        return NULL;
}

/* As initramfs/mount.c looks for it. */
static void look_at_init(const struct imagelist *l, struct imagelook_findings *r)
{
        static const char *const usual[] = { "sbin/init", "usr/lib/systemd/systemd", "etc/init", "bin/init" };
        static const char next[] = "add the directory or archive of a whole system, with systemd or another init installed in it";
        char dir[PATH_MAX] = "";
        char led[PATH_MAX] = "";
        char init[PATH_MAX + 8];
        char shown[160];

        for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                if (can_run(l, usual[i]))
                        return;
        (void)imagelist_find(l, "sbin", dir);
        (void)snprintf(init, sizeof(init), "%s/init", dir);
        if (imagelist_find(l, "sbin/init", led))
                say(r, true, "make it executable (chmod 755)", "/sbin/init is no program that can be executed: a node could not start it");
        else if (imagelist_at(l, init))
                say(r, true, next, "/sbin/init is a link to /%s, which is not there: a node could not start it",
                    log_escape(led, strlen(led), shown, sizeof(shown)));
        else
                say(r, true, next, "it has no program /sbin/init, nor systemd: a node could not start it");
}

/* What the client writes into: each has to be as initramfs/mount.c opens it, links not followed. */
static void look_at_places(const struct imagelist *l, struct imagelook_findings *r)
{
        static const char *const dirs[] = { "etc", "etc/ssh/sshd_config.d" };
        static const char *const files[] = { "etc/hostname", "etc/ssh/sshd_config.d/10-muster.conf" };
        const struct imagelist_entry *ssh = imagelist_at(l, "etc/ssh");

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                const struct imagelist_entry *e = imagelist_at(l, dirs[i]);

                if (e && !S_ISDIR(e->mode))
                        say(r, true, "make it a directory", "/%s is no directory: the node's client could not write there", dirs[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                const struct imagelist_entry *e = imagelist_at(l, files[i]);

                if (e && S_ISDIR(e->mode))
                        say(r, true, "remove it", "/%s is a directory: the node's client could not write that file", files[i]);
        }
        if (ssh && !S_ISDIR(ssh->mode))
                say(r, false, "make it a directory", "/etc/ssh is no directory: sshd does not get the node's host key");
}

static void look_at_system(const struct imagelist *l, struct imagelook_findings *r)
{
        if (!imagelist_at(l, "etc"))
                say(r, false, "see that it is a whole system", "it has no /etc");
        if (!is(l, "usr", S_IFDIR))
                say(r, false, "see that it is a whole system", "it has no /usr");
        if (!is(l, "etc/os-release", S_IFREG) && !is(l, "usr/lib/os-release", S_IFREG))
                say(r, false, "install the file of the distribution's base package",
                    "it has neither /etc/os-release nor /usr/lib/os-release, without which an initramfs with systemd does not start it");
}

/* An Include of what is in sshd_config.d, before any Match block. */
static bool includes_directory(const char *text)
{
        while (*text) {
                const char *end = text + strcspn(text, "\n");
                const char *p = text + strspn(text, " \t");
                char line[512];

                (void)snprintf(line, sizeof(line), "%.*s", (int)(end - p > 500 ? 500 : end - p), p);
                if (strncasecmp(line, "Match", 5) == 0 && isspace((unsigned char)line[5]))
                        return false;
                if (strncasecmp(line, "Include", 7) == 0 && strchr(" \t=", line[7]) && strstr(line, "sshd_config.d/"))
                        return true;
                text = *end ? end + 1 : end;
        }
        return false;
}

static void look_at_ssh(const struct imagelook *l, struct imagelook_findings *r)
{
        const char *conf = (const char *)l->files[IMAGELOOK_SSHD_CONFIG].p;
        const struct imagelist_entry *ssh = imagelist_at(&l->list, "etc/ssh");
        bool sshd = can_run(&l->list, "usr/sbin/sshd") || can_run(&l->list, "sbin/sshd") || can_run(&l->list, "usr/bin/sshd");
        char name[160];
        size_t keys = 0;

        if (!sshd)
                say(r, false, "install openssh-server in it, if nodes shall be reached by ssh", "it has no sshd");
        else if (!ssh)
                say(r, false, "make the directory /etc/ssh in it", "it has no /etc/ssh: sshd does not get the node's host key");
        if (conf && !includes_directory(conf))
                say(r, false, "put `Include /etc/ssh/sshd_config.d/*.conf` at the top of it",
                    "/etc/ssh/sshd_config does not include sshd_config.d: sshd does not use the node's host key");
        for (size_t i = 0; i < l->list.n; i++) {
                const struct imagelist_entry *e = &l->list.entries[i];
                const char *path = l->list.text + e->path;

                if (strncmp(path, "etc/ssh/ssh_host_", 17) == 0 && ends_in(path, e->path_len, "_key") && keys++ == 0)
                        (void)name_of(&l->list, e, name, sizeof(name));
        }
        if (keys)
                say(r, false, "remove them (rm /etc/ssh/ssh_host_*): each node gets a key of its own",
                    "it holds SSH host keys, which every node would share (%zu, the first is /%s)", keys, name);
}

static void look_at_machine_id(const struct imagelook *l, struct imagelook_findings *r)
{
        const char *id = (const char *)l->files[IMAGELOOK_MACHINE_ID].p;

        if (id && id[strspn(id, " \t\r\n")] && strncmp(id, "uninitialized", 13) != 0)
                say(r, false, "empty the file (: >/etc/machine-id)", "its /etc/machine-id is fixed: every node would have the same one");
}

static void refusals_first(struct imagelook_findings *r)
{
        struct imagelook_findings sorted = { 0 };

        for (int told = 0; told < 2; told++)
                for (size_t i = 0; i < r->n; i++)
                        if (r->v[i].refuse == !told)
                                sorted.v[sorted.n++] = r->v[i];
        *r = sorted;
}

void imagelook_judge(const struct imagelook *l, struct imagelook_findings *ret)
{
        const struct imagelist_entry *whiteout = first_whiteout(&l->list);
        char name[160];

        *ret = (struct imagelook_findings){ 0 };
        if (is_layers(&l->list)) {
                say(ret, true, give_export, "it is an archive of a container image's layers (`docker save`, or an OCI layout), "
                                            "not a root file system");
                return;
        }
        if (whiteout)
                say(ret, true, give_export, "it is one layer of a container image: /%s marks a file of a lower layer as removed",
                    name_of(&l->list, whiteout, name, sizeof(name)));
        look_at_init(&l->list, ret);
        look_at_places(&l->list, ret);
        look_at_system(&l->list, ret);
        look_at_ssh(l, ret);
        look_at_machine_id(l, ret);
        if (l->list.acls)
                say(ret, false, "look at its group's permissions, and give them by mode and groups instead",
                    "%zu of its files have POSIX ACLs, which a squashfs cannot hold: they are left out, and the file's group then may do "
                    "what the ACL's mask allows (the first is /%s)",
                    l->list.acls, log_escape(l->list.first_acl, strlen(l->list.first_acl), name, sizeof(name)));
        refusals_first(ret);
}

const struct imagelook_finding *imagelook_refusal(const struct imagelook_findings *f)
{
        return f->n && f->v[0].refuse ? &f->v[0] : NULL;
}
