/* SPDX-License-Identifier: Apache-2.0 */
/* quote_parse() and quote_sig_parse() over any bytes, up to 64 KiB: views
 * lie inside the input. QUOTE_C is common/quote.c beside a quote.h with room
 * for four banks instead of sixteen, which the solver could not finish. */
#include "proof.h"

#include "cursor_contract.h"

#include QUOTE_C

static bool view_in(const uint8_t *v, size_t n, const uint8_t *p, size_t len)
{
        return n == 0 || inside(v, n, p, len);
}

int main(void)
{
        size_t len = nondet_size();
        struct quote q;
        struct quote_sig s;
        uint8_t *p;

        ASSUME(len > 0 && len <= 65536);
        p = any_bytes(len);
        if (PART == 1) {
                if (quote_parse(p, len, &q) != QUOTE_OK)
                        return 0;
                CLAIM(len <= QUOTE_MAX_ATTEST && q.raw == p && q.raw_len == len);
                CLAIM(view_in(q.signer, q.signer_len, p, len) && view_in(q.extra, q.extra_len, p, len));
                CLAIM(view_in(q.pcr_digest, q.pcr_digest_len, p, len) && q.pcr_digest_len <= 64);
                CLAIM(q.n_banks <= QUOTE_MAX_BANKS);
                CLAIM(quote_selects(&q, 0x000b, 0xfbff) != QUOTE_OK || (q.n_banks == 1 && q.banks[0].mask == 0xfbff));
        } else if (quote_sig_parse(p, len, &s) == QUOTE_OK) {
                CLAIM(view_in(s.r, s.r_len, p, len) && view_in(s.s, s.s_len, p, len) && view_in(s.rsa, s.rsa_len, p, len));
                CLAIM(s.r_len <= 66 && s.s_len <= 66 && s.rsa_len <= 1024 && s.der_len == 0);
                CLAIM((s.rsa_len > 0) != (s.r_len > 0 && s.s_len > 0));
        }
        return 0;
}
