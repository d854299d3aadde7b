/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_tcti.h"

#include <tss2/tss2_tpm2_types.h>

#define WRAP_MAGIC 0x6d75737465720001ull

struct wrap {
        TSS2_TCTI_CONTEXT_COMMON_V2 v2;
        TSS2_TCTI_CONTEXT *inner;
        struct tpm_counts *counts;
};

static TSS2_TCTI_CONTEXT *inner_of(TSS2_TCTI_CONTEXT *c)
{
        return ((struct wrap *)c)->inner;
}

static void count(struct tpm_counts *c, const uint8_t *cmd, size_t size)
{
        uint32_t code;
        size_t i;

        if (size < 10)
                return;
        code = (uint32_t)cmd[6] << 24 | (uint32_t)cmd[7] << 16 | (uint32_t)cmd[8] << 8 | cmd[9];
        c->total++;
        for (i = 0; i < c->n_by && c->by[i].code != code; i++)
                ;
        if (i == TPM_COUNTS_MAX)
                return;
        if (i == c->n_by)
                c->by[c->n_by++].code = code;
        c->by[i].n++;
}

static TSS2_RC w_transmit(TSS2_TCTI_CONTEXT *c, size_t size, const uint8_t *cmd)
{
        count(((struct wrap *)c)->counts, cmd, size);
        return Tss2_Tcti_Transmit(inner_of(c), size, cmd);
}

static TSS2_RC w_receive(TSS2_TCTI_CONTEXT *c, size_t *size, uint8_t *rsp, int32_t timeout)
{
        return Tss2_Tcti_Receive(inner_of(c), size, rsp, timeout);
}

static void w_finalize(TSS2_TCTI_CONTEXT *c)
{
        ((struct wrap *)c)->inner = NULL;
}

static TSS2_RC w_cancel(TSS2_TCTI_CONTEXT *c)
{
        return Tss2_Tcti_Cancel(inner_of(c));
}

static TSS2_RC w_poll_handles(TSS2_TCTI_CONTEXT *c, TSS2_TCTI_POLL_HANDLE *h, size_t *n)
{
        return Tss2_Tcti_GetPollHandles(inner_of(c), h, n);
}

static TSS2_RC w_locality(TSS2_TCTI_CONTEXT *c, uint8_t locality)
{
        return Tss2_Tcti_SetLocality(inner_of(c), locality);
}

static TSS2_RC w_sticky(TSS2_TCTI_CONTEXT *c, TPM2_HANDLE *h, uint8_t sticky)
{
        return Tss2_Tcti_MakeSticky(inner_of(c), h, sticky);
}

int tpm_tcti_wrap(TSS2_TCTI_CONTEXT *inner, struct tpm_counts *counts, TSS2_TCTI_CONTEXT **ret)
{
        struct wrap *w;

        if (TSS2_TCTI_VERSION(inner) < 2)
                return -EINVAL;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->v2.v1.magic = WRAP_MAGIC;
        w->v2.v1.version = 2;
        w->v2.v1.transmit = w_transmit;
        w->v2.v1.receive = w_receive;
        w->v2.v1.finalize = w_finalize;
        w->v2.v1.cancel = w_cancel;
        w->v2.v1.getPollHandles = w_poll_handles;
        w->v2.v1.setLocality = w_locality;
        w->v2.makeSticky = w_sticky;
        w->inner = inner;
        w->counts = counts;
        *ret = (TSS2_TCTI_CONTEXT *)w;
        return 0;
}

void tpm_tcti_free(TSS2_TCTI_CONTEXT *tcti)
{
        free(tcti);
}

const char *tpm_command_name(uint32_t code)
{
        static const struct {
                uint32_t code;
                const char *name;
        } names[] = {
                { TPM2_CC_ActivateCredential, "TPM2_ActivateCredential" },
                { TPM2_CC_CreatePrimary, "TPM2_CreatePrimary" },
                { TPM2_CC_EvictControl, "TPM2_EvictControl" },
                { TPM2_CC_FlushContext, "TPM2_FlushContext" },
                { TPM2_CC_GetCapability, "TPM2_GetCapability" },
                { TPM2_CC_Import, "TPM2_Import" },
                { TPM2_CC_Load, "TPM2_Load" },
                { TPM2_CC_LoadExternal, "TPM2_LoadExternal" },
                { TPM2_CC_NV_DefineSpace, "TPM2_NV_DefineSpace" },
                { TPM2_CC_NV_Read, "TPM2_NV_Read" },
                { TPM2_CC_NV_ReadLock, "TPM2_NV_ReadLock" },
                { TPM2_CC_NV_ReadPublic, "TPM2_NV_ReadPublic" },
                { TPM2_CC_NV_UndefineSpace, "TPM2_NV_UndefineSpace" },
                { TPM2_CC_NV_Write, "TPM2_NV_Write" },
                { TPM2_CC_NV_WriteLock, "TPM2_NV_WriteLock" },
                { TPM2_CC_PCR_Extend, "TPM2_PCR_Extend" },
                { TPM2_CC_PCR_Read, "TPM2_PCR_Read" },
                { TPM2_CC_PolicyAuthorize, "TPM2_PolicyAuthorize" },
                { TPM2_CC_PolicyCounterTimer, "TPM2_PolicyCounterTimer" },
                { TPM2_CC_PolicyPCR, "TPM2_PolicyPCR" },
                { TPM2_CC_PolicySecret, "TPM2_PolicySecret" },
                { TPM2_CC_Quote, "TPM2_Quote" },
                { TPM2_CC_ReadClock, "TPM2_ReadClock" },
                { TPM2_CC_ReadPublic, "TPM2_ReadPublic" },
                { TPM2_CC_StartAuthSession, "TPM2_StartAuthSession" },
                { TPM2_CC_Unseal, "TPM2_Unseal" },
                { TPM2_CC_VerifySignature, "TPM2_VerifySignature" },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (names[i].code == code)
                        return names[i].name;
        return NULL;
}
