/* SPDX-License-Identifier: Apache-2.0 */
/* The first two bytes say how long the TPMS_ATTEST is; the rest is the
 * signature. Verified under a fixed P-256 and a fixed RSA key. */
#include "fuzz.h"

#include "eventlog.h"
#include "pki.h"
#include "quote.h"

#include <openssl/rsa.h>

static EVP_PKEY *ec, *rsa;

static void checks(const struct quote *q, const struct quote_sig *sig)
{
        static const struct quote_scheme schemes[] = {
                { TPM_ALG_ECDSA, TPM_SHA256 }, { TPM_ALG_RSASSA, TPM_SHA256 }, { TPM_ALG_RSAPSS, TPM_SHA256 },
                { TPM_ALG_ECDSA, TPM_SHA1 },
        };

        for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
                HOLDS(quote_verify(q, sig, schemes[i].alg == TPM_ALG_ECDSA ? ec : rsa, schemes[i]) != QUOTE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        struct quote q = { 0 };
        struct quote_sig sig = { 0 };
        uint8_t values[64] = { 0 };
        enum quote_err e;
        size_t cut;

        if (!ec) {
                ec = EVP_EC_gen("P-256");
                rsa = EVP_RSA_gen(2048);
                HOLDS(ec && rsa);
        }
        cut = n >= 2 ? (size_t)p[0] << 8 | p[1] : 0;
        if (n < 2 || cut > n - 2)
                return 0;
        e = quote_parse(p + 2, cut, &q);
        HOLDS(fuzz_printable(quote_strerror(e)));
        if (quote_sig_parse(p + 2 + cut, n - 2 - cut, &sig) == QUOTE_OK && e == QUOTE_OK)
                checks(&q, &sig);
        if (quote_sig_plain(p + 2 + cut, n - 2 - cut, (struct quote_scheme){ TPM_ALG_ECDSA, TPM_SHA256 }, &sig) == QUOTE_OK &&
            e == QUOTE_OK)
                checks(&q, &sig);
        if (e != QUOTE_OK)
                return 0;
        HOLDS(q.n_banks <= QUOTE_MAX_BANKS && q.extra_len <= cut && q.pcr_digest_len <= cut && q.signer_len <= cut);
        HOLDS(quote_extra_is(&q, q.extra, q.extra_len) == QUOTE_OK);
        if (q.n_banks == 1)
                HOLDS(quote_selects(&q, q.banks[0].alg, q.banks[0].mask) == QUOTE_OK);
        else
                HOLDS(quote_selects(&q, TPM_SHA256, 0xfbff) != QUOTE_OK);
        (void)quote_pcrs_are(&q, TPM_SHA256, values, sizeof(values));
        return 0;
}
