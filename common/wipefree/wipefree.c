/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * Secrets pass through many hands: json-c strings, TLS records, stdio and
 * SQLite's buffers, the ESAPI context. All of them end in free(), so this
 * process's free() overwrites what it is given. Linked into the programs,
 * never into libraries or under a sanitizer.
 *
 * A static program is linked with --wrap=free,--wrap=realloc, which reaches
 * every archive, libc's included. A dynamic one defines the two names itself
 * (WIPEFREE_INTERPOSE), and the dynamic linker gives them to all libraries;
 * glibc's own stand behind as __libc_free and __libc_realloc. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#ifdef WIPEFREE_INTERPOSE
extern void __libc_free(void *p);
#define wiping_free free
#define wiping_realloc realloc
#define libc_free __libc_free
#else
extern void __real_free(void *p);
void __wrap_free(void *p);
void *__wrap_realloc(void *p, size_t n);
#define wiping_free __wrap_free
#define wiping_realloc __wrap_realloc
#define libc_free __real_free
#endif

#define SLACK 4096 /* a block may stay this much larger than it was asked to be */

void wiping_free(void *p)
{
        int saved = errno;

        if (!p)
                return;
        explicit_bzero(p, malloc_usable_size(p));
        libc_free(p);
        errno = saved;
}

/* Moves by hand: glibc's would free the old block, or its tail, as it is. */
void *wiping_realloc(void *p, size_t n)
{
        size_t have = p ? malloc_usable_size(p) : 0;
        void *to;

        if (!p)
                return malloc(n);
        if (n == 0) {
                wiping_free(p);
                return NULL;
        }
        if (n <= have && have - n <= SLACK) {
                explicit_bzero((char *)p + n, have - n);
                return p;
        }
        to = malloc(n);
        if (!to)
                return NULL;
        memcpy(to, p, n < have ? n : have);
        wiping_free(p);
        return to;
}
