/* SPDX-License-Identifier: Apache-2.0 */
/* tls_bare PKI-DIR PORT THREADS: libmicrohttpd as musterd configures it for
 * its attest listener (listen.c), which answers 200 and does nothing else:
 * what the TLS handshake alone costs. Runs until it is stopped. */
#include "mem.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
#define CONN_MEMORY 8192
#ifdef BARE_OPENSSL /* linked as musterd is: tls_server.h */
#include "tls_server.h"
#define PRIORITIES TLS_PRIORITIES
#else
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305:%NO_TICKETS"
#endif

static char *slurp(const char *dir, const char *name)
{
        static char text[2][16384];
        static int used;
        char path[512];
        FILE *in;
        size_t n;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        in = fopen(path, "r");
        if (!in || used == 2) {
                perror(path);
                exit(2);
        }
        n = fread(text[used], 1, sizeof(text[0]) - 1, in);
        text[used][n] = '\0';
        (void)fclose(in);
        return text[used++];
}

static int listen_on(const char *port)
{
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int one = 1;

        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
            bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0) {
                perror("tls_bare");
                exit(2);
        }
        return fd;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **con_cls)
{
        static char hello[] = "hello\n";
        struct MHD_Response *resp;
        enum MHD_Result r;

        (void)url, (void)method, (void)version, (void)data, (void)size;
        if (!*con_cls) {
                *con_cls = cls;
                return MHD_YES;
        }
        resp = MHD_create_response_from_buffer(sizeof(hello) - 1, hello, MHD_RESPMEM_PERSISTENT);
        r = MHD_queue_response(conn, 200, resp);
        MHD_destroy_response(resp);
        return r;
}

int main(int argc, char **argv)
{
        struct rlimit l;
        struct MHD_Daemon *d;
        static char seen;

        (void)signal(SIGPIPE, SIG_IGN);

        if (argc != 4)
                return 2;
        if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
                l.rlim_cur = l.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &l);
        }
        d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                             answer, &seen, MHD_OPTION_LISTEN_SOCKET, listen_on(argv[2]),
                             MHD_OPTION_CONNECTION_LIMIT, 16384U, MHD_OPTION_CONNECTION_TIMEOUT, 15U,
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONN_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                             MHD_OPTION_THREAD_POOL_SIZE, (unsigned)atoi(argv[3]),
                             MHD_OPTION_HTTPS_MEM_KEY, slurp(argv[1], "server.key"),
                             MHD_OPTION_HTTPS_MEM_CERT, slurp(argv[1], "server.pem"),
                             MHD_OPTION_HTTPS_PRIORITIES, PRIORITIES, MHD_OPTION_END);
        if (!d)
                return 1;
        for (;;)
                (void)pause();
}
