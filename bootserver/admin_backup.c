/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the database as of one moment, while musterd goes on. */
#include "admin.h"

#include "journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define COPY_PREFIX ".backup-"

void backup_clean(const char *state_dir)
{
        DIR *d = opendir(state_dir);
        struct dirent *e;

        while (d && (e = readdir(d)))
                if (strncmp(e->d_name, COPY_PREFIX, strlen(COPY_PREFIX)) == 0 && unlinkat(dirfd(d), e->d_name, 0) == 0)
                        log_info("removed %s/%s, left by a backup that was cut short", state_dir, e->d_name);
        if (d)
                (void)closedir(d);
}

enum MHD_Result on_backup(struct call *c)
{
        char random[INCIDENT_LEN + 1];
        char path[CONF_STR + 64];
        struct stat st = { 0 };
        int fd = -1;
        int r = journal_incident(random);

        if (c->srv->conf.database[0])
                return reply_error(c, 409, "back it up with pg_dump, and the configuration and boot files as files; see muster(8)",
                                   "the database is PostgreSQL's");
        if (r == 0) {
                (void)snprintf(path, sizeof(path), "%s/" COPY_PREFIX "%s", c->srv->conf.state_dir, random);
                r = c->srv->store->ops->copy(c->srv->store, path);
        }
        if (r == 0) {
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
                r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
                (void)unlink(path); /* it lives while it is sent */
        }
        if (r < 0) {
                if (fd >= 0)
                        (void)close(fd);
                return reply_failure(c, r, "cannot copy the database");
        }
        log_info("the database is copied for a backup");
        return reply_file(c, fd, 0, (uint64_t)st.st_size, (uint64_t)st.st_size, false);
}
