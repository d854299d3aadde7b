/* SPDX-License-Identifier: Apache-2.0 */
#include "testing.h"

#ifdef MUSTER_TEST_TCTI

#include "eventlog.h"
#include "facts.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

static bool asked_for(const char *word)
{
        _cleanup_(buf_wipe) struct buf line = { 0 };

        return file_read("/proc/cmdline", 65536, &line) == 0 && strstr((const char *)line.p, word);
}

void testing_forge(struct node *n)
{
        struct evlog log;
        const char *why;
        size_t offset;

        if (!asked_for("muster.test=drop-event"))
                return;
        if (evlog_parse(n->eventlog.p, n->eventlog.len, &log, &why, &offset) < 0)
                return;
        if (log.n_events > 0)
                n->eventlog.len = log.events[log.n_events - 1].offset;
        evlog_free(&log);
}

void testing_save(const struct node *n, const char *name, const struct buf *body)
{
        int dir;

        if (!getenv("MUSTER_TEST_SAVE") && !asked_for("muster.test=save"))
                return;
        (void)mkdir(n->opt->run_dir, 0700);
        dir = open(n->opt->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return;
        (void)file_write_at(dir, name, 0600, body->p, body->len);
        (void)close(dir);
}

void testing_secret(const char *name, const void *p, size_t len)
{
        const char *path = getenv("MUSTER_TEST_SECRETS");
        _cleanup_(fclosep) FILE *file = path ? fopen(path, "ae") : NULL;

        if (!file)
                return;
        (void)fprintf(file, "%s:", name);
        for (size_t i = 0; i < len; i++)
                (void)fprintf(file, "%02x", ((const uint8_t *)p)[i]);
        (void)fputc('\n', file);
}

void testing_stop(const char *place)
{
        const char *wanted = getenv("MUSTER_TEST_STOP");
        size_t n = strlen(place);

        for (const char *p = wanted; p && *p; p += strcspn(p, " "), p += strspn(p, " "))
                if (strcspn(p, " ") == n && memcmp(p, place, n) == 0)
                        (void)raise(SIGSTOP);
}

#endif
