/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's answer, as the client reads it. */
#include "fuzz.h"

#include "wire_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        _cleanup_(verdict_wipe) struct verdict v = { 0 };
        struct buf again = { 0 };
        struct manifest m;
        char err[JTAB_ERR] = "";
        int r = wire_verdict_parse(p, n, &v, err);

        HOLDS(fuzz_printable(err));
        if (r < 0) {
                HOLDS(err[0] || r == -ENOMEM);
                HOLDS(v.kind == VERDICT_NONE && !v.manifest && !v.ca);
                return 0;
        }
        HOLDS(v.retry_after >= 0 && v.retry_after <= 3600);
        HOLDS(v.kind != VERDICT_OK || (v.manifest && v.ca && wire_name_ok(v.name) && v.image_urls.n > 0));
        HOLDS(!v.has_bundle || v.approval_bundle.len > 0);
        if (v.manifest && wire_manifest_parse(v.manifest, &m, err) == 0)
                HOLDS(m.size > 0 && m.plain_size > 0);
        /* what was accepted can be said again, and means the same */
        if (wire_verdict_build(&v, &again) == 0) {
                _cleanup_(verdict_wipe) struct verdict w = { 0 };

                HOLDS(wire_verdict_parse(again.p, again.len, &w, err) == 0 && w.kind == v.kind);
        }
        buf_wipe(&again);
        return 0;
}
