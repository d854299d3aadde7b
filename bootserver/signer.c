/* SPDX-License-Identifier: Apache-2.0 */
#include "signer.h"

#include "fault.h"
#include "signer_impl.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define ANSWER_SECONDS 10 /* a release takes 0.2 ms */
#define START_SECONDS 60
#define END_MS 1000

struct signer {
        pthread_mutex_t lock;
        int fd;
        pid_t pid; /* 0: waited for */
        uint32_t seq;
        atomic_bool lost;
};

static int set_wait(int fd, time_t seconds)
{
        struct timeval t = { .tv_sec = seconds };

        return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0 ||
                               setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0
                       ? -errno
                       : 0;
}

static ssize_t receive(int fd, void *p, size_t size)
{
        ssize_t n;

        do
                n = recv(fd, p, size, MSG_TRUNC);
        while (n < 0 && errno == EINTR);
        return n;
}

static int read_hello(int fd, struct signer_public *ret, struct fail *fail)
{
        struct signer_hello h;

        if (receive(fd, &h, sizeof(h)) != (ssize_t)sizeof(h) || h.magic != SIGNER_MAGIC)
                return fail_set(fail, -EIO, "", "see the lines before this one; SIGSYS is its system call filter",
                                "the signing process died while it started");
        if (h.error < 0)
                return fail_set(fail, h.error, "", h.next, "%.*s", (int)sizeof(h.what) - 1, h.what);
        *ret = (struct signer_public){ .store_previous = h.store_previous != 0 };
        memcpy(ret->ssh_ca, h.ssh_ca, sizeof(ret->ssh_ca));
        if (pki_p256_from_point(h.policy, &ret->policy[0]) < 0 ||
            (h.previous[0] && pki_p256_from_point(h.previous, &ret->policy[1]) < 0))
                return fail_set(fail, -ENOKEY, "", "restore it from the backup of the parent's keys",
                                "policy.key cannot be used as a policy key");
        return 0;
}

struct signer *signer_adopt(int fd, pid_t pid)
{
        struct signer *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        s->fd = fd;
        s->pid = pid;
        (void)pthread_mutex_init(&s->lock, NULL);
        return s;
}

int signer_start(const struct conf *conf, struct signer **ret, struct signer_public *ret_public, struct fail *fail)
{
        struct signer *s = signer_adopt(-1, 0);
        pid_t parent = getpid();
        int pair[2];
        int r;

        if (!s || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
                r = s ? -errno : -ENOMEM;
                signer_stop(s);
                return fail_set(fail, r, "", "", "cannot make the signing process: %s", strerror(-r));
        }
        s->fd = pair[0];
        s->pid = fork();
        if (s->pid == 0) {
                (void)close(pair[0]);
                signer_main(conf, pair[1], parent);
        }
        r = s->pid < 0 ? fail_set(fail, -errno, "", "", "cannot make the signing process: %s", strerror(errno)) : 0;
        (void)close(pair[1]);
        if (r == 0)
                r = set_wait(s->fd, START_SECONDS);
        if (r == 0)
                r = read_hello(s->fd, ret_public, fail);
        if (r == 0)
                r = set_wait(s->fd, ANSWER_SECONDS);
        if (r < 0)
                signer_stop(s);
        else
                *ret = s;
        return r;
}

void signer_stop(struct signer *s)
{
        struct timespec tick = { 0, 5000000 };

        if (!s)
                return;
        if (s->fd >= 0)
                (void)close(s->fd); /* it ends by itself */
        for (int i = 0; i < END_MS / 5 && s->pid > 0; i++) {
                pid_t got = waitpid(s->pid, NULL, WNOHANG);

                if (got != 0)
                        s->pid = 0;
                else
                        (void)nanosleep(&tick, NULL);
        }
        /* one that is stopped sees the closed socket when it goes on, or systemd
         * ends it with the service: this process may signal no other */
        (void)pthread_mutex_destroy(&s->lock);
        free(s);
}

bool signer_ended(struct signer *s, char ret_how[64])
{
        int status = 0;

        if (s->pid > 0 && waitpid(s->pid, &status, WNOHANG) == s->pid) {
                s->pid = 0;
                (void)snprintf(ret_how, 64, WIFSIGNALED(status) ? "killed by signal %d" : "exit status %d",
                               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
                return true;
        }
        (void)snprintf(ret_how, 64, "no answer within %d s", ANSWER_SECONDS);
        return atomic_load(&s->lost);
}

/* -EIO when the answer is not one: the next would not be either. */
static int exchange(struct signer *s, union signer_request *q, size_t len, union signer_answer *a, size_t want)
{
        ssize_t n;

        q->head.seq = ++s->seq;
        do
                n = send(s->fd, q, len, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n != (ssize_t)len)
                return -EIO;
        n = receive(s->fd, a, sizeof(*a));
        if (n < (ssize_t)sizeof(a->done) || n > (ssize_t)sizeof(*a) || a->done.op != q->head.op ||
            a->done.seq != q->head.seq || a->done.error > 0 || (size_t)n != (a->done.error < 0 ? sizeof(a->done) : want))
                return -EIO;
        return 0;
}

static int ask(struct signer *s, union signer_request *q, size_t len, union signer_answer *a, size_t want)
{
        int r = -EIO;

        (void)pthread_mutex_lock(&s->lock);
        if (!atomic_load(&s->lost)) {
                FAULT_POINT("signer-ask");
                r = exchange(s, q, len, a, want);
                FAULT_POINT("signer-answered");
                if (r < 0) {
                        atomic_store(&s->lost, true);
                        (void)kill(getpid(), SIGCHLD); /* wakes who asks signer_ended() */
                }
        }
        (void)pthread_mutex_unlock(&s->lock);
        if (r < 0)
                return r;
        switch (a->done.error) {
        case 0:
        case -EINVAL:
        case -EKEYREJECTED:
        case -EACCES:
        case -ENOMEM:
                return a->done.error;
        default:
                return -EIO;
        }
}

static int set_name(char to[SIGNER_NAME], const char *name)
{
        size_t n = strlen(name);

        if (n >= SIGNER_NAME)
                return -EINVAL;
        memcpy(to, name, n + 1);
        return 0;
}

/* -EINVAL: longer than any that the signer takes. */
static int set_bytes(uint8_t *to, size_t size, uint32_t *ret_len, const struct buf *from)
{
        if (from->len == 0 || from->len > size)
                return -EINVAL;
        memcpy(to, from->p, from->len);
        *ret_len = (uint32_t)from->len;
        return 0;
}

static int set_image(const struct image_ref *i, char name[SIGNER_NAME], uint8_t header[64], uint8_t list[DIGEST_LEN])
{
        memcpy(header, i->header, 64);
        memcpy(list, i->list, DIGEST_LEN);
        return set_name(name, i->name);
}

static int take_bytes(struct buf *to, const uint8_t *from, size_t size, uint32_t len)
{
        if (len == 0 || len > size)
                return -EIO;
        to->p = malloc(len);
        if (!to->p)
                return -ENOMEM;
        memcpy(to->p, from, len);
        to->len = len;
        return 0;
}

int signer_challenge(struct signer *s, const uint8_t node[DIGEST_LEN], const struct buf *ek_public, const struct buf *ak_public,
                     struct signer_credential *ret)
{
        union signer_request q = { .challenge = { .head.op = SIGNER_CHALLENGE } };
        union signer_answer a;
        int r = set_bytes(q.challenge.ek, sizeof(q.challenge.ek), &q.challenge.ek_len, ek_public);

        memcpy(q.head.node, node, DIGEST_LEN);
        if (r == 0)
                r = set_bytes(q.challenge.ak, sizeof(q.challenge.ak), &q.challenge.ak_len, ak_public);
        if (r == 0)
                r = ask(s, &q, sizeof(q.challenge), &a, sizeof(a.challenged));
        if (r == 0)
                r = take_bytes(&ret->blob, a.challenged.blob, sizeof(a.challenged.blob), a.challenged.blob_len);
        if (r == 0)
                r = take_bytes(&ret->secret, a.challenged.secret, sizeof(a.challenged.secret), a.challenged.secret_len);
        if (r == 0)
                memcpy(ret->ticket, a.challenged.ticket, sizeof(ret->ticket));
        return r;
}

int signer_activate(struct signer *s, const uint8_t node[DIGEST_LEN], const uint8_t ak_name[POLICY_NAME_LEN],
                    const uint8_t ticket[SIGNER_TICKET], const uint8_t secret[SIGNER_SECRET], uint8_t ret_token[SIGNER_TOKEN])
{
        union signer_request q = { .activate = { .head.op = SIGNER_ACTIVATE } };
        union signer_answer a;
        int r;

        memcpy(q.head.node, node, DIGEST_LEN);
        memcpy(q.activate.ak_name, ak_name, sizeof(q.activate.ak_name));
        memcpy(q.activate.ticket, ticket, sizeof(q.activate.ticket));
        memcpy(q.activate.secret, secret, sizeof(q.activate.secret));
        r = ask(s, &q, sizeof(q.activate), &a, sizeof(a.activated));
        wipe(&q, sizeof(q));
        if (r == 0)
                memcpy(ret_token, a.activated.token, SIGNER_TOKEN);
        return r;
}

int signer_release(struct signer *s, const struct signer_wish *w, struct signer_let_in *ret)
{
        union signer_request q = { .release = { .head.op = SIGNER_RELEASE, .purposes = (w->bundle ? SIGNER_BUNDLE : 0) |
                                                                                       (w->previous ? SIGNER_PREVIOUS : 0) } };
        struct signer_release *m = &q.release;
        union signer_answer a;
        int r = set_image(&w->image, m->name, m->header, m->list);

        memcpy(q.head.node, w->node, DIGEST_LEN);
        if (w->token)
                memcpy(m->token, w->token, sizeof(m->token));
        memcpy(m->pcrs, w->pcrs, sizeof(m->pcrs));
        memcpy(m->wrapped, w->wrapped, sizeof(m->wrapped));
        if (r == 0)
                r = set_bytes(m->ak, sizeof(m->ak), &m->ak_len, w->ak_public);
        if (r == 0)
                r = set_bytes(m->quote, sizeof(m->quote), &m->quote_len, w->quote);
        if (r == 0)
                r = set_bytes(m->signature, sizeof(m->signature), &m->signature_len, w->signature);
        if (r == 0)
                r = ask(s, &q, sizeof(q.release), &a, sizeof(a.released));
        if (r == 0) {
                memcpy(ret->nv, a.released.nv, sizeof(ret->nv));
                memcpy(ret->bundle, a.released.bundle, sizeof(ret->bundle));
                memcpy(ret->key, a.released.key, sizeof(ret->key));
                memcpy(ret->token, a.released.token, sizeof(ret->token));
        }
        wipe(&a, sizeof(a));
        return r;
}

static int ask_cert(struct signer *s, union signer_request *q, size_t len, struct signer_issued *ret)
{
        union signer_answer a;
        int r = ask(s, q, len, &a, sizeof(a.cert));

        if (r < 0)
                return r;
        r = take_bytes(&ret->cert, a.cert.blob, sizeof(a.cert.blob), a.cert.len);
        if (r < 0)
                return r;
        ret->from = a.cert.from;
        ret->to = a.cert.to;
        return 0;
}

int signer_tls(struct signer *s, const uint8_t node[DIGEST_LEN], const char *name, const char *address, const struct buf *key,
               uint32_t life, struct signer_issued *ret)
{
        union signer_request q = { .tls = { .head.op = SIGNER_TLS, .life = life } };
        int r = pki_p256_point(key->p, key->len, q.tls.point);

        memcpy(q.head.node, node, DIGEST_LEN);
        if (r == 0)
                r = set_name(q.tls.name, name);
        if (r == 0)
                r = set_name(q.tls.address, address);
        return r < 0 ? -EINVAL : ask_cert(s, &q, sizeof(q.tls), ret);
}

int signer_ssh(struct signer *s, const uint8_t node[DIGEST_LEN], const char *name, const char *address, const struct buf *key,
               uint32_t life, struct signer_issued *ret)
{
        union signer_request q = { .ssh = { .head.op = SIGNER_SSH, .life = life } };

        memcpy(q.head.node, node, DIGEST_LEN);
        if (key->len != sizeof(q.ssh.key) || set_name(q.ssh.name, name) < 0 || set_name(q.ssh.address, address) < 0)
                return -EINVAL;
        memcpy(q.ssh.key, key->p, sizeof(q.ssh.key));
        return ask_cert(s, &q, sizeof(q.ssh), ret);
}

int signer_wrap(struct signer *s, const struct image_ref *image, const uint8_t key[32], uint8_t ret[WRAPPED_LEN])
{
        union signer_request q = { .wrap = { .head.op = SIGNER_WRAP } };
        union signer_answer a;
        int r = set_image(image, q.wrap.name, q.wrap.header, q.wrap.list);

        memcpy(q.wrap.key, key, sizeof(q.wrap.key));
        if (r == 0)
                r = ask(s, &q, sizeof(q.wrap), &a, sizeof(a.wrapped));
        wipe(&q, sizeof(q));
        if (r == 0)
                memcpy(ret, a.wrapped.wrapped, WRAPPED_LEN);
        return r;
}

int signer_rewrap(struct signer *s, const struct image_ref *image, const uint8_t wrapped[WRAPPED_LEN],
                  uint8_t ret[WRAPPED_LEN])
{
        union signer_request q = { .rewrap = { .head.op = SIGNER_REWRAP } };
        union signer_answer a;
        int r = set_image(image, q.rewrap.name, q.rewrap.header, q.rewrap.list);

        memcpy(q.rewrap.wrapped, wrapped, sizeof(q.rewrap.wrapped));
        if (r == 0)
                r = ask(s, &q, sizeof(q.rewrap), &a, sizeof(a.wrapped));
        if (r == 0)
                memcpy(ret, a.wrapped.wrapped, WRAPPED_LEN);
        return r;
}
