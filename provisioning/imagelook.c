/* SPDX-License-Identifier: Apache-2.0 */
#include "imagelook.h"

#include "cli.h"
#include "files.h"
#include "tool.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define DEPTH_MAX 500
#define LINE_BYTES (2 * PATH_MAX + 256)

static int too_large(const char *what, struct fail *f, int r)
{
        return fail_set(f, MUSTER_IO, "", r == -E2BIG ? "give the system alone, or --unchecked" : "", "look into the image %s: %s",
                        what, r == -E2BIG ? "it has more files than are looked through" : strerror(-r));
}

static void note_acl(struct imagelist *l, int dir, const char *name, const char *path)
{
        char at[PATH_MAX + 64];

        (void)snprintf(at, sizeof(at), "/proc/self/fd/%d/%s", dir, name);
        if (lgetxattr(at, "system.posix_acl_access", NULL, 0) <= 0 && lgetxattr(at, "system.posix_acl_default", NULL, 0) <= 0)
                return;
        if (l->acls++ == 0)
                (void)snprintf(l->first_acl, sizeof(l->first_acl), "%s", path);
}

struct walk {
        struct imagelist *list;
        char path[PATH_MAX]; /* of what is looked at; where an error was */
};

static int walk_dir(struct walk *w, int dir, size_t len, unsigned depth);

static int walk_one(struct walk *w, int dir, const char *name, size_t len, unsigned depth)
{
        _cleanup_(closep) int sub = -1;
        char link[PATH_MAX];
        struct stat st;
        ssize_t n = 0;
        int r;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode)) {
                n = readlinkat(dir, name, link, sizeof(link));
                if (n < 0)
                        return -errno;
        } else {
                note_acl(w->list, dir, name, w->path);
        }
        r = imagelist_add(w->list, w->path, len, st.st_mode, S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0),
                          S_ISLNK(st.st_mode) ? link : NULL, (size_t)n);
        if (r < 0 || !S_ISDIR(st.st_mode))
                return r;
        if (depth == 0)
                return -E2BIG;
        sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return sub < 0 ? -errno : walk_dir(w, sub, len, depth - 1);
}

/* w->path begins with the len bytes that are this directory's. */
static int walk_dir(struct walk *w, int dir, size_t len, unsigned depth)
{
        int own = fcntl(dir, F_DUPFD_CLOEXEC, 0);
        DIR *d = own < 0 ? NULL : fdopendir(own);
        struct dirent *e;
        int r = d ? 0 : -errno;

        if (!d)
                closep(&own);
        while (r == 0 && (e = readdir(d))) {
                size_t n = strlen(e->d_name);

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                if (len + n + 2 > sizeof(w->path))
                        r = -ENAMETOOLONG;
                else
                        (void)snprintf(w->path + len, sizeof(w->path) - len, "%s%s", len ? "/" : "", e->d_name);
                if (r == 0 && tool_interrupted())
                        r = -EINTR;
                if (r == 0)
                        r = walk_one(w, dir, e->d_name, len + n + (len ? 1 : 0), depth);
                if (r == 0)
                        w->path[len] = '\0';
        }
        if (d)
                (void)closedir(d);
        return r;
}

/* Links of the tree, absolute ones too, do not lead out of it. */
static void read_in_tree(int root, const char *path, struct buf *ret)
{
        struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
        _cleanup_(closep) int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        ret->p = malloc(IMAGELOOK_TEXT_MAX + 1);
        n = ret->p ? read(fd, ret->p, IMAGELOOK_TEXT_MAX) : -1;
        ret->len = n > 0 ? (size_t)n : 0;
        if (ret->p)
                ret->p[ret->len] = '\0';
}

int image_look_tree(const char *dir, struct imagelook *ret, struct fail *f)
{
        _cleanup_(closep) int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct walk w = { .list = &ret->list };
        int r = root < 0 ? -errno : walk_dir(&w, root, 0, DEPTH_MAX);

        if (r == -E2BIG || r == -ENOMEM)
                return too_large(dir, f, r);
        if (r < 0)
                return fail_set(f, MUSTER_IO, "", r == -EACCES ? "use sudo" : "", "read the image source %s/%.200s: %s", dir, w.path,
                                r == -EINTR ? "interrupted" : strerror(-r));
        for (size_t i = 0; i < IMAGELOOK_FILES; i++)
                read_in_tree(root, imagelook_files[i], &ret->files[i]);
        return 0;
}

static mode_t mode_of(const char *s)
{
        static const struct {
                char c;
                mode_t type;
        } types[] = { { 'd', S_IFDIR }, { '-', S_IFREG }, { 'l', S_IFLNK }, { 'c', S_IFCHR }, { 'b', S_IFBLK }, { 'p', S_IFIFO },
                      { 's', S_IFSOCK } };
        mode_t mode = 0;

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (types[i].c == s[0])
                        mode = types[i].type;
        for (unsigned i = 0; i < 9; i++)
                if (s[1 + i] != '-' && s[1 + i] != 'S' && s[1 + i] != 'T')
                        mode |= (mode_t)0400 >> i;
        return mode;
}

/* A line of `unsquashfs -lln`: "-rwxr-xr-x 0/0 10 2026-12-01 01:52 squashfs-root/sbin/init", " -> TARGET" behind a link.
 * A line that is none of these is the rest of a name with a line break in it, and passed over. */
static int add_line(struct imagelist *l, const char *line, size_t len)
{
        static const char top[] = "squashfs-root";
        const char *end = line + len;
        const char *path = strstr(line, top);
        const char *arrow = NULL;
        bool device;

        if (len < 11 || !strchr("d-lcbps", line[0]) || line[10] != ' ' || !path)
                return 0;
        path += strlen(top);
        device = line[0] == 'c' && strstr(line, " 0,  0 ") && strstr(line, " 0,  0 ") < path;
        if (path == end)
                return 0; /* the root itself */
        path++;
        if (line[0] == 'l')
                arrow = strstr(path, " -> ");
        return imagelist_add(l, path, (size_t)((arrow ? arrow : end) - path), mode_of(line), device, arrow ? arrow + 4 : NULL,
                             arrow ? (size_t)(end - arrow - 4) : 0);
}

static int read_listing(struct imagelist *l, int fd)
{
        static char line[LINE_BYTES];
        size_t n = 0;
        int r = 0;

        while (r == 0) {
                ssize_t k = read(fd, line + n, sizeof(line) - 1 - n);
                char *from = line;
                char *end;

                if (k < 0 && errno == EINTR && !tool_interrupted())
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : 0;
                n += (size_t)k;
                line[n] = '\0';
                while (r == 0 && (end = memchr(from, '\n', n - (size_t)(from - line)))) {
                        *end = '\0';
                        r = add_line(l, from, (size_t)(end - from));
                        from = end + 1;
                }
                n -= (size_t)(from - line);
                memmove(line, from, n);
                if (n == sizeof(line) - 1)
                        r = -ENAMETOOLONG;
        }
        return r;
}

static int list_squashfs(const char *file, struct imagelist *l, struct fail *f)
{
        const char *const argv[] = { "unsquashfs", "-lln", file, NULL };
        _cleanup_(tool_freep) struct tool *t = NULL;
        _cleanup_(closep) int out = -1;
        struct fail inner = { 0 };
        int rc = tool_start(argv, -1, &out, &t, f);
        int r;

        if (rc)
                return rc;
        r = read_listing(l, out);
        if (r < 0)
                return too_large(file, f, r);
        rc = tool_finish(t, NULL, NULL, &inner);
        if (rc && tool_interrupted())
                *f = inner;
        else if (rc)
                rc = fail_set(f, MUSTER_USAGE, "", "make or copy it again", "look into the squashfs %s: it cannot be read: %s", file,
                              inner.what);
        return rc;
}

/* `unsquashfs -cat` of a regular file that the list has. */
static void read_in_squashfs(const char *file, const struct imagelist *l, const char *path, struct buf *ret)
{
        _cleanup_(tool_freep) struct tool *t = NULL;
        _cleanup_(closep) int out = -1;
        struct fail f = { 0 };
        char led[PATH_MAX];
        const struct imagelist_entry *e = imagelist_find(l, path, led);
        ssize_t n;

        if (!e || !S_ISREG(e->mode) || tool_start((const char *const[]){ "unsquashfs", "-no-wildcards", "-cat", file, led, NULL }, -1, &out, &t, &f))
                return;
        ret->p = malloc(IMAGELOOK_TEXT_MAX + 1);
        while (ret->p && ret->len < IMAGELOOK_TEXT_MAX &&
               (n = read(out, ret->p + ret->len, IMAGELOOK_TEXT_MAX - ret->len)) > 0)
                ret->len += (size_t)n;
        if (ret->p)
                ret->p[ret->len] = '\0';
}

int image_look_squashfs(const char *file, struct imagelook *ret, struct fail *f)
{
        int rc = list_squashfs(file, &ret->list, f);

        for (size_t i = 0; rc == 0 && i < IMAGELOOK_FILES; i++)
                read_in_squashfs(file, &ret->list, imagelook_files[i], &ret->files[i]);
        return rc;
}

void imagelook_wipe(struct imagelook *l)
{
        imagelist_free(&l->list);
        for (size_t i = 0; i < IMAGELOOK_FILES; i++)
                buf_wipe(&l->files[i]);
}
