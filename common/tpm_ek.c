/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_keys.h"

#include <tss2/tss2_mu.h>

#define NV_EK_RSA 0x01c00002u
#define NV_EK_ECC 0x01c0000au
#define NV_EK_CHAIN 0x01c00100u
#define NV_EK_CHAIN_LAST 0x01c001ffu
#define EK_FIRST 0x81010001u
#define EK_LAST 0x81010016u
#define NV_CERT_ROOM 16384
#define EK_ATTRIBUTES \
        (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | \
         TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

static const char next_ek[] = "see whether this TPM has the TCG low-range EK templates (ECC P-256 or RSA-2048)";

/* TPM2_PolicySecret(TPM_RH_ENDORSEMENT): TCG EK profile, PolicyA SHA-256 */
static const uint8_t ek_policy[DIGEST_LEN] = {
        0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
        0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};

/* Templates L-1 and L-2: `unique` is zeroes of the key's size. */
static void ek_template(uint16_t type, TPM2B_PUBLIC *ret)
{
        TPMT_SYM_DEF_OBJECT sym = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB };
        TPMT_PUBLIC *p = &ret->publicArea;

        memset(ret, 0, sizeof(*ret));
        p->type = type;
        p->nameAlg = TPM2_ALG_SHA256;
        p->objectAttributes = EK_ATTRIBUTES;
        p->authPolicy.size = DIGEST_LEN;
        memcpy(p->authPolicy.buffer, ek_policy, DIGEST_LEN);
        if (type == TPM2_ALG_ECC) {
                p->parameters.eccDetail.symmetric = sym;
                p->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
                p->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
                p->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
                p->unique.ecc.x.size = 32;
                p->unique.ecc.y.size = 32;
        } else {
                p->parameters.rsaDetail.symmetric = sym;
                p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
                p->parameters.rsaDetail.keyBits = 2048;
                p->unique.rsa.size = 256;
        }
}

/* Everything but `unique` is the template's. */
static bool is_ek(uint16_t type, const TPM2B_PUBLIC *pub)
{
        uint8_t a[1024];
        uint8_t b[1024];
        TPM2B_PUBLIC copy = *pub;
        TPM2B_PUBLIC want;
        size_t na = 0;
        size_t nb = 0;

        ek_template(type, &want);
        if (copy.publicArea.type != type)
                return false;
        copy.publicArea.unique = want.publicArea.unique;
        copy.size = 0;
        return Tss2_MU_TPM2B_PUBLIC_Marshal(&copy, a, sizeof(a), &na) == TSS2_RC_SUCCESS &&
               Tss2_MU_TPM2B_PUBLIC_Marshal(&want, b, sizeof(b), &nb) == TSS2_RC_SUCCESS && same_bytes(a, na, b, nb);
}

void tpm_key_close(struct tpm_key *k)
{
        if (k->t && k->tr != ESYS_TR_NONE)
                (void)Esys_TR_Close(k->t->esys, &k->tr);
        k->tr = ESYS_TR_NONE;
        k->t = NULL;
}

void tpm_ek_certs_free(struct tpm_ek_certs *c)
{
        for (size_t i = 0; i < c->n; i++)
                buf_wipe(&c->der[i]);
        c->n = 0;
}

static bool name_of(const uint8_t *p, size_t len, TPM2B_NAME *ret)
{
        ret->size = 2 + DIGEST_LEN;
        ret->name[0] = TPM2_ALG_SHA256 >> 8;
        ret->name[1] = TPM2_ALG_SHA256 & 0xff;
        return EVP_Digest(p, len, ret->name + 2, NULL, EVP_sha256(), NULL) == 1;
}

static bool same_name(const TPM2B_NAME *a, const TPM2B_NAME *b)
{
        return same_bytes(a->name, a->size, b->name, b->size);
}

/* TPM2_ReadPublic's answer goes on with the Name, which must be that of the
 * public area, and a qualified name: H(hierarchy, Name) for a primary. One
 * who was owner of the TPM could put a key of the owner hierarchy in the
 * place of ours. -EBADMSG: no TPM answers so. */
static int check_names(struct tpm *t, const struct buf *public, bool *ret_endorsement)
{
        uint8_t area[4 + 2 + DIGEST_LEN] = { 0x40, 0x00, 0x00, 0x0b };
        TPM2B_NAME name = { 0 };
        TPM2B_NAME qualified = { 0 };
        TPM2B_NAME want = { 0 };
        size_t len = 0;
        size_t at = 10 + public->len;
        const uint8_t *p = tpm_tcti_answer(t->tcti, &len);

        if (at > len || !same_bytes(p + 10, public->len, public->p, public->len) ||
            Tss2_MU_TPM2B_NAME_Unmarshal(p, len, &at, &name) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPM2B_NAME_Unmarshal(p, len, &at, &qualified) != TSS2_RC_SUCCESS || at != len)
                return -EBADMSG;
        *ret_endorsement = false;
        if (name.size != 2 + DIGEST_LEN) /* of another nameAlg: none of ours */
                return 0;
        if (!name_of(public->p + 2, public->len - 2, &want) || !same_name(&name, &want))
                return -EBADMSG;
        memcpy(area + 4, name.name, name.size);
        *ret_endorsement = name_of(area, sizeof(area), &want) && same_name(&qualified, &want);
        return 0;
}

int tpm_key_look(struct tpm *t, TPM2_HANDLE handle, struct tpm_key *ret, TPM2B_PUBLIC *ret_public, struct fail *f)
{
        struct tpm_key k = { .t = t, .tr = ESYS_TR_NONE, .handle = handle };
        _cleanup_(buf_wipe) struct buf b = { 0 };
        TPM2B_PUBLIC pub = { 0 };
        size_t at = 0;
        int r = tpm_look(t, handle, &k.tr, &b, f);

        if (r < 0)
                return r;
        if (b.len > sizeof(k.public) || Tss2_MU_TPM2B_PUBLIC_Unmarshal(b.p, b.len, &at, &pub) != TSS2_RC_SUCCESS ||
            at != b.len || check_names(t, &b, &k.endorsement) < 0) {
                tpm_key_close(&k);
                return fail_set(f, -EBADMSG, "E-TPM", "see whether something sits between the machine and its TPM",
                                "read the key at 0x%08X of %s: its Name is not that of its public area", handle, t->name);
        }
        memcpy(k.public, b.p, b.len);
        k.public_len = b.len;
        *ret_public = pub;
        *ret = k;
        return 0;
}

/* 0 with *ret when `handle` holds an EK of this type; -ENOENT when not. */
static int ek_at(struct tpm *t, TPM2_HANDLE handle, uint16_t type, struct tpm_key *ret, struct fail *f)
{
        struct tpm_key k = { 0 };
        TPM2B_PUBLIC pub = { 0 };
        int r = tpm_key_look(t, handle, &k, &pub, f);

        if (r < 0)
                return r;
        if (!is_ek(type, &pub) || !k.endorsement) {
                tpm_key_close(&k);
                return -ENOENT;
        }
        *ret = k;
        return 0;
}

/* Only what a TPM without the algorithm says: after a passing fault the other
 * kind of EK would make the node another one. */
static bool not_supported(TSS2_RC rc)
{
        TSS2_RC b = tpm_rc_base(rc);

        return b == TPM2_RC_TYPE || b == TPM2_RC_ASYMMETRIC || b == TPM2_RC_CURVE || b == TPM2_RC_VALUE ||
               b == TPM2_RC_SCHEME || b == TPM2_RC_KDF || b == TPM2_RC_SYMMETRIC || b == TPM2_RC_HASH ||
               b == TPM2_RC_KEY_SIZE || b == TPM2_RC_SELECTOR;
}

/* Something that is no EK may sit there; the handle is Muster's. */
static int handle_free(struct tpm *t, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf ignored = { 0 };
        ESYS_TR tr = ESYS_TR_NONE;
        int r = tpm_look(t, TPM_EK_HANDLE, &tr, &ignored, f);
        TSS2_RC rc;

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        rc = Esys_EvictControl(t->esys, ESYS_TR_RH_OWNER, tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, TPM_EK_HANDLE,
                               &tr);
        return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(f, t, NULL, rc, "remove what is at 0x8101C000 and is no EK");
}

static int ek_make(struct tpm *t, uint16_t type, struct tpm_key *ret, struct fail *f)
{
        static const TPM2B_SENSITIVE_CREATE no_auth = { 0 };
        static const TPM2B_DATA no_data = { 0 };
        static const TPML_PCR_SELECTION no_pcrs = { 0 };
        _cleanup_(tpm_obj_flush) struct tpm_obj o = TPM_OBJ_NONE(t);
        ESYS_TR persistent = ESYS_TR_NONE;
        TPM2B_PUBLIC template;
        TSS2_RC rc;
        int r;

        r = tpm_properties(t, f);
        if (r < 0)
                return r;
        ek_template(type, &template);
        rc = Esys_CreatePrimary(t->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth,
                                &template, &no_data, &no_pcrs, &o.tr, NULL, NULL, NULL, NULL);
        if (rc != TSS2_RC_SUCCESS) {
                o.tr = ESYS_TR_NONE;
                (void)tpm_fail(f, t, NULL, rc, type == TPM2_ALG_ECC ? "make the ECC P-256 EK" : "make the RSA-2048 EK");
                return not_supported(rc) ? -ENOTSUP : -EIO;
        }
        r = handle_free(t, f);
        if (r < 0)
                return r;
        rc = Esys_EvictControl(t->esys, ESYS_TR_RH_OWNER, o.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                               TPM_EK_HANDLE, &persistent);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, NULL, rc, "keep the EK at 0x8101C000");
        (void)Esys_TR_Close(t->esys, &persistent);
        r = ek_at(t, TPM_EK_HANDLE, type, ret, f);
        if (r == -ENOENT)
                return fail_set(f, -EIO, "E-TPM", next_ek, "make the EK on %s: what the TPM made is not an EK", t->name);
        return r;
}

/* Muster's own handle first: there is nothing to search for in a steady
 * boot, and an EK of the same template is the same key wherever it is. */
static int ek_of_type(struct tpm *t, uint16_t type, struct tpm_key *ret, struct fail *f)
{
        TPM2_HANDLE at[64];
        size_t n = 0;
        int r = ek_at(t, TPM_EK_HANDLE, type, ret, f);

        if (r != -ENOENT)
                return r;
        r = tpm_handles(t, EK_FIRST, EK_LAST, at, ELEMENTSOF(at), &n, f);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                r = ek_at(t, at[i], type, ret, f);
                if (r != -ENOENT)
                        return r;
        }
        return ek_make(t, type, ret, f);
}

/* What a TPM says of an index that is not for us to read. */
static bool not_for_us(TSS2_RC rc)
{
        switch (tpm_rc_base(rc)) {
        case TPM2_RC_NV_UNINITIALIZED:
        case TPM2_RC_NV_AUTHORIZATION:
        case TPM2_RC_NV_LOCKED:
        case TPM2_RC_AUTH_TYPE:
        case TPM2_RC_AUTH_UNAVAILABLE:
        case TPM2_RC_AUTH_FAIL:
        case TPM2_RC_BAD_AUTH:
                return true;
        default:
                return false;
        }
}

/* Reads an index that its owner or anyone may read; -ENOENT when not. */
static int nv_read_public(struct tpm *t, TPM2_HANDLE index, struct buf *ret, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf area = { 0 };
        _cleanup_(buf_wipe) struct buf b = { 0 };
        TPM2B_NV_PUBLIC pub = { 0 };
        ESYS_TR tr = ESYS_TR_NONE;
        ESYS_TR auth;
        size_t at = 0;
        size_t size;
        TSS2_RC rc = TSS2_RC_SUCCESS;
        int r = tpm_look(t, index, &tr, &area, f);

        if (r < 0)
                return r;
        size = Tss2_MU_TPM2B_NV_PUBLIC_Unmarshal(area.p, area.len, &at, &pub) == TSS2_RC_SUCCESS ? pub.nvPublic.dataSize : 0;
        auth = pub.nvPublic.attributes & TPMA_NV_AUTHREAD ? tr : ESYS_TR_RH_OWNER;
        if (size > 0 && size <= NV_CERT_ROOM)
                b.p = malloc(size);
        while (b.p && b.len < size) {
                _cleanup_(esys_freep) TPM2B_MAX_NV_BUFFER *part = NULL;
                size_t n = size - b.len < t->nv_buffer_max ? size - b.len : t->nv_buffer_max;

                rc = Esys_NV_Read(t->esys, auth, tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)n,
                                  (uint16_t)b.len, &part);
                if (rc != TSS2_RC_SUCCESS || part->size != n)
                        break;
                memcpy(b.p + b.len, part->buffer, n);
                b.len += n;
        }
        (void)Esys_TR_Close(t->esys, &tr);
        if (rc != TSS2_RC_SUCCESS && !not_for_us(rc))
                return tpm_fail(f, t, NULL, rc, "read the EK certificate in NV");
        if (size == 0 || b.len < size)
                return -ENOENT;
        *ret = b;
        b = (struct buf){ 0 };
        return 0;
}

/* Splits concatenated DER certificates; padding ends them. */
static void take_certs(const struct buf *nv, struct tpm_ek_certs *c)
{
        size_t at = 0;

        while (c->n < TPM_EK_CERTS && nv->len - at > 4 && nv->p[at] == 0x30 && nv->p[at + 1] == 0x82) {
                size_t n = 4 + ((size_t)nv->p[at + 2] << 8 | nv->p[at + 3]);
                uint8_t *copy;

                if (n > nv->len - at || n > TPM_EK_CERT_MAX)
                        return;
                copy = malloc(n);
                if (!copy)
                        return;
                memcpy(copy, nv->p + at, n);
                c->der[c->n++] = (struct buf){ copy, n };
                at += n;
        }
}

static void read_chain(struct tpm *t, struct tpm_ek_certs *c)
{
        TPM2_HANDLE at[TPM_EK_CERTS];
        struct fail ignored;
        size_t n = 0;

        if (tpm_nv_list(t, NV_EK_CHAIN, NV_EK_CHAIN_LAST, at, ELEMENTSOF(at), &n, &ignored) < 0)
                return;
        for (size_t i = 0; i < n; i++) {
                _cleanup_(buf_wipe) struct buf nv = { 0 };

                if (nv_read_public(t, at[i], &nv, &ignored) == 0)
                        take_certs(&nv, c);
        }
}

int tpm_ek_open(struct tpm *t, struct tpm_key *ret, struct tpm_ek_certs *ret_certs, struct fail *f)
{
        static const struct {
                TPM2_HANDLE cert;
                uint16_t type;
        } kinds[] = { { NV_EK_ECC, TPM2_ALG_ECC }, { NV_EK_RSA, TPM2_ALG_RSA } };
        TPM2_HANDLE there[32];
        size_t n = 0;
        int r;

        *ret_certs = (struct tpm_ek_certs){ 0 };
        r = tpm_nv_list(t, NV_EK_RSA, NV_EK_ECC, there, ELEMENTSOF(there), &n, f);
        if (r < 0)
                return r;
        for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
                for (size_t i = 0; i < n; i++) {
                        _cleanup_(buf_wipe) struct buf nv = { 0 };

                        if (there[i] != kinds[k].cert)
                                continue;
                        r = nv_read_public(t, there[i], &nv, f);
                        if (r == -ENOENT)
                                continue;
                        if (r < 0)
                                return r;
                        take_certs(&nv, ret_certs);
                        if (ret_certs->n == 0)
                                continue;
                        read_chain(t, ret_certs);
                        return ek_of_type(t, kinds[k].type, ret, f);
                }
        r = ek_of_type(t, TPM2_ALG_ECC, ret, f);
        return r == -ENOTSUP ? ek_of_type(t, TPM2_ALG_RSA, ret, f) : r;
}
