/* SPDX-License-Identifier: Apache-2.0 */
/* flood MODE PORT ADDRESSES [RATE]: well-formed attestations that cost the
 * parent work, from 127.2.0.1 on; at most RATE per second.
 *
 *   pending     made-up nodes, each with its own EK and AK, that prove them
 *               and wait for approval
 *   same        one of these, over and over
 *   challenge   attestations that ask for credential challenges
 *   refused     challenges answered wrongly: refusals for the journal
 *
 *   costs       each kind of dear.h, ADDRESSES times, from one address; RATE
 *               is musterd's PID. Prints each kind's CPU time for one request,
 *               as `MICROSECONDS RATIO NAME`, RATIO in hundredths of the honest
 *               one's; ends by itself
 *
 * Prints `in effect` after a second, then each second what came back. Ends
 * with SIGTERM. */
#include "dear.h"
#include "wire_verdict.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define LABEL "EXPORTER-muster-attest-v2"
#define KEPT 4096

struct fixture f;

static struct {
        SSL_CTX *ctx;
        unsigned port, addresses, dialled;
        int patience; /* ms for an answer */
        unsigned answers, busy, challenges, others, lost;
        SSL *kept[KEPT];
        unsigned n_kept;
} st;

static volatile sig_atomic_t stopping;

static void on_signal(int sig)
{
        (void)sig;
        stopping = 1;
}

static void hang_up(SSL *ssl)
{
        if (ssl)
                (void)close(SSL_get_fd(ssl));
        SSL_free(ssl);
}

static SSL *dial(void)
{
        struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f020001u + st.dialled++ % st.addresses) };
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)st.port) };
        struct timeval limit = { st.patience / 1000, st.patience % 1000 * 1000 };
        int one = 1;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        SSL *ssl = SSL_new(st.ctx);

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (ssl && SSL_set_fd(ssl, fd) == 1 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
            connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 && SSL_connect(ssl) == 1 &&
            SSL_export_keying_material(ssl, f.exporter, DIGEST_LEN, LABEL, strlen(LABEL), NULL, 0, 0) == 1)
                return ssl;
        if (ssl && SSL_get_fd(ssl) >= 0)
                hang_up(ssl);
        else
                (void)close(fd);
        st.lost++;
        return NULL;
}

static bool post(SSL *ssl, const char *path, const struct buf *body)
{
        char head[256];
        int n = snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-muster\r\nContent-Length: %zu\r\n\r\n",
                         path, body->len);

        return SSL_write(ssl, head, n) == n && SSL_write(ssl, body->p, (int)body->len) == (int)body->len;
}

/* The whole answer's verdict; false: the connection is over. */
static bool hear(SSL *ssl, struct verdict *ret)
{
        static char text[WIRE_VERDICT_MAX + 4096];
        size_t have = 0;
        char *body = NULL;
        char err[JTAB_ERR];
        size_t want = SIZE_MAX;

        while (!body || have < want) {
                int n = have < sizeof(text) - 1 ? SSL_read(ssl, text + have, (int)(sizeof(text) - 1 - have)) : -1;

                if (n <= 0) {
                        st.lost++;
                        return false;
                }
                have += (size_t)n;
                text[have] = '\0';
                if (!body && (body = strstr(text, "\r\n\r\n"))) {
                        const char *len = strcasestr(text, "content-length:");

                        body += 4;
                        want = (size_t)(body - text) + (len ? strtoul(len + 15, NULL, 10) : 0);
                }
        }
        st.answers++;
        *ret = (struct verdict){ 0 };
        (void)wire_verdict_parse(body, want - (size_t)(body - text), ret, err);
        st.busy += ret->kind == VERDICT_BUSY;
        st.challenges += ret->kind == VERDICT_CHALLENGE;
        st.others += ret->kind != VERDICT_BUSY && ret->kind != VERDICT_CHALLENGE;
        return true;
}

static void keep(SSL *ssl)
{
        unsigned i = st.n_kept++ % KEPT;

        hang_up(st.kept[i]);
        st.kept[i] = ssl;
}

/* One exchange; true: the connection can be used again. */
static bool exchange(SSL *ssl, const char *mode)
{
        struct verdict v = { 0 };
        struct buf body = { 0 };
        uint8_t secret[32] = { 0 };
        bool ok;

        fixture_build(&f);
        if (!post(ssl, "/v2/attest", &f.body))
                return false;
        if (!hear(ssl, &v))
                return strcmp(mode, "same") == 0; /* no answer: it is held */
        ok = v.kind == VERDICT_CHALLENGE;
        if (ok && strcmp(mode, "challenge") != 0) {
                if (strcmp(mode, "refused") != 0)
                        tpm_activate(&v.credential_blob, &v.secret, secret);
                ok = wire_activate_build(secret, sizeof(secret), &body) == 0 && post(ssl, "/v2/activate", &body);
                buf_wipe(&body);
                verdict_wipe(&v);
                if (ok && strcmp(mode, "refused") == 0)
                        ok = hear(ssl, &v);
        }
        verdict_wipe(&v);
        return ok;
}

static void once(SSL **links, const char *mode)
{
        unsigned i;
        bool pending = strcmp(mode, "pending") == 0;
        bool same = strcmp(mode, "same") == 0;
        static unsigned turn;
        SSL *ssl;

        if (pending) {
                EVP_PKEY_free(f.ek);
                EVP_PKEY_free(f.ak);
                f.ek = tpm_new_key();
                f.ak = tpm_new_key();
        }
        if (pending || same) {
                ssl = dial();
                if (ssl && exchange(ssl, mode))
                        keep(ssl);
                else
                        hang_up(ssl);
                return;
        }
        i = turn++ % st.addresses;
        if (!links[i])
                links[i] = dial();
        if (!links[i])
                return;
        SSL_export_keying_material(links[i], f.exporter, DIGEST_LEN, LABEL, strlen(LABEL), NULL, 0, 0);
        if (!exchange(links[i], mode) && stopping == 0) {
                hang_up(links[i]);
                links[i] = NULL;
        }
}

/* ---- what one request costs ---------------------------------------------------- */

static pid_t served[8]; /* musterd's processes */

static void find_processes(pid_t parent)
{
        char path[64];
        FILE *in;
        size_t n = 0;
        int pid;

        served[n++] = parent;
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
        in = fopen(path, "re");
        while (in && n < 8 && fscanf(in, "%d", &pid) == 1)
                served[n++] = pid;
        if (in)
                (void)fclose(in);
}

static int64_t cpu_us(void)
{
        int64_t us = 0;

        for (size_t i = 0; i < 8 && served[i] > 0; i++) {
                struct timespec t;
                clockid_t clock;

                if (clock_getcpuclockid(served[i], &clock) == 0 && clock_gettime(clock, &t) == 0)
                        us += (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
        }
        return us;
}

/* A connection, a request and its answer, or the request's being held. */
static bool one_request(void)
{
        struct verdict v = { 0 };
        SSL *ssl = dial();
        bool ok;

        if (!ssl)
                return false;
        fixture_build(&f);
        ok = post(ssl, "/v2/attest", &f.body);
        (void)hear(ssl, &v);
        verdict_wipe(&v);
        hang_up(ssl);
        return ok;
}

static int64_t cost_of(const struct dear *d, unsigned times)
{
        EVP_PKEY *ak = f.ak;
        int64_t from = cpu_us();
        unsigned n = 0;

        f.knobs = d->knobs;
        f.knobs.edit_request = d->edit;
        if (d->new_ak)
                f.ak = tpm_new_key();
        for (unsigned i = 0; i < times; i++)
                n += one_request();
        if (d->new_ak)
                EVP_PKEY_free(f.ak);
        f.ak = ak;
        return n > 0 ? (cpu_us() - from) / n : -1;
}

static int costs(unsigned times, pid_t musterd)
{
        SSL *ssl = dial();
        int64_t honest = 0;

        find_processes(musterd);
        if (!ssl || !exchange(ssl, "pending")) /* the node is pending from now on, so its requests are judged to their end */
                return 1;
        for (const struct dear *d = dears; d->name; d++) {
                int64_t us = cost_of(d, times);

                if (d == dears)
                        honest = us > 0 ? us : 1;
                printf("%lld %lld %s\n", (long long)us, (long long)(us * 100 / honest), d->name);
        }
        hang_up(ssl);
        return 0;
}

int main(int argc, char **argv)
{
        struct rlimit l;
        time_t start = time(NULL);
        time_t shown = start;
        SSL **links;

        if (argc != 4 && argc != 5)
                return 2;
        setlinebuf(stdout);
        fixture_init(&f);
        f.clock = 0; /* goes on by itself */
        st.port = (unsigned)atoi(argv[2]);
        st.patience = strcmp(argv[1], "same") == 0 ? 500 : strcmp(argv[1], "costs") == 0 ? 60 : 2000;
        st.addresses = strcmp(argv[1], "costs") == 0 ? 1 : (unsigned)atoi(argv[3]);
        st.ctx = SSL_CTX_new(TLS_client_method());
        links = calloc(st.addresses, sizeof(SSL *));
        if (!st.ctx || !links || getrlimit(RLIMIT_NOFILE, &l) < 0)
                return 1;
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
        (void)signal(SIGTERM, on_signal);
        (void)signal(SIGPIPE, SIG_IGN);
        if (strcmp(argv[1], "costs") == 0)
                return costs((unsigned)atoi(argv[3]), argc == 5 ? atoi(argv[4]) : 0);
        while (!stopping) {
                once(links, argv[1]);
                if (argc == 5)
                        (void)usleep(1000000 / (unsigned)atoi(argv[4]));
                if (time(NULL) == shown)
                        continue;
                shown = time(NULL);
                if (shown - start == 2)
                        printf("in effect\n");
                printf("answers %u challenges %u busy %u others %u lost %u\n", st.answers, st.challenges, st.busy, st.others,
                       st.lost);
        }
        return 0;
}
