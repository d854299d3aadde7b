/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "backoff.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

static bool use_device;

void console_use_device(void)
{
        use_device = true;
}

/* A console's own descriptor each time: it may come and go. */
static void to_device(const char *line)
{
        _cleanup_(closep) int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        struct stat a;
        struct stat b;

        if (fd < 0 || (fstat(fd, &a) == 0 && fstat(STDERR_FILENO, &b) == 0 && S_ISCHR(b.st_mode) &&
                       a.st_rdev == b.st_rdev))
                return;
        (void)dprintf(fd, "\r\nmuster-node: %s\r\n", line);
}

void console_line(const char *fmt, ...)
{
        char raw[1200];
        char line[1400];
        va_list ap;
        int k;

        va_start(ap, fmt);
        k = vsnprintf(raw, sizeof(raw), fmt, ap);
        va_end(ap);
        if (k < 0)
                return;
        log_escape(raw, strlen(raw), line, sizeof(line));
        log_msg(LOG_LVL_INFO, "%s", line);
        if (use_device)
                to_device(line);
}

uint32_t random_bits(void)
{
        uint32_t random = 0;

        if (RAND_bytes((unsigned char *)&random, sizeof(random)) != 1)
                random = (uint32_t)stream_now_ms() * 2654435761u;
        return random;
}

void sleep_ms(int64_t ms)
{
        struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
}

void sleep_jittered(int64_t ms)
{
        sleep_ms(backoff_jitter(ms, random_bits()));
}
