/* SPDX-License-Identifier: Apache-2.0 */
/* corpus.h - reads event logs, quotes and certificates: those that
 * tests/data/made/make made (MADE), and the corpus of real ones at
 * $MUSTER_CORPUS (corpus_top()), which is laid out alike. For tests:
 * everything asserts. */
#ifndef MUSTER_TEST_CORPUS_H
#define MUSTER_TEST_CORPUS_H

#include "mem.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
/* cmocka needs those, stddef.h and stdint.h */
#include <cmocka.h>

#define MADE "tests/data/made"

static inline const char *corpus_top(void)
{
        const char *top = getenv("MUSTER_CORPUS");

        return top ? top : "../shared/data";
}

/* The first line of a test that reads the corpus: without one the test is
 * skipped, except where CI is set. Not for setup functions. */
static inline void corpus_or_skip(void)
{
        if (access(corpus_top(), F_OK) < 0 && !getenv("CI"))
                skip();
}

static inline char *corpus_path(const char *top, const char *dir, const char *name, const char *suffix)
{
        char *p = NULL;

        assert_true(asprintf(&p, "%s/%s/%s%s", top, dir, name, suffix) > 0);
        return p;
}

static inline struct buf corpus_read(const char *path)
{
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        struct buf b = { 0 };

        if (!f)
                fail_msg("open %s: %s (is MUSTER_CORPUS right?)", path, strerror(errno));
        b.p = malloc((4 << 20) + 1);
        assert_non_null(b.p);
        b.len = fread(b.p, 1, 4 << 20, f);
        b.p[b.len] = '\0';
        return b;
}

static inline struct buf corpus_get(const char *top, const char *dir, const char *name, const char *suffix)
{
        char *path = corpus_path(top, dir, name, suffix);
        struct buf b = corpus_read(path);

        free(path);
        return b;
}

static inline struct json_object *corpus_json(const char *top, const char *dir, const char *name)
{
        char *path = corpus_path(top, dir, name, "");
        struct json_object *o = json_object_from_file(path);

        if (!o)
                fail_msg("read %s: %s", path, json_util_get_last_err());
        free(path);
        return o;
}

static inline struct json_object *member(struct json_object *o, const char *key)
{
        struct json_object *v = NULL;

        (void)json_object_object_get_ex(o, key, &v);
        return v;
}

static inline const char *member_text(struct json_object *o, const char *key)
{
        return json_object_get_string(member(o, key));
}

#endif
