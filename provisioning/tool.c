/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"
#include "cli.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TOOL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define WORDS_MAX 400
#define TICK_MS 200

struct tool {
        char name[64];
        pid_t pid; /* 0: reaped */
        int err;   /* read end of its standard error */
        char words[WORDS_MAX + 1];
        size_t n_words;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
        (void)sig;
        interrupted = 1;
}

void tool_catch_signals(void)
{
        struct sigaction sa = { .sa_handler = on_signal };

        (void)sigaction(SIGINT, &sa, NULL);
        (void)sigaction(SIGTERM, &sa, NULL);
        (void)sigaction(SIGHUP, &sa, NULL);
}

bool tool_interrupted(void)
{
        return interrupted;
}

static bool find(const char *name, char ret[PATH_MAX])
{
        const char *dir = TOOL_PATH;

        while (*dir) {
                size_t n = strcspn(dir, ":");

                if (snprintf(ret, PATH_MAX, "%.*s/%s", (int)n, dir, name) < PATH_MAX && access(ret, X_OK) == 0)
                        return true;
                dir += n + (dir[n] == ':');
        }
        return false;
}

static void child(pid_t parent, const char *path, const char *const *argv, int in, int out, int err)
{
        static const char *const env[] = { "LC_ALL=C", "PATH=" TOOL_PATH, NULL };
        int null = open("/dev/null", O_RDWR);
        struct sigaction sa = { .sa_handler = SIG_DFL };

        (void)sigaction(SIGPIPE, &sa, NULL);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would wait for what it makes */
        if (getppid() != parent)
                _exit(127);
        (void)setpgid(0, 0); /* a Ctrl-C reaches us first, and we it */
        if (null < 0 || dup2(in >= 0 ? in : null, 0) < 0 || dup2(out >= 0 ? out : null, 1) < 0 || dup2(err, 2) < 0)
                _exit(127);
        execve(path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
        _exit(127);
}

int tool_start(const char *const *argv, int input, int *ret_output, struct tool **ret, struct fail *f)
{
        _cleanup_(tool_freep) struct tool *t = calloc(1, sizeof(*t));
        _cleanup_(closep) int out_to = -1;
        _cleanup_(closep) int err_to = -1;
        int out_pipe[2] = { -1, -1 };
        int err_pipe[2];
        char path[PATH_MAX];
        pid_t parent;

        if (t)
                t->err = -1;
        if (!find(argv[0], path))
                return fail_set(f, MUSTER_IO, "", "install it", "run %s: it is not installed", argv[0]);
        if (!t || pipe2(err_pipe, O_CLOEXEC) < 0)
                return fail_set(f, MUSTER_IO, "", "", "run %s: %s", argv[0], strerror(errno));
        (void)snprintf(t->name, sizeof(t->name), "%s", argv[0]);
        t->err = err_pipe[0];
        err_to = err_pipe[1];
        if (ret_output && pipe2(out_pipe, O_CLOEXEC) < 0)
                return fail_set(f, MUSTER_IO, "", "", "run %s: %s", argv[0], strerror(errno));
        out_to = out_pipe[1];
        parent = getpid();
        t->pid = fork();
        if (t->pid == 0)
                child(parent, path, argv, input, out_to, err_to);
        if (t->pid < 0) {
                t->pid = 0;
                closep(&out_pipe[0]);
                return fail_set(f, MUSTER_IO, "", "", "run %s: %s", argv[0], strerror(errno));
        }
        if (ret_output)
                *ret_output = out_pipe[0];
        *ret = take_ptr(t);
        return 0;
}

/* Keeps the last of what it says. false: it has closed its standard error. */
static bool listen_to(struct tool *t)
{
        char more[512];
        ssize_t n = read(t->err, more, sizeof(more));

        if (n < 0 && errno == EINTR)
                return true;
        if (n <= 0)
                return false;
        if ((size_t)n > WORDS_MAX)
                n = WORDS_MAX;
        if (t->n_words + (size_t)n > WORDS_MAX) {
                size_t drop = t->n_words + (size_t)n - WORDS_MAX;

                memmove(t->words, t->words + drop, t->n_words - drop);
                t->n_words -= drop;
        }
        memcpy(t->words + t->n_words, more, (size_t)n);
        t->n_words += (size_t)n;
        return true;
}

/* Its words on one line, without the white space at the ends. */
static const char *last_words(struct tool *t)
{
        char *p = t->words;

        while (t->n_words > 0 && strchr(" \r\n\t", t->words[t->n_words - 1]))
                t->n_words--;
        t->words[t->n_words] = '\0';
        p += strspn(p, " \r\n\t");
        for (char *q = p; *q; q++)
                if (*q == '\n' || *q == '\r')
                        *q = ' ';
        return *p ? p : "it gave no reason";
}

int tool_finish(struct tool *t, tool_tick_fn tick, void *ctx, struct fail *f)
{
        bool open = true;
        int status = 0;

        while (open) {
                struct pollfd p = { t->err, POLLIN, 0 };
                int r = poll(&p, 1, TICK_MS);

                if (interrupted)
                        (void)kill(t->pid, SIGTERM);
                if (r > 0)
                        open = listen_to(t);
                if (tick)
                        tick(ctx);
        }
        while (waitpid(t->pid, &status, 0) < 0)
                if (errno != EINTR)
                        return fail_set(f, MUSTER_IO, "", "", "wait for %s: %s", t->name, strerror(errno));
        t->pid = 0;
        if (interrupted)
                return fail_set(f, MUSTER_IO, "", "", "run %s: interrupted", t->name);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (WIFSIGNALED(status))
                return fail_set(f, MUSTER_IO, "", "", "run %s: ended by signal %d", t->name, WTERMSIG(status));
        return fail_set(f, MUSTER_IO, "", "", "run %s: exit code %d: %s", t->name, WEXITSTATUS(status), last_words(t));
}

const char *tool_words(struct tool *t)
{
        return t->n_words ? last_words(t) : "";
}

void tool_free(struct tool *t)
{
        if (!t)
                return;
        if (t->pid > 0) {
                (void)kill(t->pid, SIGTERM);
                while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        closep(&t->err);
        free(t);
}

int tool_run(const char *const *argv, int input, tool_tick_fn tick, void *ctx, struct fail *f)
{
        _cleanup_(tool_freep) struct tool *t = NULL;
        int rc = tool_start(argv, input, NULL, &t, f);

        if (rc || !t)
                return rc ? rc : MUSTER_IO;
        return tool_finish(t, tick, ctx, f);
}
