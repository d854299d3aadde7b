/* SPDX-License-Identifier: Apache-2.0 */
#include "storm.h"

#include <dirent.h>
#include <sys/resource.h>

#define PROCESSES 16

static int pids[PROCESSES];
static size_t n_pids;
static double before; /* CPU seconds of musterds that ended */
static double last;

/* Of one process: parent, CPU seconds, resident KiB; false: it is gone. */
static bool stat_of(int pid, int *ret_parent, double *ret_cpu, unsigned *ret_rss)
{
        char path[64];
        char text[1024];
        unsigned long user = 0;
        unsigned long system = 0;
        long pages = 0;
        const char *p;
        size_t n;
        FILE *in;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        in = fopen(path, "r");
        if (!in)
                return false;
        n = fread(text, 1, sizeof(text) - 1, in);
        (void)fclose(in);
        text[n] = '\0';
        p = strrchr(text, ')');
        if (!p || sscanf(p + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
                         ret_parent, &user, &system, &pages) != 4)
                return false;
        *ret_cpu = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
        *ret_rss = (unsigned)(pages * (sysconf(_SC_PAGESIZE) / 1024));
        return true;
}

static void find(int pid)
{
        DIR *d = opendir("/proc");
        struct dirent *e;

        pids[0] = pid;
        n_pids = 1;
        while (d && (e = readdir(d)) != NULL && n_pids < PROCESSES) {
                int child = atoi(e->d_name);
                int parent = 0;
                double cpu;
                unsigned rss;

                if (child > 0 && stat_of(child, &parent, &cpu, &rss) && parent == pid)
                        pids[n_pids++] = child;
        }
        if (d)
                (void)closedir(d);
}

static int pid_now(const char *file)
{
        FILE *in = fopen(file, "r");
        int pid = 0;

        if (in) {
                if (fscanf(in, "%d", &pid) != 1)
                        pid = 0;
                (void)fclose(in);
        }
        return pid;
}

bool proc_look(const char *pid_file, double *ret_cpu, unsigned *ret_rss_kib)
{
        int pid = pid_file ? pid_now(pid_file) : 0;
        double cpu = 0;
        unsigned rss = 0;

        *ret_rss_kib = 0;
        if (pid > 0 && (n_pids == 0 || pids[0] != pid)) {
                before += last;
                last = 0;
                find(pid);
        }
        for (size_t i = 0; pid > 0 && i < n_pids; i++) {
                int parent;
                double c;

                if (stat_of(pids[i], &parent, &c, &rss)) {
                        cpu += c;
                        *ret_rss_kib += rss;
                }
        }
        if (cpu > last)
                last = cpu;
        *ret_cpu = before + last;
        return *ret_rss_kib > 0;
}

double proc_own_cpu(void)
{
        struct rusage u;

        (void)getrusage(RUSAGE_SELF, &u);
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}
