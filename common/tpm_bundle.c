/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_bundle.h"

#include <tss2/tss2_mu.h>

static const char next_bundle[] = "see `muster log --explain` for this node; if its TPM was cleared or changed, remove "
                                  "and approve it again";

struct import {
        TPM2B_PUBLIC public;
        TPM2B_PRIVATE duplicate;
        TPM2B_ENCRYPTED_SECRET seed;
};

static int import_parse(const struct wire_bundle *b, struct import *ret, struct fail *f)
{
        size_t at[3] = { 0 };

        if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(b->public_area.p, b->public_area.len, &at[0], &ret->public) !=
                    TSS2_RC_SUCCESS ||
            Tss2_MU_TPM2B_PRIVATE_Unmarshal(b->duplicate.p, b->duplicate.len, &at[1], &ret->duplicate) !=
                    TSS2_RC_SUCCESS ||
            Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(b->seed.p, b->seed.len, &at[2], &ret->seed) != TSS2_RC_SUCCESS ||
            at[0] != b->public_area.len || at[1] != b->duplicate.len || at[2] != b->seed.len)
                return fail_set(f, -EBADMSG, "E-BUNDLE", next_bundle, "read the bundle: it does not parse");
        return 0;
}

static int import_load(const struct tpm_key *ek, const struct tpm_obj *session, const struct import *i,
                       struct tpm_obj *ret, struct fail *f)
{
        static const TPMT_SYM_DEF_OBJECT no_sym = { .algorithm = TPM2_ALG_NULL };
        _cleanup_(esys_freep) TPM2B_PRIVATE *private = NULL;
        TSS2_RC rc;
        int r;

        r = tpm_session_set_secret(session, TPM_SECRET_NONE, f);
        if (r == 0)
                r = tpm_session_ek_auth(session, f);
        if (r < 0)
                return r;
        rc = Esys_Import(ek->t->esys, ek->tr, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, NULL, &i->public, &i->duplicate,
                         &i->seed, &no_sym, &private);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, ek->t, "E-BUNDLE", rc, "import the bundle's key");
        r = tpm_session_ek_auth(session, f);
        if (r < 0)
                return r;
        rc = Esys_Load(ek->t->esys, ek->tr, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, private, &i->public, &ret->tr);
        if (rc != TSS2_RC_SUCCESS) {
                ret->tr = ESYS_TR_NONE;
                return tpm_fail(f, ek->t, "E-BUNDLE", rc, "load the bundle's key");
        }
        return 0;
}

int tpm_bundle_unseal(const struct tpm_key *ek, const struct tpm_obj *session, const struct wire_bundle *b,
                      const struct tpm_approval *approval, uint8_t ret_k[BUNDLE_K_LEN], struct fail *f)
{
        _cleanup_(freep) struct import *i = calloc(1, sizeof(*i));
        _cleanup_(tpm_obj_flush) struct tpm_obj sealed = TPM_OBJ_NONE(ek->t);
        TPM2B_SENSITIVE_DATA *out = NULL;
        TSS2_RC rc;
        int r;

        if (!i)
                return fail_set(f, -ENOMEM, "E-BUNDLE", "", "open the bundle: out of memory");
        r = import_parse(b, i, f);
        if (r == 0)
                r = import_load(ek, session, i, &sealed, f);
        if (r == 0)
                r = tpm_session_set_secret(session, TPM_SECRET_RESPONSE, f);
        if (r == 0)
                r = tpm_approval_apply(session, approval, f);
        if (r < 0)
                return r;
        rc = Esys_Unseal(ek->t->esys, sealed.tr, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, &out);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, ek->t, "E-BUNDLE", rc, "unseal the bundle's key");
        if (out->size == BUNDLE_K_LEN)
                memcpy(ret_k, out->buffer, BUNDLE_K_LEN);
        else
                r = fail_set(f, -EBADMSG, "E-BUNDLE", next_bundle, "unseal the bundle's key: it is not 32 bytes");
        wipe(out, sizeof(*out));
        Esys_Free(out);
        tpm_tcti_forget(ek->t->tcti);
        return r;
}
