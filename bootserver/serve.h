/* SPDX-License-Identifier: Apache-2.0 */
/* serve.h - between libmicrohttpd and the handlers: refuses what the route
 * table does not allow before a body is read, collects bodies within their
 * limits, and builds answers. */
#ifndef MUSTER_SERVE_H
#define MUSTER_SERVE_H

#include "server.h"

struct listener_ctx {
        struct server *srv;
        enum listener listener;
};

/* Each request's target as it came: for MHD_OPTION_URI_LOG_CALLBACK. */
void *serve_target(void *cls, const char *target, struct MHD_Connection *conn);
/* Decodes arguments, and leaves the path to the route table: an escaped slash
 * does not part it. For MHD_OPTION_UNESCAPE_CALLBACK. */
size_t serve_unescape(void *cls, struct MHD_Connection *conn, char *text);
enum MHD_Result serve_request(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **con_cls);
void serve_completed(void *cls, struct MHD_Connection *conn, void **con_cls, enum MHD_RequestTerminationCode code);
enum MHD_Result serve_accept(void *cls, const struct sockaddr *addr, socklen_t len);
void serve_connection(void *cls, struct MHD_Connection *conn, void **socket_ctx, enum MHD_ConnectionNotificationCode code);

#endif
