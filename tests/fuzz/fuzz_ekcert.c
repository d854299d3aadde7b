/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "ekcert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        const char *why = NULL;
        struct ekcert cert = { 0 };
        struct ekca *ca = NULL;
        int r;

        if (n > EKCERT_MAX)
                return 0;
        HOLDS(ekca_new(&ca) == 0);
        r = ekca_add(ca, p, n, true, &why);
        HOLDS(r != -EBADMSG || (why && fuzz_printable(why)));
        r = ekca_add(ca, p, n, false, &why);
        HOLDS(r != -EBADMSG || (why && fuzz_printable(why)));
        r = ekcert_parse(p, n, &cert, &why);
        HOLDS(r != -EBADMSG || (why && fuzz_printable(why)));
        if (r == 0) {
                HOLDS(cert.cert && cert.key);
                HOLDS(!cert.not_ek || fuzz_printable(cert.not_ek));
                HOLDS(ekcert_chain(&cert, NULL, NULL, &why) != EK_CHAIN_OK);
                (void)ekcert_chain(&cert, ca, NULL, &why);
                (void)ekcert_chain(&cert, ca, ca, &why);
                ekcert_free(&cert);
        }
        ekca_free(ca);
        return 0;
}
