/* SPDX-License-Identifier: Apache-2.0 */
/* shortage.h - makes the nth allocation of an operation fail, for every n
 * until it needs no more: those of Muster's own code (the Makefile links
 * test_shortage* with --wrap) and those of OpenSSL. An operation starts from
 * constants, returns 0 or a negative errno, asserts what it gives with 0, and
 * frees all: memory checkers see the rest. */
#ifndef MUSTER_TEST_SHORTAGE_H
#define MUSTER_TEST_SHORTAGE_H

#include "mem.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs those, stddef.h and stdint.h */
#include <cmocka.h>

static struct {
        unsigned long left; /* allocations until the one that fails; 0: none does */
        bool fired;
        bool ours; /* it was Muster's */
} shortage;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
int __wrap_asprintf(char **p, const char *fmt, ...) _printf_(2, 3);

static bool short_of(bool ours)
{
        if (shortage.left == 0 || --shortage.left > 0)
                return false;
        shortage.fired = true;
        shortage.ours = ours;
        errno = ENOMEM;
        return true;
}

void *__wrap_malloc(size_t n)
{
        return short_of(true) ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t m)
{
        return short_of(true) ? NULL : __real_calloc(n, m);
}
void *__wrap_realloc(void *p, size_t n)
{
        return short_of(true) ? NULL : __real_realloc(p, n);
}
char *__wrap_strdup(const char *s)
{
        return short_of(true) ? NULL : __real_strdup(s);
}
int __wrap_asprintf(char **p, const char *fmt, ...)
{
        va_list ap;
        int r = -1;

        va_start(ap, fmt);
        if (!short_of(true))
                r = vasprintf(p, fmt, ap);
        va_end(ap);
        return r;
}

static void *ssl_malloc(size_t n, const char *file, int line)
{
        (void)file;
        (void)line;
        return n == 0 || short_of(false) ? NULL : __real_malloc(n);
}
static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
        (void)file;
        (void)line;
        if (n == 0) {
                free(p);
                return NULL;
        }
        return short_of(false) ? NULL : __real_realloc(p, n);
}
static void ssl_free(void *p, const char *file, int line)
{
        (void)file;
        (void)line;
        free(p);
}

/* Before any other use of OpenSSL. */
static inline void shortage_init(void)
{
        assert_int_equal(CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free), 1);
}

/* valgrind takes fifty times as long: there a few dozen places of each operation do; ASan sees all. */
static inline unsigned long shortage_step(unsigned long n)
{
        const char *preload = getenv("LD_PRELOAD");

        if (preload && strstr(preload, "vgpreload"))
                return 31 + n / 8;
        return n < 400 ? 1 : n / 40;
}

/* A shortage of Muster's own is never taken for a fault of what was read. */
static inline void every_shortage(const char *name, int (*op)(void), bool exact)
{
        unsigned long n = 0;

        shortage.left = 0;
        if (op() != 0)
                fail_msg("%s fails with all memory it wants", name);
        do {
                int r;

                n += shortage_step(n);
                shortage.fired = shortage.ours = false;
                shortage.left = n;
                r = op();
                shortage.left = 0;
                ERR_clear_error();
                if (r > 0 || (!shortage.fired && r != 0))
                        fail_msg("%s: allocation %lu: returns %d", name, n, r);
                if (exact && shortage.ours && r != 0 && r != -ENOMEM && r != -EIO)
                        fail_msg("%s: allocation %lu: returns %s for want of memory", name, n, strerror(-r));
        } while (shortage.fired && n < 20000);
        assert_false(shortage.fired);
}

#endif
