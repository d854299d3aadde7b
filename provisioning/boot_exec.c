/* SPDX-License-Identifier: Apache-2.0 */
#include "boot_make.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void child(char *const argv[], char *const envp[], const char *dir, const char *log)
{
        int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int out = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : STDERR_FILENO;

        (void)umask(022);
        if (chdir(dir) == 0 && in >= 0 && out >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
            dup2(out, STDERR_FILENO) >= 0)
                execve(argv[0], argv, envp);
        _exit(127);
}

int boot_run(char *const argv[], char *const envp[], const char *dir, const char *log, struct fail *f)
{
        int status;
        pid_t pid;

        if (access(argv[0], X_OK) < 0) {
                int r = -errno;

                return fail_set(f, r, "", "install it, or give another path", "run %s: %s", argv[0], strerror(-r));
        }
        pid = fork();
        if (pid == 0)
                child(argv, envp, dir, log);
        if (pid < 0)
                return fail_set(f, -errno, "", "free some memory or processes", "start %s: %s", argv[0], strerror(errno));
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return fail_set(f, -errno, "", "", "wait for %s: %s", argv[0], strerror(errno));
        if (WIFSIGNALED(status))
                return fail_set(f, -ECHILD, "", "try again; if it stays, run it by hand", "run %s: killed by signal %d",
                                argv[0], WTERMSIG(status));
        if (WEXITSTATUS(status) != 0)
                return fail_set(f, -ECHILD, "", "read its messages above", "run %s: exit code %d", argv[0],
                                WEXITSTATUS(status));
        return 0;
}

int boot_find(const char *name, char ret[PATH_MAX])
{
        const char *dir = BOOT_PATH;

        while (*dir) {
                size_t n = strcspn(dir, ":");

                if (snprintf(ret, PATH_MAX, "%.*s/%s", (int)n, dir, name) < PATH_MAX && access(ret, X_OK) == 0)
                        return 0;
                dir += n + (dir[n] == ':');
        }
        return -ENOENT;
}

static int copy_bytes(int in, int out)
{
        static char block[1 << 16];

        for (;;) {
                ssize_t n = read(in, block, sizeof(block));

                if (n == 0)
                        return fsync(out) < 0 ? -errno : 0;
                for (ssize_t done = 0, w; done < n; done += w)
                        if ((w = write(out, block + done, (size_t)(n - done))) < 0)
                                return -errno;
                if (n < 0)
                        return -errno;
        }
}

int boot_copy(const char *from, const char *to, struct fail *f)
{
        _cleanup_(closep) int in = open(from, O_RDONLY | O_CLOEXEC);
        _cleanup_(closep) int out = -1;
        char next[PATH_MAX];
        int r;

        if (in < 0)
                return fail_set(f, -errno, "", "", "read %s: %s", from, strerror(errno));
        if (snprintf(next, sizeof(next), "%s.new", to) >= (int)sizeof(next))
                return fail_set(f, -ENAMETOOLONG, "", "give a shorter path", "write %s: the path is too long", to);
        out = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        r = out < 0 ? -errno : copy_bytes(in, out);
        if (r == 0 && rename(next, to) < 0)
                r = -errno;
        if (r == 0)
                return 0;
        if (out >= 0)
                (void)unlink(next);
        return fail_set(f, r, "", "check the directory, its permissions and its free space", "write %s: %s", to,
                        strerror(-r));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
        (void)st;
        (void)type;
        (void)w;
        (void)remove(path);
        return 0;
}

void boot_remove_tree(const char *dir)
{
        (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
