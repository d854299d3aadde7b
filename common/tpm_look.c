/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_ctx.h"

#include <tss2/tss2_mu.h>

static const char next_bus[] = "see whether something sits between the machine and its TPM; switch the machine off and on";

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

/* A TPM gives as many at once as it likes. */
int tpm_handles(struct tpm *t, TPM2_HANDLE first, TPM2_HANDLE last, TPM2_HANDLE *ret, size_t max, size_t *ret_n,
                struct fail *f)
{
        TPMI_YES_NO more = 1;
        size_t n = 0;

        while (more && first <= last) {
                _cleanup_(esys_freep) TPMS_CAPABILITY_DATA *cap = NULL;
                TSS2_RC rc = Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                                                first, TPM2_MAX_CAP_HANDLES, &more, &cap);

                if (rc != TSS2_RC_SUCCESS)
                        return tpm_fail(f, t, NULL, rc, "list the TPM's handles");
                if (cap->data.handles.count == 0)
                        break;
                for (uint32_t i = 0; i < cap->data.handles.count; i++) {
                        TPM2_HANDLE h = cap->data.handles.handle[i];

                        if (h < first)
                                return fail_set(f, -EBADMSG, "E-TPM", next_bus,
                                                "list the handles of %s: they are not in order", t->name);
                        first = h + 1;
                        if (h <= last && n < max)
                                ret[n++] = h;
                }
        }
        *ret_n = n;
        return 0;
}

int tpm_nv_list(struct tpm *t, TPM2_HANDLE first, TPM2_HANDLE last, TPM2_HANDLE *ret, size_t max, size_t *ret_n,
                struct fail *f)
{
        size_t n = 0;
        int r = t->nv_listed ? 0
                             : tpm_handles(t, TPM_NV_FIRST, TPM_NV_LAST, t->nv_at, ELEMENTSOF(t->nv_at), &t->n_nv_at, f);

        if (r < 0)
                return r;
        t->nv_listed = true;
        for (size_t i = 0; i < t->n_nv_at && n < max; i++)
                if (t->nv_at[i] >= first && t->nv_at[i] <= last)
                        ret[n++] = t->nv_at[i];
        *ret_n = n;
        return 0;
}
