/* SPDX-License-Identifier: Apache-2.0 */
#include "served.h"
#include "below.h"
#include "files.h"
#include "uki.h"

#define UKI_FILE_MAX ((size_t)512 << 20)

int served_dir(struct admin *a, const char *arg, const char *kind, char ret[PATH_MAX], struct fail *f)
{
        _cleanup_(json_putp) struct json_object *status = NULL;
        _cleanup_(closep) int top = -1;
        const char *state = arg;
        int dir = -1;
        int rc;

        if (!state) {
                rc = admin_call(a, "GET", "/v1/status", NULL, &status, f);
                if (rc)
                        return rc;
                state = admin_str(status, "state_dir");
        }
        if (!state)
                state = cli_state_dir();
        if (snprintf(ret, PATH_MAX, "%s/%s", state, kind) >= PATH_MAX - 256)
                return fail_set(f, MUSTER_USAGE, "", "", "write to %s/%s: too long a path", state, kind);
        rc = below_top(state, &top);
        if (rc == 0)
                rc = below_dir(top, kind, &dir);
        if (rc == 0 && faccessat(dir, ".", W_OK | X_OK, 0) < 0)
                rc = -errno;
        if (rc < 0) {
                closep(&dir);
                return fail_set(f, MUSTER_IO, "", rc == -EACCES ? "use sudo" : "check --state, or run muster init",
                                "write to %s: %s", ret, below_why(rc));
        }
        below_path(dir, ret); /* it stays open: this directory and no other, for as long as the program runs */
        return 0;
}

static bool served_default(enum served_wish wish, const char *kind, const char *name, const char *now)
{
        if (wish != SERVED_ASK)
                return wish == SERVED_DEFAULT;
        return !now[0] || cli_ask("Make %s %s the default of every node without an assignment, from its next boot on? It is %s now.",
                                  kind, name, now);
}

int served_look(struct admin *a, const char *kind, const char *name, enum served_wish wish, bool *ret_default, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        bool image = strcmp(kind, "image") == 0;
        const char *what = image ? "image" : "boot entry";
        struct json_object *entries;
        const char *now = "";
        int rc = admin_call(a, "GET", image ? "/v1/images" : "/v1/boots", NULL, &o, f);

        entries = admin_get(o, image ? "images" : "boots");
        for (size_t i = 0; rc == 0 && json_object_is_type(entries, json_type_array) && i < json_object_array_length(entries); i++) {
                struct json_object *e = json_object_array_get_idx(entries, i);

                if (strcmp(admin_text(e, "name"), name) == 0)
                        return fail_set(f, MUSTER_NO, "", image ? "choose another name, or muster image remove it first" :
                                        "choose another name, or muster boot remove it first",
                                        "add %s %s: there is %s %s %s already", what, name, image ? "an" : "a", what, name);
                if (admin_bool(e, "default"))
                        now = admin_text(e, "name");
        }
        if (rc == 0)
                *ret_default = served_default(wish, what, name, now);
        return rc;
}

bool served_name_ok(const char *s)
{
        static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
        size_t n = strlen(s);

        return n >= 1 && n <= 63 && strspn(s, set) == n && !strchr("._-", s[0]);
}

int served_uki_cmdline(const char *path, char *ret, size_t n, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf file = { 0 };
        struct uki *u = calloc(1, sizeof(*u));
        const char *why = NULL;
        int r = file_read(path, UKI_FILE_MAX, &file);
        int rc = 0;

        if (!u)
                return fail_set(f, MUSTER_IO, "", "", "read the UKI %s: out of memory", path);
        ret[0] = '\0';
        if (r < 0) {
                rc = fail_set(f, MUSTER_IO, "", "", "read the UKI %s: %s", path, strerror(-r));
        } else if ((r = uki_parse(file.p, file.len, u, &why)) < 0) {
                rc = fail_set(f, MUSTER_USAGE, "", "give a UKI, as muster boot build or ukify makes it", "read the UKI %s: %s",
                              path, why ? why : strerror(-r));
        } else if (u->has_cmdline) {
                _cleanup_(freep) char *line = NULL;

                r = uki_cmdline(u, &line);
                if (r < 0)
                        rc = fail_set(f, MUSTER_USAGE, "", "embed one in printable ASCII, without blanks or line breaks at its ends",
                                      "read the UKI %s: how its stub reads its embedded command line is not known", path);
                else if (strlen(line) >= n)
                        rc = fail_set(f, MUSTER_USAGE, "", "give a shorter one with --cmdline",
                                      "read the UKI %s: its command line has %zu characters", path, strlen(line));
                else
                        (void)snprintf(ret, n, "%s", line);
        }
        free(u);
        return rc;
}

const char *served_cmdline_sleeps(const char *cmdline)
{
        for (const char *p = cmdline + strspn(cmdline, " "); *p; p += strspn(p, " ")) {
                size_t n = strcspn(p, " ");

                if (n == 11 && strncmp(p, "nohibernate", n) == 0)
                        return NULL;
                p += n;
        }
        return "nohibernate";
}

const char *served_cmdline_lacks(const char *cmdline)
{
        bool shell_off = false;
        bool emergency = false;
        bool no_credentials = false;

        for (const char *p = cmdline + strspn(cmdline, " "); *p; p += strspn(p, " ")) {
                size_t n = strcspn(p, " ");

                if (n == 10 && strncmp(p, "rd.shell=0", n) == 0)
                        shell_off = true;
                if (n > 13 && strncmp(p, "rd.emergency=", 13) == 0)
                        emergency = true;
                if (n == 29 && strncmp(p, "systemd.import_credentials=no", n) == 0)
                        no_credentials = true;
                p += n;
        }
        if (!shell_off)
                return "rd.shell=0";
        if (!emergency)
                return "rd.emergency=reboot (or poweroff, halt)";
        return no_credentials ? NULL : "systemd.import_credentials=no";
}
