/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_keys.h"

#include <openssl/rand.h>
#include <tss2/tss2_mu.h>

#define AK_ATTRIBUTES \
        (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | \
         TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT)

static void ak_template(TPM2B_PUBLIC *ret)
{
        TPMT_PUBLIC *p = &ret->publicArea;

        memset(ret, 0, sizeof(*ret));
        p->type = TPM2_ALG_ECC;
        p->nameAlg = TPM2_ALG_SHA256;
        p->objectAttributes = AK_ATTRIBUTES;
        p->parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
        p->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
        p->parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
        p->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
        p->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
}

static bool is_ak(const TPM2B_PUBLIC *pub)
{
        const TPMT_PUBLIC *p = &pub->publicArea;

        return p->type == TPM2_ALG_ECC && p->nameAlg == TPM2_ALG_SHA256 && p->objectAttributes == AK_ATTRIBUTES &&
               p->authPolicy.size == 0 && p->parameters.eccDetail.symmetric.algorithm == TPM2_ALG_NULL &&
               p->parameters.eccDetail.scheme.scheme == TPM2_ALG_ECDSA &&
               p->parameters.eccDetail.scheme.details.ecdsa.hashAlg == TPM2_ALG_SHA256 &&
               p->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256;
}

/* 0 and *ret; -ENOENT: nothing there; -ESTALE: something else, still open. */
static int ak_at(struct tpm *t, struct tpm_key *ret, struct fail *f)
{
        TPM2B_PUBLIC pub;
        int r = tpm_key_look(t, TPM_AK_HANDLE, ret, &pub, f);

        if (r < 0)
                return r;
        return is_ak(&pub) && ret->endorsement ? 0 : -ESTALE;
}

static int ak_make(struct tpm *t, struct fail *f)
{
        static const TPM2B_SENSITIVE_CREATE no_auth = { 0 };
        static const TPM2B_DATA no_data = { 0 };
        static const TPML_PCR_SELECTION no_pcrs = { 0 };
        _cleanup_(tpm_obj_flush) struct tpm_obj o = TPM_OBJ_NONE(t);
        ESYS_TR persistent = ESYS_TR_NONE;
        TPM2B_PUBLIC template;
        TPMS_ECC_POINT *u = &template.publicArea.unique.ecc;
        TSS2_RC rc;
        int r = tpm_properties(t, f);

        if (r < 0)
                return r;
        ak_template(&template);
        u->x.size = u->y.size = 32;
        if (RAND_bytes(u->x.buffer, 32) != 1 || RAND_bytes(u->y.buffer, 32) != 1)
                return fail_set(f, -EIO, "E-TPM", "", "make the AK: no random numbers");
        rc = Esys_CreatePrimary(t->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth,
                                &template, &no_data, &no_pcrs, &o.tr, NULL, NULL, NULL, NULL);
        if (rc != TSS2_RC_SUCCESS) {
                o.tr = ESYS_TR_NONE;
                return tpm_fail(f, t, NULL, rc, "make the AK (ECC P-256)");
        }
        rc = Esys_EvictControl(t->esys, ESYS_TR_RH_OWNER, o.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                               TPM_AK_HANDLE, &persistent);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, NULL, rc, "keep the AK at 0x8101C001");
        (void)Esys_TR_Close(t->esys, &persistent);
        return 0;
}

static int ak_make_at(struct tpm *t, struct tpm_key *ret, struct fail *f)
{
        int r = ak_make(t, f);

        if (r < 0)
                return r;
        r = ak_at(t, ret, f);
        if (r == -ENOENT || r == -ESTALE)
                return fail_set(f, -EIO, "E-TPM", "see whether something sits between the machine and its TPM",
                                "make the AK on %s: what the TPM made is not one", t->name);
        return r;
}

int tpm_ak_renew(struct tpm *t, struct tpm_key *ak, struct fail *f)
{
        ESYS_TR gone = ESYS_TR_NONE;
        TSS2_RC rc;
        int r = tpm_properties(t, f);

        if (r < 0)
                return r;
        rc = Esys_EvictControl(t->esys, ESYS_TR_RH_OWNER, ak->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                               TPM_AK_HANDLE, &gone);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, NULL, rc, "remove what is at 0x8101C001 and is not Muster's AK");
        ak->tr = ESYS_TR_NONE; /* gone with the eviction */
        return ak_make_at(t, ak, f);
}

int tpm_ak_open(struct tpm *t, struct tpm_key *ret, struct fail *f)
{
        _cleanup_(tpm_key_close) struct tpm_key k = { .t = NULL, .tr = ESYS_TR_NONE };
        int r = ak_at(t, &k, f);

        if (r == -ESTALE)
                r = tpm_ak_renew(t, &k, f);
        else if (r == -ENOENT)
                r = ak_make_at(t, &k, f);
        if (r < 0)
                return r;
        *ret = k;
        k.t = NULL;
        return 0;
}
