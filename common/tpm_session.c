/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_session.h"

#include <tss2/tss2_mu.h>

const TPML_PCR_SELECTION tpm_quoted_pcrs = {
        .count = 1,
        .pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3, .pcrSelect = { 0xff, 0xfb, 0x00 } } },
};

static int set_attributes(const struct tpm_obj *session, TPMA_SESSION flags, enum tpm_secret secret, struct fail *f)
{
        TSS2_RC rc;

        if (secret == TPM_SECRET_COMMAND)
                flags |= TPMA_SESSION_DECRYPT;
        else if (secret == TPM_SECRET_RESPONSE)
                flags |= TPMA_SESSION_ENCRYPT;
        rc = Esys_TRSess_SetAttributes(session->t->esys, session->tr, flags, 0xff);
        return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(f, session->t, NULL, rc, "prepare an encrypted session");
}

int tpm_session_set_secret(const struct tpm_obj *session, enum tpm_secret secret, struct fail *f)
{
        return set_attributes(session, TPMA_SESSION_CONTINUESESSION, secret, f);
}

int tpm_session_set_last(const struct tpm_obj *session, enum tpm_secret secret, struct fail *f)
{
        return set_attributes(session, 0, secret, f);
}

void tpm_session_ended(struct tpm_obj *session)
{
        TPM2_HANDLE h = 0;

        if (Esys_TR_GetTpmHandle(session->t->esys, session->tr, &h) == TSS2_RC_SUCCESS)
                tpm_tcti_ended(session->t->tcti, h);
        (void)Esys_TR_Close(session->t->esys, &session->tr);
        session->tr = ESYS_TR_NONE;
}

int tpm_session_policy(struct tpm *t, ESYS_TR ek, enum tpm_secret secret, struct tpm_obj *ret, struct fail *f)
{
        static const TPMT_SYM_DEF sym = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };
        _cleanup_(tpm_obj_flush) struct tpm_obj s = TPM_OBJ_NONE(t);
        TSS2_RC rc;
        int r;

        rc = Esys_StartAuthSession(t->esys, ek, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                   TPM2_SE_POLICY, &sym, TPM2_ALG_SHA256, &s.tr);
        if (rc != TSS2_RC_SUCCESS) {
                s.tr = ESYS_TR_NONE;
                return tpm_fail(f, t, NULL, rc, "start a session salted to the EK");
        }
        r = tpm_session_set_secret(&s, secret, f);
        if (r < 0)
                return r;
        *ret = s;
        s.tr = ESYS_TR_NONE;
        return 0;
}

int tpm_session_ek_auth(const struct tpm_obj *session, struct fail *f)
{
        TSS2_RC rc = Esys_PolicySecret(session->t->esys, ESYS_TR_RH_ENDORSEMENT, session->tr, ESYS_TR_PASSWORD,
                                       ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);

        return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(f, session->t, NULL, rc, "satisfy the EK's policy");
}

static int load_policy_key(struct tpm *t, const EVP_PKEY *key, struct tpm_obj *ret, struct fail *f)
{
        uint8_t raw[POLICY_KEY_PUBLIC_LEN];
        TPM2B_PUBLIC pub = { 0 };
        size_t off = 0;
        TSS2_RC rc;

        if (policy_key_public(key, raw) < 0 ||
            Tss2_MU_TPM2B_PUBLIC_Unmarshal(raw, sizeof(raw), &off, &pub) != TSS2_RC_SUCCESS || off != sizeof(raw))
                return fail_set(f, -EINVAL, "E-CONFIG", "make the initramfs again with this parent's policy.pem",
                                "load the policy key: it is not a P-256 key");
        rc = Esys_LoadExternal(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, &pub, ESYS_TR_RH_OWNER, &ret->tr);
        if (rc != TSS2_RC_SUCCESS) {
                ret->tr = ESYS_TR_NONE;
                return tpm_fail(f, t, NULL, rc, "load the policy key");
        }
        return 0;
}

int tpm_approval_verify(struct tpm *t, const EVP_PKEY *policy_key, enum policy_purpose purpose,
                        const uint8_t node[DIGEST_LEN], const uint8_t pcrs[POLICY_PCRS][DIGEST_LEN],
                        struct policy_boot boot, const struct buf *signature,
                        struct tpm_approval *ret, struct fail *f)
{
        _cleanup_(tpm_obj_flush) struct tpm_obj key = TPM_OBJ_NONE(t);
        _cleanup_(esys_freep) TPMT_TK_VERIFIED *ticket = NULL;
        struct tpm_approval a = { .boot = boot };
        TPM2B_DIGEST ahash = { .size = DIGEST_LEN };
        TPMT_SIGNATURE sig = { 0 };
        size_t off = 0;
        TSS2_RC rc;
        int r;

        if (Tss2_MU_TPMT_SIGNATURE_Unmarshal(signature->p, signature->len, &off, &sig) != TSS2_RC_SUCCESS ||
            off != signature->len || sig.sigAlg != TPM2_ALG_ECDSA || sig.signature.ecdsa.hash != TPM2_ALG_SHA256)
                return fail_set(f, -EBADMSG, "E-PARENT", "look at the parent's log; its version may differ",
                                "read the parent's approval: it is no ECDSA signature");
        if (policy_pcr_digest(pcrs, a.pcr_digest) < 0 || policy_approved(pcrs, boot, a.approved) < 0 ||
            policy_ref(purpose, node, a.ref) < 0 || policy_ahash(a.approved, a.ref, ahash.buffer) < 0 || policy_key_name(policy_key, a.key_sign.name) < 0)
                return fail_set(f, -EIO, "E-CONFIG", "make the initramfs again", "compute the approved policy");
        a.key_sign.size = POLICY_NAME_LEN;
        r = load_policy_key(t, policy_key, &key, f);
        if (r < 0)
                return r;
        rc = Esys_VerifySignature(t->esys, key.tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &ahash, &sig, &ticket);
        if (tpm_rc_base(rc) == TPM2_RC_SIGNATURE)
                return fail_set(f, -EKEYREJECTED, "E-PARENT",
                                "make the initramfs again: its policy.pem is not that of this parent",
                                "verify the parent's approval: the policy key did not sign it");
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, NULL, rc, "verify the parent's approval");
        a.ticket = *ticket;
        *ret = a;
        return 0;
}

int tpm_approval_apply(const struct tpm_obj *session, const struct tpm_approval *a, struct fail *f)
{
        ESYS_CONTEXT *e = session->t->esys;
        TPM2B_DIGEST pcr = { .size = DIGEST_LEN };
        TPM2B_DIGEST approved = { .size = DIGEST_LEN };
        TPM2B_NONCE ref = { .size = DIGEST_LEN };
        TPM2B_OPERAND counters = { .size = POLICY_COUNTERS_LEN };
        TSS2_RC rc;

        memcpy(pcr.buffer, a->pcr_digest, DIGEST_LEN);
        memcpy(approved.buffer, a->approved, DIGEST_LEN);
        memcpy(ref.buffer, a->ref, DIGEST_LEN);
        policy_counters(a->boot, counters.buffer);
        rc = Esys_PolicyPCR(e, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pcr, &tpm_quoted_pcrs);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, session->t, NULL, rc, "use the approval (a PCR moved since the quote?)");
        rc = Esys_PolicyCounterTimer(e, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &counters,
                                     POLICY_COUNTERS_OFFSET, TPM2_EO_EQ);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, session->t, NULL, rc, "use the approval (resetCount or restartCount differs)");
        rc = Esys_PolicyAuthorize(e, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &approved, &ref,
                                  &a->key_sign, &a->ticket);
        return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(f, session->t, NULL, rc, "use the approval");
}
