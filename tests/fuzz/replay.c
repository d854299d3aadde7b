/* SPDX-License-Identifier: Apache-2.0 */
/* replay NAME PATH…: one fuzz target over all files named, and all files of
 * the directories named. Prints `ok - …` when it came through; a crash or a
 * broken property ends it otherwise. No file at all is a failure. */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

#define INPUT_MAX ((size_t)4 << 20)

static size_t count;

static void one(const char *path)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "rbe");
        uint8_t *p = malloc(INPUT_MAX);
        size_t n;

        HOLDS(f && p);
        n = fread(p, 1, INPUT_MAX, f);
        (void)fprintf(stderr, "# %s\n", path);
        p = realloc(p, n ? n : 1); /* so that a sanitizer sees the end */
        HOLDS(p);
        (void)LLVMFuzzerTestOneInput(p, n);
        free(p);
        count++;
}

static void walk(const char *path, unsigned depth)
{
        struct stat st;
        struct dirent *e;
        DIR *d;

        HOLDS(stat(path, &st) == 0 && depth < 8);
        if (S_ISREG(st.st_mode)) {
                one(path);
                return;
        }
        d = opendir(path);
        HOLDS(d);
        while ((e = readdir(d))) {
                char sub[4096];

                if (e->d_name[0] == '.')
                        continue;
                (void)snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
                walk(sub, depth + 1);
        }
        (void)closedir(d);
}

int main(int argc, char **argv)
{
        HOLDS(argc >= 3);
        for (int i = 2; i < argc; i++)
                walk(argv[i], 0);
        (void)printf("%s - fuzz target %s comes through %zu inputs\n", count > 0 ? "ok" : "not ok", argv[1], count);
        return count > 0 ? 0 : 1;
}
