/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_nv.h"

#include <time.h>
#include <tss2/tss2_mu.h>

#define RATE_WAIT_MS 200
#define RATE_WAITS 50

static const char next_nv[] = "free NV space in the TPM (tpm2_getcap handles-nv-index), or clear it";

static int nv_open(struct tpm *t, enum nv_purpose purpose, ESYS_TR *ret)
{
        if (Esys_TR_FromTPMPublic(t->esys, nvdata_index(purpose), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ret) ==
            TSS2_RC_SUCCESS)
                return 0;
        *ret = ESYS_TR_NONE;
        return -ENOENT;
}

static bool nv_name_is(struct tpm *t, ESYS_TR tr, enum nv_purpose purpose, const uint8_t *auth_policy, uint32_t state)
{
        _cleanup_(esys_freep) TPM2B_NAME *name = NULL;
        uint8_t want[NV_NAME_LEN];

        return Esys_TR_GetName(t->esys, tr, &name) == TSS2_RC_SUCCESS &&
               nvdata_name(purpose, auth_policy, state, want) == 0 &&
               same_bytes(name->name, name->size, want, sizeof(want));
}

/* Opens the index when it is present as PROTOCOL.md says. */
static int nv_open_present(struct tpm *t, enum nv_purpose purpose, const uint8_t *auth_policy, ESYS_TR *ret)
{
        int r = nv_open(t, purpose, ret);

        if (r < 0)
                return r;
        if (nv_name_is(t, *ret, purpose, auth_policy, NV_ATTR_WRITTEN))
                return 0;
        (void)Esys_TR_Close(t->esys, ret);
        return -ESTALE;
}

int tpm_nv_attributes(struct tpm *t, enum nv_purpose purpose, uint32_t *ret, struct fail *f)
{
        _cleanup_(esys_freep) TPM2B_NV_PUBLIC *pub = NULL;
        ESYS_TR tr = ESYS_TR_NONE;
        TSS2_RC rc;

        if (nv_open(t, purpose, &tr) < 0)
                return -ENOENT;
        rc = Esys_NV_ReadPublic(t->esys, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL);
        (void)Esys_TR_Close(t->esys, &tr);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, "E-NV", rc, "look at an NV index");
        *ret = pub->nvPublic.attributes;
        return 0;
}

int tpm_nv_look(struct tpm *t, enum nv_purpose purpose, const uint8_t auth_policy[DIGEST_LEN], enum nv_state *ret,
                struct fail *f)
{
        ESYS_TR tr = ESYS_TR_NONE;
        TSS2_RC rc;

        *ret = NV_STATE_NONE;
        if (t->nv_index_max < nvdata_size(purpose))
                return 0;
        rc = Esys_TR_FromTPMPublic(t->esys, nvdata_index(purpose), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr);
        *ret = NV_STATE_ABSENT;
        if (tpm_rc_base(rc) == TPM2_RC_HANDLE)
                return 0;
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, "E-NV", rc, "look at an NV index");
        *ret = nv_name_is(t, tr, purpose, auth_policy, NV_ATTR_WRITTEN) ? NV_STATE_PRESENT : NV_STATE_ALTERED;
        (void)Esys_TR_Close(t->esys, &tr);
        return 0;
}

int tpm_nv_start(struct tpm *t, ESYS_TR ek, const struct tpm_approval *approval,
                 const uint8_t auth_policy[DIGEST_LEN], struct tpm_nv *ret, struct fail *f)
{
        int r;

        *ret = (struct tpm_nv){ t, approval, auth_policy, TPM_OBJ_NONE(t) };
        r = tpm_session_policy(t, ek, TPM_SECRET_NONE, &ret->session, f);
        if (r < 0)
                ret->t = NULL;
        return r;
}

void tpm_nv_end(struct tpm_nv *n)
{
        tpm_obj_flush(&n->session);
        n->t = NULL;
}

static int prepare(struct tpm_nv *n, enum tpm_secret secret, struct fail *f)
{
        int r = tpm_session_set_secret(&n->session, secret, f);

        return r < 0 ? r : tpm_approval_apply(&n->session, n->approval, f);
}

int tpm_nv_read(struct tpm_nv *n, enum nv_purpose purpose, struct buf *ret, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        size_t size = nvdata_size(purpose);
        ESYS_TR tr = ESYS_TR_NONE;
        int r = nv_open_present(n->t, purpose, n->auth_policy, &tr);

        if (r < 0)
                return fail_set(f, -ESTALE, "E-NV", next_nv, "read NV index 0x%08x: it is not the index that was made",
                                nvdata_index(purpose));
        b.p = malloc(size);
        if (!b.p)
                r = fail_set(f, -ENOMEM, "E-NV", "", "read NV index 0x%08x: out of memory", nvdata_index(purpose));
        while (r == 0 && b.len < size) {
                TPM2B_MAX_NV_BUFFER *part = NULL;
                size_t want = size - b.len < n->t->nv_buffer_max ? size - b.len : n->t->nv_buffer_max;
                TSS2_RC rc;

                r = prepare(n, TPM_SECRET_RESPONSE, f);
                if (r < 0)
                        break;
                rc = Esys_NV_Read(n->t->esys, tr, tr, n->session.tr, ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)want,
                                  (uint16_t)b.len, &part);
                if (rc != TSS2_RC_SUCCESS) {
                        r = tpm_fail(f, n->t, "E-NV", rc, "read the keys in NV");
                        break;
                }
                if (part->size == want) {
                        memcpy(b.p + b.len, part->buffer, want);
                        b.len += want;
                } else {
                        r = fail_set(f, -EIO, "E-NV", next_nv, "read the keys in NV: the TPM gave a short answer");
                }
                wipe(part, sizeof(*part));
                Esys_Free(part);
        }
        (void)Esys_TR_Close(n->t->esys, &tr);
        if (r < 0)
                return r;
        *ret = b;
        b = (struct buf){ 0 };
        return 0;
}

static int nv_define(struct tpm_nv *n, enum nv_purpose purpose, ESYS_TR *ret, struct fail *f)
{
        static const TPM2B_AUTH no_auth = { 0 };
        uint8_t raw[NV_PUBLIC_LEN];
        TPM2B_NV_PUBLIC pub = { 0 };
        size_t off = 0;
        TSS2_RC rc;
        TSS2_RC base;

        if (nvdata_public(purpose, n->auth_policy, 0, raw) < 0 ||
            Tss2_MU_TPM2B_NV_PUBLIC_Unmarshal(raw, sizeof(raw), &off, &pub) != TSS2_RC_SUCCESS)
                return fail_set(f, -EINVAL, "E-NV", "", "compute the NV index's public area");
        rc = Esys_NV_DefineSpace(n->t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth,
                                 &pub, ret);
        if (rc == TSS2_RC_SUCCESS)
                return 0;
        *ret = ESYS_TR_NONE;
        base = tpm_rc_base(rc);
        (void)tpm_fail(f, n->t, "E-NV", rc, "define an NV index");
        return base == TPM2_RC_NV_SPACE || base == TPM2_RC_SIZE ? -ENOSPC : -EIO;
}

/* The index with its right Name, written or new; whatever else sits there
 * is removed first. */
static int nv_open_or_make(struct tpm_nv *n, enum nv_purpose purpose, ESYS_TR *ret, struct fail *f)
{
        int r = nv_open(n->t, purpose, ret);

        if (r == 0 && (nv_name_is(n->t, *ret, purpose, n->auth_policy, NV_ATTR_WRITTEN) ||
                       nv_name_is(n->t, *ret, purpose, n->auth_policy, 0)))
                return 0;
        if (r == 0) {
                TSS2_RC rc = Esys_NV_UndefineSpace(n->t->esys, ESYS_TR_RH_OWNER, *ret, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                                   ESYS_TR_NONE);

                if (rc != TSS2_RC_SUCCESS) {
                        (void)Esys_TR_Close(n->t->esys, ret);
                        (void)tpm_fail(f, n->t, "E-NV", rc, "remove an altered NV index");
                        return -ENOSPC;
                }
        }
        return nv_define(n, purpose, ret, f);
}

static TSS2_RC write_part(struct tpm_nv *n, ESYS_TR tr, const TPM2B_MAX_NV_BUFFER *part, size_t at)
{
        return Esys_NV_Write(n->t->esys, tr, tr, n->session.tr, ESYS_TR_NONE, ESYS_TR_NONE, part, (uint16_t)at);
}

static bool must_wait(TSS2_RC rc)
{
        TSS2_RC b = tpm_rc_base(rc);

        return b == TPM2_RC_NV_RATE || b == TPM2_RC_NV_UNAVAILABLE;
}

int tpm_nv_write(struct tpm_nv *n, enum nv_purpose purpose, const uint8_t *p, size_t len, struct fail *f)
{
        TPM2B_MAX_NV_BUFFER part = { 0 };
        unsigned waits = 0;
        ESYS_TR tr = ESYS_TR_NONE;
        size_t at = 0;
        int r = nv_open_or_make(n, purpose, &tr, f);

        while (r == 0 && at < len) {
                TSS2_RC rc;

                part.size = (uint16_t)(len - at < n->t->nv_buffer_max ? len - at : n->t->nv_buffer_max);
                memcpy(part.buffer, p + at, part.size);
                r = prepare(n, TPM_SECRET_COMMAND, f);
                if (r < 0)
                        break;
                rc = write_part(n, tr, &part, at);
                if (must_wait(rc) && waits++ < RATE_WAITS) {
                        const struct timespec w = { .tv_nsec = RATE_WAIT_MS * 1000000L };

                        (void)nanosleep(&w, NULL);
                } else if (rc != TSS2_RC_SUCCESS) {
                        r = tpm_fail(f, n->t, "E-NV", rc, "write the keys to NV");
                } else {
                        at += part.size;
                        n->t->nv_written += part.size;
                }
        }
        wipe(&part, sizeof(part));
        if (tr != ESYS_TR_NONE)
                (void)Esys_TR_Close(n->t->esys, &tr);
        return r;
}

int tpm_nv_lock(struct tpm_nv *n, enum nv_purpose purpose, struct fail *f)
{
        ESYS_TR tr = ESYS_TR_NONE;
        TSS2_RC rc;
        int r = nv_open_present(n->t, purpose, n->auth_policy, &tr);

        if (r < 0)
                return fail_set(f, -ESTALE, "E-CAP", "look who else uses this TPM",
                                "lock NV index 0x%08x: it changed during the boot", nvdata_index(purpose));
        r = prepare(n, TPM_SECRET_NONE, f);
        if (r == 0) {
                rc = Esys_NV_WriteLock(n->t->esys, tr, tr, n->session.tr, ESYS_TR_NONE, ESYS_TR_NONE);
                if (rc != TSS2_RC_SUCCESS)
                        r = tpm_fail(f, n->t, "E-CAP", rc, "write-lock the keys in NV");
        }
        if (r == 0)
                r = prepare(n, TPM_SECRET_NONE, f);
        if (r == 0) {
                rc = Esys_NV_ReadLock(n->t->esys, tr, tr, n->session.tr, ESYS_TR_NONE, ESYS_TR_NONE);
                if (rc != TSS2_RC_SUCCESS)
                        r = tpm_fail(f, n->t, "E-CAP", rc, "read-lock the keys in NV");
        }
        (void)Esys_TR_Close(n->t->esys, &tr);
        return r;
}
