/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "policy.h"
#include "tpmcrypt.h"
#include "tpmpub.h"

static void as_ek(const struct tpmpub *pub)
{
        static const uint8_t secret[32] = { 1 };
        static const uint8_t name[POLICY_NAME_LEN] = { 0, 11 };
        struct buf a = { 0 };
        struct buf b = { 0 };
        struct buf c = { 0 };

        if (tpmcrypt_make_credential(pub, name, secret, &a, &b) == 0)
                HOLDS(a.len > 34 && b.len > 2);
        buf_wipe(&a);
        buf_wipe(&b);
        if (tpmcrypt_duplicate(pub, secret, secret, &a, &b, &c) == 0)
                HOLDS(a.len > 2 && b.len > 34 && c.len > 2);
        buf_wipe(&a);
        buf_wipe(&b);
        buf_wipe(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        struct buf spki = { 0 };
        struct tpmpub pub = { 0 };
        uint8_t name[TPMPUB_NAME_MAX];
        uint8_t id[DIGEST_LEN];
        const char *why = NULL;
        char kind[16];
        size_t len = 0;

        if (tpmpub_parse_any(p, n, &pub) < 0)
                return 0;
        HOLDS(pub.raw >= p && pub.raw + pub.raw_len == p + n);
        HOLDS(pub.x_len <= n && pub.y_len <= n && pub.n_len <= n && pub.policy_len <= n);
        if (tpmpub_name(&pub, name, &len) == 0)
                HOLDS(len > 2 && len <= TPMPUB_NAME_MAX);
        if (tpmpub_is_ak(&pub, &why) < 0)
                HOLDS(why && fuzz_printable(why));
        if (tpmpub_is_ek(&pub, &why) < 0)
                HOLDS(why && fuzz_printable(why));
        if (tpmpub_pkey(&pub, &key) < 0)
                return 0;
        HOLDS(fuzz_printable(pkey_kind(key, kind)));
        HOLDS(tpmpub_id(&pub, id) == 0 && tpmpub_spki(&pub, &spki) == 0 && spki.len > 0);
        buf_wipe(&spki);
        as_ek(&pub);
        return 0;
}
