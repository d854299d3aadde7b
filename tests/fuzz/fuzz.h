/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h - what every fuzz target is made of.
 *
 * A target is one fuzz_NAME.c with LLVMFuzzerTestOneInput(): libFuzzer runs
 * it (`make fuzz`), and replay.c runs it over tests/fuzz/corpus/NAME in
 * `make check`. It takes any bytes, keeps no state between inputs that
 * changes results, and aborts through HOLDS() when a property of the parser
 * is broken; the sanitizers see the rest. */
#ifndef MUSTER_FUZZ_H
#define MUSTER_FUZZ_H

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define HOLDS(property) \
        do { \
                if (!(property)) { \
                        (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property); \
                        abort(); \
                } \
        } while (0)

/* The input as a text that ends in a NUL; the caller frees it. */
static inline char *fuzz_text(const uint8_t *p, size_t n)
{
        char *s = malloc(n + 1);

        HOLDS(s);
        if (n > 0)
                memcpy(s, p, n);
        s[n] = '\0';
        return s;
}

static inline bool fuzz_printable(const char *s)
{
        for (; *s; s++)
                if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
                        return false;
        return true;
}

#endif
