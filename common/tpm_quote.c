/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_keys.h"

#include "tpm_session.h"

#include <tss2/tss2_mu.h>

int tpm_pcr_read(struct tpm *t, uint8_t ret[POLICY_PCRS][DIGEST_LEN], struct fail *f)
{
        size_t got = 0;

        while (got < POLICY_PCRS) {
                _cleanup_(esys_freep) TPML_DIGEST *values = NULL;
                TPML_PCR_SELECTION want = { .count = 1,
                                            .pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3 } } };
                TSS2_RC rc;

                for (size_t i = got; i < POLICY_PCRS && i < got + 8; i++)
                        want.pcrSelections[0].pcrSelect[policy_pcrs[i] / 8] |= (uint8_t)(1u << policy_pcrs[i] % 8);
                rc = Esys_PCR_Read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &want, NULL, NULL, &values);
                if (rc != TSS2_RC_SUCCESS)
                        return tpm_fail(f, t, NULL, rc, "read the PCRs");
                if (values->count == 0 || values->count > POLICY_PCRS - got)
                        return fail_set(f, -EIO, "E-BANK", "enable the SHA-256 PCR bank in the firmware's setup",
                                        "read the PCRs on %s: the SHA-256 bank is not complete", t->name);
                for (uint32_t i = 0; i < values->count; i++) {
                        if (values->digests[i].size != DIGEST_LEN)
                                return fail_set(f, -EIO, "E-TPM", "report it with this TPM's model",
                                                "read the PCRs on %s: a digest of %u bytes",
                                                t->name, values->digests[i].size);
                        memcpy(ret[got++], values->digests[i].buffer, DIGEST_LEN);
                }
        }
        return 0;
}

static int quote_inspect(const struct tpm *t, const TPM2B_ATTEST *q, const uint8_t pcrs[POLICY_PCRS][DIGEST_LEN],
                         struct policy_boot *ret_counters, struct fail *f)
{
        uint8_t want[DIGEST_LEN];
        TPMS_ATTEST a = { 0 };
        size_t off = 0;

        if (Tss2_MU_TPMS_ATTEST_Unmarshal(q->attestationData, q->size, &off, &a) != TSS2_RC_SUCCESS || off != q->size ||
            a.type != TPM2_ST_ATTEST_QUOTE || policy_pcr_digest(pcrs, want) < 0)
                return fail_set(f, -EIO, "E-TPM", "see whether something sits between the machine and its TPM",
                                "quote the PCRs on %s: the TPM's answer does not parse", t->name);
        if (!same_bytes(a.attested.quote.pcrDigest.buffer, a.attested.quote.pcrDigest.size, want, DIGEST_LEN))
                return fail_set(f, -EAGAIN, "E-TPM", "see what else extends PCRs, or sits between the machine and its TPM",
                                "quote the PCRs on %s: they keep changing", t->name);
        *ret_counters = (struct policy_boot){ a.clockInfo.resetCount, a.clockInfo.restartCount };
        return 0;
}

int tpm_quote(const struct tpm_key *ak, const uint8_t qualifying[DIGEST_LEN],
              const uint8_t pcrs[POLICY_PCRS][DIGEST_LEN], struct buf *ret_quote, struct buf *ret_signature,
              struct policy_boot *ret_counters, struct fail *f)
{
        static const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL }; /* the key's own */
        _cleanup_(esys_freep) TPM2B_ATTEST *quoted = NULL;
        _cleanup_(esys_freep) TPMT_SIGNATURE *sig = NULL;
        _cleanup_(buf_wipe) struct buf q = { 0 };
        _cleanup_(buf_wipe) struct buf s = { 0 };
        TPM2B_DATA extra = { .size = DIGEST_LEN };
        TSS2_RC rc;
        int r;

        memcpy(extra.buffer, qualifying, DIGEST_LEN);
        rc = Esys_Quote(ak->t->esys, ak->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &extra, &scheme,
                        &tpm_quoted_pcrs, &quoted, &sig);
        if (rc != TSS2_RC_SUCCESS) {
                (void)tpm_fail(f, ak->t, NULL, rc, "quote the PCRs");
                return tpm_rc_base(rc) == TPM2_RC_BAD_AUTH || tpm_rc_base(rc) == TPM2_RC_AUTH_FAIL ? -EKEYREJECTED : -EIO;
        }
        r = quote_inspect(ak->t, quoted, pcrs, ret_counters, f);
        if (r < 0)
                return r;
        q.p = malloc(quoted->size);
        s.p = malloc(sizeof(*sig));
        if (!q.p || !s.p || Tss2_MU_TPMT_SIGNATURE_Marshal(sig, s.p, sizeof(*sig), &s.len) != TSS2_RC_SUCCESS)
                return fail_set(f, -ENOMEM, "E-TPM", "", "quote the PCRs: out of memory");
        memcpy(q.p, quoted->attestationData, quoted->size);
        q.len = quoted->size;
        *ret_quote = q;
        *ret_signature = s;
        q = s = (struct buf){ 0 };
        return 0;
}

int tpm_activate(const struct tpm_key *ek, const struct tpm_key *ak, const struct tpm_obj *session,
                 const struct buf *id_object, const struct buf *secret, uint8_t ret[DIGEST_LEN], struct fail *f)
{
        struct tpm *t = ek->t;
        TPM2B_DIGEST *out = NULL;
        TPM2B_ID_OBJECT blob = { 0 };
        TPM2B_ENCRYPTED_SECRET seed = { 0 };
        size_t a = 0;
        size_t b = 0;
        TSS2_RC rc;
        int r;

        if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(id_object->p, id_object->len, &a, &blob) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(secret->p, secret->len, &b, &seed) != TSS2_RC_SUCCESS ||
            a != id_object->len || b != secret->len)
                return fail_set(f, -EBADMSG, "E-PARENT", "look at the parent's log; its version may differ",
                                "read the parent's challenge: it does not parse");
        r = tpm_session_set_secret(session, TPM_SECRET_RESPONSE, f);
        if (r == 0)
                r = tpm_session_ek_auth(session, f);
        if (r < 0)
                return r;
        rc = Esys_ActivateCredential(t->esys, ak->tr, ek->tr, ESYS_TR_PASSWORD, session->tr, ESYS_TR_NONE, &blob, &seed, &out);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, NULL, rc, "answer the parent's challenge");
        if (out->size == DIGEST_LEN)
                memcpy(ret, out->buffer, DIGEST_LEN);
        else
                r = fail_set(f, -EBADMSG, "E-PARENT", "look at the parent's log; its version may differ",
                             "answer the parent's challenge: its secret is not 32 bytes");
        wipe(out, sizeof(*out));
        Esys_Free(out);
        tpm_tcti_forget(t->tcti);
        return r;
}
