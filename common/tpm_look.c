/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_ctx.h"

#include <tss2/tss2_mu.h>

/* A record is: handle, Name, type, then the public area to the end. */
static int public_of_record(const uint8_t *p, size_t len, TPM2_HANDLE handle, size_t *ret_at)
{
        TPM2B_NAME name = { 0 };
        TPM2_HANDLE h = 0;
        uint32_t type = 0;
        size_t at = 0;

        if (Tss2_MU_TPM2_HANDLE_Unmarshal(p, len, &at, &h) != TSS2_RC_SUCCESS || h != handle ||
            Tss2_MU_TPM2B_NAME_Unmarshal(p, len, &at, &name) != TSS2_RC_SUCCESS ||
            Tss2_MU_UINT32_Unmarshal(p, len, &at, &type) != TSS2_RC_SUCCESS || at > len)
                return -EBADMSG;
        *ret_at = at;
        return 0;
}

/* An unknown kind of thing is not one of ours. */
static bool nothing_there(TSS2_RC rc)
{
        return tpm_rc_base(rc) == TPM2_RC_HANDLE || (rc & TSS2_RC_LAYER_MASK) == TSS2_MU_RC_LAYER;
}

int tpm_look(struct tpm *t, TPM2_HANDLE handle, ESYS_TR *ret, struct buf *ret_public, struct fail *f)
{
        _cleanup_(esys_freep) uint8_t *record = NULL;
        ESYS_TR tr = ESYS_TR_NONE;
        char what[48];
        size_t len = 0;
        size_t at = 0;
        TSS2_RC rc;

        rc = Esys_TR_FromTPMPublic(t->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr);
        if (nothing_there(rc))
                return -ENOENT;
        if (rc == TSS2_RC_SUCCESS) {
                rc = Esys_TR_Serialize(t->esys, tr, &record, &len);
                if (rc == TSS2_RC_SUCCESS && public_of_record(record, len, handle, &at) < 0)
                        rc = TSS2_ESYS_RC_MALFORMED_RESPONSE;
                if (rc == TSS2_RC_SUCCESS) {
                        ret_public->p = malloc(len - at + 1);
                        ret_public->len = len - at;
                        if (ret_public->p) {
                                memcpy(ret_public->p, record + at, len - at);
                                *ret = tr;
                                return 0;
                        }
                        rc = TSS2_ESYS_RC_MEMORY;
                }
                (void)Esys_TR_Close(t->esys, &tr);
        }
        (void)snprintf(what, sizeof(what), "look what is at 0x%08X", handle);
        return tpm_fail(f, t, NULL, rc, what);
}
