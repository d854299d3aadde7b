/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

int isolation_early(void)
{
        struct rlimit none = { 0, 0 };

        (void)umask(077);
        if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return -errno;
        return 0;
}

int isolation_ids(const char *user, const char *group, uid_t *ret_uid, gid_t *ret_gid, struct fail *fail)
{
        struct passwd *pw;
        struct group *gr;

        if (geteuid() != 0) {
                *ret_uid = geteuid();
                *ret_gid = getegid();
                return 0;
        }
        pw = getpwnam(user);
        gr = getgrnam(group);
        if (!pw || !gr)
                return fail_set(fail, -ENOENT, "", "create it (systemd-sysusers does), or set user and group in musterd.conf",
                                "the %s %s to run as does not exist", pw ? "group" : "user", pw ? group : user);
        if (pw->pw_uid == 0 || gr->gr_gid == 0)
                return fail_set(fail, -EPERM, "", "name an account of its own, such as muster",
                                "musterd does not run as root, and user is %s, group %s", user, group);
        *ret_uid = pw->pw_uid;
        *ret_gid = gr->gr_gid;
        return 0;
}

int isolation_drop(const char *user, const char *group, struct fail *fail)
{
        uid_t uid = 0;
        gid_t gid = 0;
        int r;

        if (geteuid() == 0) {
                r = isolation_ids(user, group, &uid, &gid, fail);
                if (r < 0)
                        return r;
                if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
                        return fail_set(fail, -errno, "", "", "cannot become user %s, group %s: %s", user, group,
                                        strerror(errno));
                if (setuid(0) == 0 || geteuid() == 0)
                        return fail_set(fail, -EPERM, "", "", "could take root back after dropping it");
        }
        /* changing ids resets the dumpable flag */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return fail_set(fail, -errno, "", "", "cannot give up privileges: %s", strerror(errno));
        return 0;
}
