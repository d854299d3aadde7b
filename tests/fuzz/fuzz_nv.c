/* SPDX-License-Identifier: Apache-2.0 */
/* What was read from NV, and what came out of a bundle. */
#include "fuzz.h"

#include "bundle.h"
#include "nvdata.h"
#include "sshcert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        static const uint8_t k[BUNDLE_K_LEN] = { 3 };
        static const uint8_t node[DIGEST_LEN] = { 4 };
        struct bundle_keys keys = { 0 };
        struct sshcert cert;

        for (int purpose = NV_SSH; purpose <= NV_TLS; purpose++) {
                struct nvdata d = { 0 };
                uint8_t content[NV_SIZE_MAX];

                if (nvdata_parse((enum nv_purpose)purpose, p, n, &d) < 0)
                        continue;
                HOLDS(d.key >= p && d.key + NV_KEY_LEN <= p + n);
                HOLDS(d.certificate >= p && d.certificate + d.certificate_len <= p + n);
                (void)nvdata_key_matches((enum nv_purpose)purpose, d.key, d.certificate, d.certificate_len);
                HOLDS(nvdata_make((enum nv_purpose)purpose, d.key, d.certificate, d.certificate_len, content,
                                  nvdata_size((enum nv_purpose)purpose)) == 0);
        }
        HOLDS(bundle_open(k, node, p, n, &keys) < 0);
        if (sshcert_parse(p, n, &cert) == 0)
                HOLDS(cert.n_principals <= SSHCERT_PRINCIPALS_MAX && cert.key_id_len <= n);
        return 0;
}
