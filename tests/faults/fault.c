/* SPDX-License-Identifier: Apache-2.0 */
/* fault.c - what the fault points of musterd-faults do; see bootserver/fault.h.
 *
 * MUSTER_FAULTS names a file of FAULT_FILE bytes, mapped before main(), so
 * that no sandbox comes between. Its first half is orders, a line each, its
 * second half what was passed while `trace` stood among the orders:
 *
 *   order N            first; counts begin anew when N changes
 *   kill NAME N        SIGKILL to itself at the Nth pass, once
 *   error NAME E N     from the Nth pass on the system call fails with errno E
 *   slow NAME MS       each pass waits
 *   hold NAME -        each pass waits until this is no order any more
 *   clock SECONDS      the time of day is off by so much
 *   trace              all passes; or those of one, of which there is room for more:
 *   trace NAME -
 *
 * System calls that can fail are points too: db-write, db-sync. */
#include "fault.h"

#include "mem.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define FAULT_FILE 65536
#define HALF (FAULT_FILE / 2)
#define NAMES_MAX 128

extern const char *__start_muster_faults[];
extern const char *__stop_muster_faults[];

static char *orders; /* NULL: nothing is asked for */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned counted_order;
static unsigned passes[NAMES_MAX];

/* "" where the linker left a gap */
static const char *point(size_t i)
{
        return __start_muster_faults[i] ? __start_muster_faults[i] : "";
}

/* glibc hands a constructor what main() gets. */
static void __attribute__((constructor)) fault_start(int argc, char **argv)
{
        const char *path = getenv("MUSTER_FAULTS");
        int fd;
        void *p;

        if (argc > 1 && strcmp(argv[1], "--list-fault-points") == 0) {
                for (size_t i = 0; &__start_muster_faults[i] < __stop_muster_faults; i++)
                        if (*point(i))
                                (void)puts(point(i));
                exit(0);
        }
        if (!path)
                return;
        fd = open(path, O_RDWR | O_CLOEXEC);
        p = fd < 0 ? MAP_FAILED : mmap(NULL, FAULT_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) {
                perror(path);
                exit(99);
        }
        (void)close(fd);
        orders = p;
}

/* The line that begins with `verb NAME `, or NULL; what follows that. */
static char *order_for(const char *verb, const char *name)
{
        char wanted[96];
        char *at;

        (void)snprintf(wanted, sizeof(wanted), "\n%s %s ", verb, name);
        at = strstr(orders, wanted);
        return at ? at + strlen(wanted) : NULL;
}

/* The how manieth pass of this point since the orders changed. */
static unsigned count(const char *name)
{
        unsigned order = (unsigned)strtoul(orders + strlen("order "), NULL, 10);
        size_t i = 0;

        if (order != counted_order)
                memset(passes, 0, sizeof(passes));
        counted_order = order;
        while (&__start_muster_faults[i] < __stop_muster_faults && strcmp(point(i), name) != 0)
                i++;
        return i < NAMES_MAX ? ++passes[i] : 0;
}

static void trace(const char *name)
{
        char *out = orders + HALF;
        size_t used = strlen(out);

        if (used + strlen(name) + 2 < HALF)
                (void)sprintf(out + used, "%s\n", name);
}

static void die(char *line)
{
        line[-2] = '!'; /* once: its name is another now */
        (void)syscall(SYS_kill, getpid(), SIGKILL);
        _exit(137);
}

/* 0, or the errno that is asked for. */
static int pass(const char *name)
{
        unsigned nth;
        unsigned from = 0;
        unsigned ms = 0;
        char *line;
        int e = 0;

        if (!orders || !orders[0])
                return 0;
        (void)pthread_mutex_lock(&lock);
        nth = count(name);
        if (strstr(orders, "\ntrace\n") || order_for("trace", name))
                trace(name);
        if (order_for("hold", name)) {
                (void)pthread_mutex_unlock(&lock);
                while (order_for("hold", name))
                        (void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
                (void)pthread_mutex_lock(&lock);
                nth = count(name); /* by the new orders */
        }
        line = order_for("kill", name);
        if (line && nth == (unsigned)strtoul(line, NULL, 10))
                die(line);
        line = order_for("error", name);
        if (line && sscanf(line, "%d %u", &e, &from) == 2 && nth < from)
                e = 0;
        line = order_for("slow", name);
        ms = line ? (unsigned)strtoul(line, NULL, 10) : 0;
        (void)pthread_mutex_unlock(&lock);
        if (ms)
                (void)nanosleep(&(struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 }, NULL);
        return e;
}

void fault_hit(const char *name)
{
        (void)pass(name);
}

/* In place of the C library's, for musterd and for the libraries it uses. */
time_t time(time_t *ret)
{
        struct timespec t = { 0 };
        char *line = orders ? strstr(orders, "\nclock ") : NULL;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        if (line)
                t.tv_sec += strtol(line + strlen("\nclock "), NULL, 10);
        if (ret)
                *ret = t.tv_sec;
        return t.tv_sec;
}

static const char *write_point __attribute__((section("muster_faults"), used)) = "db-write";
static const char *sync_point __attribute__((section("muster_faults"), used)) = "db-sync";

static bool fails(const char *name)
{
        int e = pass(name);

        if (e != 0)
                errno = e;
        return e != 0;
}

int fsync(int fd)
{
        return fails(sync_point) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
        return fails(sync_point) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
        return fails(write_point) ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
        return pwrite(fd, p, n, at);
}
