/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * The main thread only takes messages off the socket, so that its peer is
 * never kept waiting by a slow hook; the worker runs the hooks. */
#include "hooks_runner.h"

#include "log.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define QUEUE 256
#define HOOKS_MAX 64
#define HOOK_SECONDS 30

struct runner {
        const char *dir;
        pthread_mutex_t lock;
        pthread_cond_t cond;
        struct buf queue[QUEUE];
        size_t first, count;
        bool stopping;
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int wanted(const struct dirent *e)
{
        return e->d_name[0] != '.';
}

/* A hook that does not read gets nothing more; it is never waited for. */
static void feed(int fd, const struct buf *text)
{
        size_t done = 0;

        while (done < text->len) {
                ssize_t n = write(fd, text->p + done, text->len - done);

                if (n <= 0)
                        return;
                done += (size_t)n;
        }
}

static void await(pid_t pid, const char *path)
{
        struct timespec tick = { 0, 20000000 };
        int status = 0;

        for (int i = 0; i < HOOK_SECONDS * 50; i++) {
                pid_t got = waitpid(pid, &status, WNOHANG);

                if (got == pid) {
                        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                                log_warn("hook %s failed with status %d", path, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
                        return;
                }
                (void)nanosleep(&tick, NULL);
        }
        log_warn("hook %s ran for over %d s and was killed", path, HOOK_SECONDS);
        (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
}

static void run_one(const char *path, const struct buf *text)
{
        char *argv[] = { (char *)(uintptr_t)path, NULL };
        char *envp[] = { (char *)(uintptr_t)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
        posix_spawn_file_actions_t fa;
        posix_spawnattr_t at;
        sigset_t none;
        sigset_t all;
        int pipefd[2];
        pid_t pid;
        int r;

        if (pipe2(pipefd, O_CLOEXEC) < 0)
                return;
        (void)fcntl(pipefd[1], F_SETFL, O_NONBLOCK);
        (void)sigemptyset(&none);
        (void)sigfillset(&all);
        (void)posix_spawn_file_actions_init(&fa);
        (void)posix_spawnattr_init(&at);
        (void)posix_spawn_file_actions_adddup2(&fa, pipefd[0], STDIN_FILENO);
        (void)posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        (void)posix_spawnattr_setsigmask(&at, &none);
        (void)posix_spawnattr_setsigdefault(&at, &all); /* SIGPIPE is ignored here */
        r = posix_spawn(&pid, path, &fa, &at, argv, envp);
        (void)posix_spawn_file_actions_destroy(&fa);
        (void)posix_spawnattr_destroy(&at);
        (void)close(pipefd[0]);
        if (r == 0)
                feed(pipefd[1], text);
        (void)close(pipefd[1]);
        if (r == 0)
                await(pid, path);
        else
                log_warn("hook %s cannot be run: %s", path, strerror(r));
}

/* NULL: it is run. */
static const char *why_not_run(const char *path)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return strerror(errno);
        if (!S_ISREG(st.st_mode))
                return "it is no regular file";
        return access(path, X_OK) == 0 ? NULL : "musterd's user may not execute it";
}

int hooks_look(const char *dir, struct unused *ret)
{
        struct dirent **names = NULL;
        int n = scandir(dir, &names, wanted, by_name);
        int r = n < 0 ? -errno : 0;

        for (int i = 0; i < n; i++) {
                char path[600];
                const char *why;

                (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
                why = i < HOOKS_MAX ? why_not_run(path) : "there are 64 files before it";
                if (why)
                        unused_add(ret, names[i]->d_name, why);
                free(names[i]);
        }
        free(names);
        if (r < 0)
                log_warn("no hook is run: cannot read %s: %s. Next: let the user that musterd runs as read it", dir, strerror(-r));
        unused_log(ret, dir, "a hook", "chmod 755 it, or give it a name that begins with a dot");
        return r;
}

static void run_all(const struct runner *q, const struct buf *text)
{
        struct dirent **names = NULL;
        int n = scandir(q->dir, &names, wanted, by_name);

        for (int i = 0; i < n; i++) {
                char path[600];

                (void)snprintf(path, sizeof(path), "%s/%s", q->dir, names[i]->d_name);
                if (i < HOOKS_MAX && !why_not_run(path))
                        run_one(path, text);
                free(names[i]);
        }
        free(names);
}

static bool next(struct runner *q, struct buf *ret)
{
        bool got;

        (void)pthread_mutex_lock(&q->lock);
        while (!q->stopping && q->count == 0)
                (void)pthread_cond_wait(&q->cond, &q->lock);
        got = !q->stopping;
        if (got) {
                *ret = q->queue[q->first];
                q->queue[q->first] = (struct buf){ 0 };
                q->first = (q->first + 1) % QUEUE;
                q->count--;
        }
        (void)pthread_mutex_unlock(&q->lock);
        return got;
}

static void *worker(void *arg)
{
        struct runner *q = arg;
        struct buf text = { 0 };

        while (next(q, &text)) {
                run_all(q, &text);
                buf_wipe(&text);
        }
        return NULL;
}

static void enqueue(struct runner *q, const void *p, size_t len)
{
        struct buf text = { .p = malloc(len), .len = len };

        if (text.p)
                memcpy(text.p, p, len);
        (void)pthread_mutex_lock(&q->lock);
        if (text.p && q->count < QUEUE) {
                q->queue[(q->first + q->count++) % QUEUE] = text;
                text.p = NULL;
                (void)pthread_cond_signal(&q->cond);
        }
        (void)pthread_mutex_unlock(&q->lock);
        if (text.p)
                log_warn("a change was not given to the hooks, too many are waiting: %.*s", (int)len, (const char *)p);
        free(text.p);
}

void hooks_runner(const char *dir, int fd)
{
        static struct runner q = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
        struct unused unused = { 0 };
        char text[HOOK_TEXT_MAX];
        pthread_t thread;

        q.dir = dir;
        (void)hooks_look(dir, &unused);
        if (pthread_create(&thread, NULL, worker, &q) != 0) {
                log_err("hooks: cannot make a thread");
                _exit(1);
        }
        for (;;) {
                ssize_t n = recv(fd, text, sizeof(text), 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                enqueue(&q, text, (size_t)n);
        }
        (void)pthread_mutex_lock(&q.lock);
        q.stopping = true;
        (void)pthread_cond_signal(&q.cond);
        (void)pthread_mutex_unlock(&q.lock);
        (void)pthread_join(thread, NULL);
        _exit(0);
}
