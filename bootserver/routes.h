/* SPDX-License-Identifier: Apache-2.0 */
/* routes.h - the one table of what musterd answers.
 *
 * A path segment `*` stands for one non-empty segment, handed over as the
 * call's `param`. route_find() is pure: 0, -ENOENT (no such path on this
 * listener: 404) or -EOPNOTSUPP (the path exists with other methods, listed
 * in ret_allow: 405). HEAD is answered wherever GET is. Whatever is not in
 * the table is refused. */
#ifndef MUSTER_ROUTES_H
#define MUSTER_ROUTES_H

#include "server.h"

/* ANYONE: the handler itself proves who asks (attest), or it is public.
 * ADMIN: whoever may open the admin socket. */
enum who { ANYONE, ADMIN };

struct route {
        const char *method;
        const char *path;
        enum listener listener;
        enum who who;
        size_t body_max; /* 0: no body */
        enum MHD_Result (*handler)(struct call *c);
};

int route_find(enum listener listener, const char *method, const char *path, const struct route **ret, char *param,
               size_t param_size, char *ret_allow, size_t allow_size);

/* boot_routes.c */
enum MHD_Result on_ipxe(struct call *c);
enum MHD_Result on_boot_file(struct call *c);
enum MHD_Result on_image_file(struct call *c);
/* attest_routes.c */
enum MHD_Result on_attest(struct call *c);
enum MHD_Result on_activate(struct call *c);
/* admin_*.c */
enum MHD_Result on_status(struct call *c);
enum MHD_Result on_metrics(struct call *c);
enum MHD_Result on_nodes(struct call *c);
enum MHD_Result on_node(struct call *c);
enum MHD_Result on_node_add(struct call *c);
enum MHD_Result on_enrol(struct call *c);
enum MHD_Result on_node_approve(struct call *c);
enum MHD_Result on_node_revoke(struct call *c);
enum MHD_Result on_node_quarantine(struct call *c);
enum MHD_Result on_node_rename(struct call *c);
enum MHD_Result on_node_assign(struct call *c);
enum MHD_Result on_node_delete(struct call *c);
enum MHD_Result on_boots(struct call *c);
enum MHD_Result on_boot_add(struct call *c);
enum MHD_Result on_boot_default(struct call *c);
enum MHD_Result on_boot_delete(struct call *c);
enum MHD_Result on_images(struct call *c);
enum MHD_Result on_image_add(struct call *c);
enum MHD_Result on_image_default(struct call *c);
enum MHD_Result on_image_delete(struct call *c);
enum MHD_Result on_profiles(struct call *c);
enum MHD_Result on_profile_learn(struct call *c);
enum MHD_Result on_profile_promote(struct call *c);
enum MHD_Result on_policy(struct call *c);
enum MHD_Result on_policy_change(struct call *c);
enum MHD_Result on_events(struct call *c);
enum MHD_Result on_events_verify(struct call *c);
enum MHD_Result on_backup(struct call *c);

#endif
