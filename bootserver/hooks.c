/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks.h"

#include "fault.h"
#include "hooks_runner.h"
#include "isolation.h"
#include "jout.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

struct hooks {
        int fd;
        pid_t pid;
};

static _Noreturn void child(const struct conf *conf, int fd)
{
        struct fail f = { 0 };

        (void)prctl(PR_SET_NAME, "musterd-hooks");
        if (isolation_drop(conf->user, conf->group, &f) < 0) {
                log_err("hooks: %s. Next: %s", f.what, f.next);
                _exit(1);
        }
        hooks_runner(conf->hooks_dir, fd);
}

int hooks_start(const struct conf *conf, struct hooks **ret, struct fail *fail)
{
        _cleanup_(freep) struct hooks *h = NULL;
        struct stat st;
        int pair[2];

        *ret = NULL;
        if (stat(conf->hooks_dir, &st) < 0 || !S_ISDIR(st.st_mode))
                return 0;
        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return fail_set(fail, -errno, "", "", "cannot start the process for the hooks: %s", strerror(errno));
        h->pid = fork();
        if (h->pid < 0) {
                int r = -errno;

                (void)close(pair[0]);
                (void)close(pair[1]);
                return fail_set(fail, r, "", "", "cannot start the process for the hooks: %s", strerror(-r));
        }
        if (h->pid == 0) {
                (void)close(pair[0]);
                child(conf, pair[1]);
        }
        (void)close(pair[1]);
        h->fd = pair[0];
        *ret = take_ptr(h);
        return 0;
}

void hooks_stop(struct hooks *h)
{
        if (!h)
                return;
        (void)close(h->fd); /* which tells it */
        while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        free(h);
}

static void begin(struct jout *o, const struct node *n)
{
        jout_obj(o, NULL);
        jout_int(o, "time", (int64_t)time(NULL));
        jout_str(o, "node", n->id);
        jout_str(o, "name", n->name[0] ? n->name : NULL);
}

static void give(struct hooks *h, const struct node *n, const char *what, struct jout *o)
{
        struct buf text = { 0 };
        int r;

        jout_end(o, '}');
        r = jout_take(o, &text);
        jout_wipe(o);
        if (r == 0 && text.len > HOOK_TEXT_MAX)
                r = -EMSGSIZE;
        if (r == 0 && send(h->fd, text.p, text.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                r = -errno;
        if (r < 0)
                log_warn("node=%s: a change to %s was not given to the hooks: %s%s", n->id, what, strerror(-r),
                         r == -EPIPE || r == -ECONNRESET ? ". Next: restart musterd, the process that runs them has gone" : "");
        buf_wipe(&text);
}

void hooks_send(struct hooks *h, const struct node *n, const char *from, const char *to, const char *code,
                const char *incident)
{
        struct jout o = { 0 };

        FAULT_POINT("hooks-send");
        if (!h)
                return;
        begin(&o, n);
        jout_str(&o, "from", from);
        jout_str(&o, "to", to);
        jout_str(&o, "code", code);
        jout_str(&o, "incident", incident);
        give(h, n, to, &o);
}

void hooks_event(struct hooks *h, const struct node *n, const char *event, const char *detail)
{
        struct jout o = { 0 };

        if (!h)
                return;
        begin(&o, n);
        jout_str(&o, "event", event);
        jout_raw(&o, "detail", detail, strlen(detail));
        give(h, n, event, &o);
}
