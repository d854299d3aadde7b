/* SPDX-License-Identifier: Apache-2.0 */
#include "routes.h"

#include "hex.h"
#include "wire_attest.h"

#define ADMIN_MAX 65536
#define ENROL_BODY_MAX (1 << 20)

static const struct route routes[] = {
        /* method    path                        listener  who     body max           handler */
        { "GET",    "/ipxe",                     L_BOOT,   ANYONE, 0,                 on_ipxe },
        { "GET",    "/boot/*",                   L_BOOT,   ANYONE, 0,                 on_boot_file },
        { "GET",    "/image/*",                  L_BOOT,   ANYONE, 0,                 on_image_file },
        { "POST",   "/v2/attest",                L_ATTEST, ANYONE, WIRE_ATTEST_MAX,   on_attest },
        { "POST",   "/v2/activate",              L_ATTEST, ANYONE, WIRE_ACTIVATE_MAX, on_activate },
        { "GET",    "/v1/status",                L_ADMIN,  ADMIN,  0,                 on_status },
        { "GET",    "/v1/nodes",                 L_ADMIN,  ADMIN,  0,                 on_nodes },
        { "POST",   "/v1/nodes",                 L_ADMIN,  ADMIN,  ADMIN_MAX,         on_node_add },
        { "POST",   "/v1/enrol",                 L_ADMIN,  ADMIN,  ENROL_BODY_MAX,    on_enrol },
        { "GET",    "/v1/nodes/*",               L_ADMIN,  ADMIN,  0,                 on_node },
        { "DELETE", "/v1/nodes/*",               L_ADMIN,  ADMIN,  0,                 on_node_delete },
        { "POST",   "/v1/nodes/*/approve",       L_ADMIN,  ADMIN,  ADMIN_MAX,         on_node_approve },
        { "POST",   "/v1/nodes/*/revoke",        L_ADMIN,  ADMIN,  ADMIN_MAX,         on_node_revoke },
        { "POST",   "/v1/nodes/*/quarantine",    L_ADMIN,  ADMIN,  ADMIN_MAX,         on_node_quarantine },
        { "POST",   "/v1/nodes/*/rename",        L_ADMIN,  ADMIN,  ADMIN_MAX,         on_node_rename },
        { "POST",   "/v1/nodes/*/assign",        L_ADMIN,  ADMIN,  ADMIN_MAX,         on_node_assign },
        { "GET",    "/v1/boots",                 L_ADMIN,  ADMIN,  0,                 on_boots },
        { "POST",   "/v1/boots",                 L_ADMIN,  ADMIN,  ADMIN_MAX,         on_boot_add },
        { "DELETE", "/v1/boots/*",               L_ADMIN,  ADMIN,  0,                 on_boot_delete },
        { "POST",   "/v1/boots/*/default",       L_ADMIN,  ADMIN,  ADMIN_MAX,         on_boot_default },
        { "GET",    "/v1/images",                L_ADMIN,  ADMIN,  0,                 on_images },
        { "POST",   "/v1/images",                L_ADMIN,  ADMIN,  ADMIN_MAX,         on_image_add },
        { "DELETE", "/v1/images/*",              L_ADMIN,  ADMIN,  0,                 on_image_delete },
        { "POST",   "/v1/images/*/default",      L_ADMIN,  ADMIN,  ADMIN_MAX,         on_image_default },
        { "GET",    "/v1/profiles",              L_ADMIN,  ADMIN,  0,                 on_profiles },
        { "POST",   "/v1/profiles/learn",        L_ADMIN,  ADMIN,  ADMIN_MAX,         on_profile_learn },
        { "POST",   "/v1/profiles/*/promote",    L_ADMIN,  ADMIN,  ADMIN_MAX,         on_profile_promote },
        { "GET",    "/v1/policy",                L_ADMIN,  ADMIN,  0,                 on_policy },
        { "POST",   "/v1/policy/*",              L_ADMIN,  ADMIN,  ADMIN_MAX,         on_policy_change },
        { "GET",    "/v1/events",                L_ADMIN,  ADMIN,  0,                 on_events },
        { "GET",    "/v1/events/verify",         L_ADMIN,  ADMIN,  0,                 on_events_verify },
        { "GET",    "/v1/backup",                L_ADMIN,  ADMIN,  0,                 on_backup },
        { "GET",    "/metrics",                  L_ADMIN,  ADMIN,  0,                 on_metrics },
};

/* The first `len` characters of path, decoded. */
static bool decode(const char *path, size_t len, char *ret, size_t n)
{
        size_t used = 0;
        size_t one;

        for (size_t i = 0; i < len; i++) {
                uint8_t byte = (uint8_t)path[i];

                if (byte == '%') {
                        if (len - i < 3 || hex_decode(path + i + 1, 2, &byte, 1, &one) < 0 || byte == '\0')
                                return false;
                        i += 2;
                }
                if (used + 1 >= n)
                        return false;
                ret[used++] = (char)byte;
        }
        ret[used] = '\0';
        return used > 0;
}

/* `param` gets the segment that `*` stands for, decoded. The rest of a
 * path is never escaped. */
static bool path_matches(const char *pattern, const char *path, char *param, size_t n)
{
        param[0] = '\0';
        while (*pattern && *pattern != '*') {
                if (*pattern++ != *path++)
                        return false;
        }
        if (*pattern == '*') {
                size_t len = strcspn(path, "/");

                return strcmp(pattern + 1, path + len) == 0 && decode(path, len, param, n);
        }
        return *path == '\0';
}

int route_find(enum listener listener, const char *method, const char *path, const struct route **ret, char *param,
               size_t param_size, char *ret_allow, size_t allow_size)
{
        bool found = false;
        size_t used = 0;

        ret_allow[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
                const struct route *r = &routes[i];
                bool get = strcmp(r->method, "GET") == 0;

                if (r->listener != listener || !path_matches(r->path, path, param, param_size))
                        continue;
                if (strcmp(r->method, method) == 0 || (get && strcmp(method, "HEAD") == 0)) {
                        *ret = r;
                        return 0;
                }
                if (used < allow_size)
                        used += (size_t)snprintf(ret_allow + used, allow_size - used, "%s%s", found ? ", " : "",
                                                 get ? "GET, HEAD" : r->method);
                found = true;
        }
        return found ? -EOPNOTSUPP : -ENOENT;
}
