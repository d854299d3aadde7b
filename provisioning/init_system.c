/* SPDX-License-Identifier: Apache-2.0 */
#include "below.h"
#include "files.h"
#include "init.h"
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

void init_note(struct init_report *r, bool made, const char *path)
{
        json_object_array_add(made ? r->made : r->kept, json_object_new_string(path));
}

static bool account_name_ok(const char *s)
{
        size_t n = strlen(s);

        return n >= 1 && n <= 31 && s[0] != '-' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

int init_account(struct init_spec *s, struct init_report *r, struct fail *f)
{
        struct passwd *pw;
        struct group *gr;
        char label[96];
        int rc;

        if (!account_name_ok(s->user))
                return fail_set(f, MUSTER_USAGE, "", "give --user a system account's name", "'%.40s' is no user name",
                                s->user);
        pw = getpwnam(s->user);
        if (!pw && geteuid() == 0) {
                rc = tool_run((const char *const[]){ "useradd", "--system", "--user-group", "--no-create-home",
                                                     "--home-dir", s->state, "--shell", "/usr/sbin/nologin", s->user,
                                                     NULL },
                              -1, NULL, NULL, f);
                if (rc)
                        return rc;
                pw = getpwnam(s->user);
                (void)snprintf(label, sizeof(label), "user %s", s->user);
                init_note(r, true, label);
        }
        gr = pw ? getgrgid(pw->pw_gid) : NULL;
        (void)snprintf(s->group, sizeof(s->group), "%s", gr ? gr->gr_name : s->user);
        return 0;
}

static int make_dir(const struct init_spec *s, const char *path, mode_t mode, bool state, struct init_report *r,
                    struct fail *f)
{
        int e = dir_make(path, mode);

        if (e < 0)
                return fail_set(f, MUSTER_IO, "", geteuid() ? "use sudo, or give --etc and --state" : "",
                                "make the directory %s: %s", path, strerror(-e));
        init_note(r, e == 0, path);
        if (e == 0 && state && geteuid() == 0) {
                struct passwd *pw = getpwnam(s->user);

                if (!pw || chown(path, pw->pw_uid, pw->pw_gid) < 0)
                        return fail_set(f, MUSTER_IO, "", "", "give the directory %s to user %s: %s", path, s->user,
                                        pw ? strerror(errno) : "no such user");
        }
        return 0;
}

/* One in the state directory, which is its account's already. */
static int make_below(const struct init_spec *s, const char *name, struct init_report *r, struct fail *f)
{
        _cleanup_(closep) int top = -1;
        _cleanup_(closep) int dir = -1;
        char path[PATH_MAX];
        int e = below_top(s->state, &top);
        bool made = e == 0 && mkdirat(top, name, 0700) == 0;

        (void)snprintf(path, sizeof(path), "%s/%s", s->state, name);
        if (e == 0 && !made && errno != EEXIST)
                e = -errno;
        if (e == 0)
                e = below_dir(top, name, &dir);
        if (e == 0 && made && fchmod(dir, 0700) < 0)
                e = -errno;
        if (e == 0 && made)
                e = below_own(dir, top);
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", geteuid() ? "use sudo, or give --etc and --state" : "", "make the directory %s: %s",
                                path, below_why(e));
        init_note(r, made, path);
        return 0;
}

int init_dirs(const struct init_spec *s, struct init_report *r, struct fail *f)
{
        static const struct {
                const char *name;
                mode_t mode;
                bool state;
        } dirs[] = {
                { "", 0755, false },    { "/pki", 0755, false },   { "/ek-ca", 0755, false }, { "", 0700, true },
                { "/boot", 0700, true }, { "/images", 0700, true }, { "/ipxe", 0700, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                char path[PATH_MAX];
                int rc;

                (void)snprintf(path, sizeof(path), "%s%s", dirs[i].state ? s->state : s->etc, dirs[i].name);
                rc = dirs[i].state && *dirs[i].name ? make_below(s, dirs[i].name + 1, r, f)
                                                    : make_dir(s, path, dirs[i].mode, dirs[i].state, r, f);
                if (rc)
                        return rc;
        }
        return 0;
}

static bool same_file(const char *path, int dir, const char *name)
{
        _cleanup_(buf_wipe) struct buf x = { 0 };
        _cleanup_(buf_wipe) struct buf y = { 0 };
        _cleanup_(closep) int fd = -1;
        char self[32];

        if (below_read(dir, name, &fd) < 0)
                return false;
        (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
        return file_read(path, (size_t)64 << 20, &x) == 0 && file_read(self, (size_t)64 << 20, &y) == 0 &&
               same_bytes(x.p, x.len, y.p, y.len);
}

static int copy_ipxe(const struct init_spec *s, const char *name, struct init_report *r, struct fail *f)
{
        _cleanup_(closep) int top = -1;
        _cleanup_(closep) int dir = -1;
        _cleanup_(closep) int in = -1;
        uint8_t sha[DIGEST_LEN];
        char from[PATH_MAX];
        char to[PATH_MAX];
        int e;

        (void)snprintf(from, sizeof(from), "%s/%s", s->ipxe, name);
        (void)snprintf(to, sizeof(to), "%s/ipxe/%s", s->state, name);
        e = below_top(s->state, &top);
        if (e == 0)
                e = below_dir(top, "ipxe", &dir);
        if (e == 0 && same_file(from, dir, name)) {
                init_note(r, false, to);
                return 0;
        }
        in = e < 0 ? -1 : open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (e == 0)
                e = in < 0 ? -errno : below_copy(in, dir, name, 0644, sha);
        if (e < 0)
                return fail_set(f, MUSTER_IO, "", "", "copy %s to %s: %s", from, to, below_why(e));
        init_note(r, true, to);
        return 0;
}

int init_ipxe(const struct init_spec *s, struct init_report *r, struct fail *f)
{
        struct dirent **list = NULL;
        int found = 0;
        int rc = 0;
        int n;

        if (!s->ipxe)
                return 0;
        n = scandir(s->ipxe, &list, NULL, alphasort);
        if (n < 0)
                return fail_set(f, MUSTER_IO, "", "give --ipxe the directory that holds iPXE's .efi files",
                                "read the directory %s: %s", s->ipxe, strerror(errno));
        for (int i = 0; i < n; i++) {
                const char *dot = strrchr(list[i]->d_name, '.');

                if (rc == 0 && list[i]->d_name[0] != '.' && dot && strcmp(dot, ".efi") == 0) {
                        found++;
                        rc = copy_ipxe(s, list[i]->d_name, r, f);
                }
                free(list[i]);
        }
        free(list);
        if (rc == 0 && found == 0)
                return fail_set(f, MUSTER_USAGE, "", "give --ipxe the directory that holds iPXE's .efi files",
                                "copy iPXE from %s: there is no .efi file in it", s->ipxe);
        return rc;
}
