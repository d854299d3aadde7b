/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks.h"

#include "jout.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define QUEUE 256
#define HOOKS_MAX 64
#define HOOK_SECONDS 30

struct hooks {
        char dir[256];
        pthread_mutex_t lock;
        pthread_cond_t cond;
        pthread_t thread;
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

static void run_all(const struct hooks *h, const struct buf *text)
{
        struct dirent **names = NULL;
        int n = scandir(h->dir, &names, wanted, by_name);

        for (int i = 0; i < n; i++) {
                char path[600];
                struct stat st;

                (void)snprintf(path, sizeof(path), "%s/%s", h->dir, names[i]->d_name);
                if (i < HOOKS_MAX && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
                        run_one(path, text);
                free(names[i]);
        }
        free(names);
}

static void *worker(void *arg)
{
        struct hooks *h = arg;

        (void)pthread_mutex_lock(&h->lock);
        while (!h->stopping) {
                struct buf text;

                if (h->count == 0) {
                        (void)pthread_cond_wait(&h->cond, &h->lock);
                        continue;
                }
                text = h->queue[h->first];
                h->queue[h->first] = (struct buf){ 0 };
                h->first = (h->first + 1) % QUEUE;
                h->count--;
                (void)pthread_mutex_unlock(&h->lock);
                run_all(h, &text);
                buf_wipe(&text);
                (void)pthread_mutex_lock(&h->lock);
        }
        (void)pthread_mutex_unlock(&h->lock);
        return NULL;
}

int hooks_start(const char *dir, struct hooks **ret)
{
        struct hooks *h;
        struct stat st;
        int r;

        *ret = NULL;
        if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
                return 0; /* none wanted */
        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        (void)snprintf(h->dir, sizeof(h->dir), "%s", dir);
        (void)pthread_mutex_init(&h->lock, NULL);
        (void)pthread_cond_init(&h->cond, NULL);
        r = pthread_create(&h->thread, NULL, worker, h);
        if (r != 0) {
                free(h);
                return -r;
        }
        *ret = h;
        return 0;
}

void hooks_stop(struct hooks *h)
{
        if (!h)
                return;
        (void)pthread_mutex_lock(&h->lock);
        h->stopping = true;
        (void)pthread_cond_signal(&h->cond);
        (void)pthread_mutex_unlock(&h->lock);
        (void)pthread_join(h->thread, NULL);
        for (size_t i = 0; i < QUEUE; i++)
                buf_wipe(&h->queue[i]);
        (void)pthread_cond_destroy(&h->cond);
        (void)pthread_mutex_destroy(&h->lock);
        free(h);
}

void hooks_send(struct hooks *h, const struct node *n, const char *from, const char *to, const char *code,
                const char *incident)
{
        struct jout o = { 0 };
        struct buf text = { 0 };
        int r;

        if (!h)
                return;
        jout_obj(&o, NULL);
        jout_int(&o, "time", (int64_t)time(NULL));
        jout_str(&o, "node", n->id);
        jout_str(&o, "name", n->name[0] ? n->name : NULL);
        jout_str(&o, "from", from);
        jout_str(&o, "to", to);
        jout_str(&o, "code", code);
        jout_str(&o, "incident", incident);
        jout_end(&o, '}');
        r = jout_take(&o, &text);
        jout_wipe(&o);
        (void)pthread_mutex_lock(&h->lock);
        if (r == 0 && h->count < QUEUE) {
                h->queue[(h->first + h->count++) % QUEUE] = text;
                text = (struct buf){ 0 };
                (void)pthread_cond_signal(&h->cond);
        } else {
                log_warn("node=%s: a change to %s was not given to the hooks: too many are waiting", n->id, to);
        }
        (void)pthread_mutex_unlock(&h->lock);
        buf_wipe(&text);
}
