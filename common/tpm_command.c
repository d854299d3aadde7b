/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_tcti.h"

#include <tss2/tss2_tpm2_types.h>

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
                { TPM2_CC_PCR_Event, "TPM2_PCR_Event" },
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
