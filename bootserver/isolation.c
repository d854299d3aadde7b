/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CAPS_MAX 64

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

/* Out of the bounding set while root may still do it; without CAP_SETPCAP
 * (a unit's CapabilityBoundingSet) what is left of it stays, and no_new_privs
 * makes it useless. */
static int drop_bounding(void)
{
        for (int cap = 0; cap < CAPS_MAX; cap++) {
                int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

                if (has < 0)
                        break; /* beyond what this kernel knows */
                if (has == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
                        return errno == EPERM ? 0 : -errno;
        }
        return 0;
}

static int drop_capabilities(void)
{
        struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
        const struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };
        struct __user_cap_data_struct got[2] = { { 0 }, { 0 } };

        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
                return -errno;
        if (syscall(SYS_capset, &h, none) < 0 || syscall(SYS_capget, &h, got) < 0)
                return -errno;
        return memcmp(got, none, sizeof(got)) == 0 ? 0 : -EPERM;
}

static int drop_ids(const char *user, const char *group, struct fail *fail)
{
        uid_t uid = 0;
        gid_t gid = 0;
        int r = isolation_ids(user, group, &uid, &gid, fail);

        if (r < 0)
                return r;
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
                return fail_set(fail, -errno, "", "", "cannot become user %s, group %s: %s", user, group, strerror(errno));
        return 0;
}

int isolation_drop(const char *user, const char *group, struct fail *fail)
{
        bool root = geteuid() == 0;
        int r = drop_bounding();

        if (r < 0)
                return fail_set(fail, r, "", "", "cannot give up capabilities: %s", strerror(-r));
        if (root)
                r = drop_ids(user, group, fail);
        if (r < 0)
                return r;
        r = drop_capabilities();
        if (r < 0)
                return fail_set(fail, r, "", "", "cannot give up capabilities: %s", strerror(-r));
        if (root && (setuid(0) == 0 || geteuid() == 0))
                return fail_set(fail, -EPERM, "", "", "could take root back after dropping it");
        /* changing ids resets the dumpable flag */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return fail_set(fail, -errno, "", "", "cannot give up privileges: %s", strerror(errno));
        return 0;
}
