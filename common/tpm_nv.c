/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_nv.h"

#include "cursor.h"

#include <tss2/tss2_mu.h>

#define RECORD_NV 2          /* ESYS's word for an NV index in a serialised object */
#define NV_BUFFER_USUAL 1024 /* what most TPMs read at once */

static const char next_nv[] = "free NV space in the TPM (tpm2_getcap handles-nv-index), or clear it";

static ESYS_TR *slot(struct tpm *t, enum nv_purpose purpose)
{
        return &t->nv[purpose - 1];
}

static void nv_close(struct tpm *t, enum nv_purpose purpose)
{
        if (*slot(t, purpose) != ESYS_TR_NONE)
                (void)Esys_TR_Close(t->esys, slot(t, purpose));
        *slot(t, purpose) = ESYS_TR_NONE;
}

/* Looks at an index once; from then on ESYS keeps its Name up to date, and
 * one exchanged since is refused by the session's HMAC. */
static int nv_open(struct tpm *t, enum nv_purpose purpose, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf ignored = { 0 };

        return *slot(t, purpose) == ESYS_TR_NONE ? tpm_look(t, nvdata_index(purpose), slot(t, purpose), &ignored, f) : 0;
}

static bool nv_name_is(struct tpm *t, enum nv_purpose purpose, const uint8_t *auth_policy, uint32_t state)
{
        _cleanup_(esys_freep) TPM2B_NAME *name = NULL;
        uint8_t want[NV_NAME_LEN];

        return Esys_TR_GetName(t->esys, *slot(t, purpose), &name) == TSS2_RC_SUCCESS &&
               nvdata_name(purpose, auth_policy, state, want) == 0 &&
               same_bytes(name->name, name->size, want, sizeof(want));
}

/* Ours and readable. An attempt before this one in the same boot may have
 * locked it for writing. */
static bool is_present(struct tpm *t, enum nv_purpose purpose, const uint8_t *auth_policy)
{
        return nv_name_is(t, purpose, auth_policy, NV_ATTR_WRITTEN) ||
               nv_name_is(t, purpose, auth_policy, NV_ATTR_WRITTEN | NV_ATTR_WRITELOCKED);
}

/* Ours, but such an attempt locked it until the next reset. */
static bool is_locked(struct tpm *t, enum nv_purpose purpose, const uint8_t *auth_policy)
{
        return nv_name_is(t, purpose, auth_policy, NV_ATTR_WRITTEN | NV_ATTR_READLOCKED) ||
               nv_name_is(t, purpose, auth_policy, NV_ATTR_WRITTEN | NV_ATTR_READLOCKED | NV_ATTR_WRITELOCKED);
}

/* Opens the index when it is present as PROTOCOL.md says. */
static int nv_open_present(struct tpm *t, enum nv_purpose purpose, const uint8_t *auth_policy, struct fail *f)
{
        int r = nv_open(t, purpose, f);

        if (r < 0)
                return r;
        return is_present(t, purpose, auth_policy) ? 0 : -ESTALE;
}

/* The index with the Name that it must have. The TPM's own Name goes into
 * the HMAC of each command, so one that has another is of no use with this. */
static int nv_expect(struct tpm *t, enum nv_purpose purpose, const uint8_t *auth_policy, struct fail *f)
{
        uint8_t record[4 + 2 + NV_NAME_LEN + 4 + NV_PUBLIC_LEN];
        struct wbuf w = wb_of(record, sizeof(record));
        uint8_t name[NV_NAME_LEN];
        uint8_t public[NV_PUBLIC_LEN];

        if (nvdata_name(purpose, auth_policy, NV_ATTR_WRITTEN, name) < 0 ||
            nvdata_public(purpose, auth_policy, NV_ATTR_WRITTEN, public) < 0)
                return fail_set(f, -EINVAL, "E-NV", "", "compute the NV index's Name");
        wb_u32be(&w, nvdata_index(purpose));
        wb_tpm2b(&w, name, sizeof(name));
        wb_u32be(&w, RECORD_NV);
        wb_put(&w, public, sizeof(public));
        if (w.err < 0 || Esys_TR_Deserialize(t->esys, record, sizeof(record), slot(t, purpose)) != TSS2_RC_SUCCESS)
                return fail_set(f, -EIO, "E-NV", "", "name NV index 0x%08x", nvdata_index(purpose));
        return 0;
}

int tpm_nv_attributes(struct tpm *t, enum nv_purpose purpose, uint32_t *ret, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf area = { 0 };
        TPM2B_NV_PUBLIC pub = { 0 };
        size_t at = 0;
        int r;

        nv_close(t, purpose);
        r = tpm_look(t, nvdata_index(purpose), slot(t, purpose), &area, f);
        if (r < 0)
                return r;
        if (Tss2_MU_TPM2B_NV_PUBLIC_Unmarshal(area.p, area.len, &at, &pub) != TSS2_RC_SUCCESS)
                return fail_set(f, -EBADMSG, "E-NV", next_nv, "look at NV index 0x%08x: its public area does not parse",
                                nvdata_index(purpose));
        *ret = pub.nvPublic.attributes;
        return 0;
}

int tpm_nv_look(struct tpm *t, enum nv_purpose purpose, const uint8_t auth_policy[DIGEST_LEN], enum nv_state *ret,
                struct fail *f)
{
        int r = nv_open(t, purpose, f);

        if (r < 0 && r != -ENOENT)
                return r;
        if (r == -ENOENT && (r = tpm_properties(t, f)) < 0)
                return r;
        if (*slot(t, purpose) == ESYS_TR_NONE)
                *ret = t->nv_index_max < nvdata_size(purpose) ? NV_STATE_NONE : NV_STATE_ABSENT;
        else if (is_present(t, purpose, auth_policy))
                *ret = NV_STATE_PRESENT;
        else if (nv_name_is(t, purpose, auth_policy, 0)) /* made, then the power went */
                *ret = NV_STATE_ABSENT;
        else
                *ret = is_locked(t, purpose, auth_policy) ? NV_STATE_NONE : NV_STATE_ALTERED;
        return 0;
}

int tpm_nv_presume(struct tpm *t, enum nv_purpose purpose, const uint8_t auth_policy[DIGEST_LEN], enum nv_state *ret,
                   struct fail *f)
{
        TPM2_HANDLE index = nvdata_index(purpose);
        TPM2_HANDLE at;
        size_t n = 0;
        int r = tpm_nv_list(t, index, index, &at, 1, &n, f);

        if (r == 0 && n == 0)
                r = tpm_properties(t, f);
        if (r < 0)
                return r;
        nv_close(t, purpose);
        if (n == 0) {
                *ret = t->nv_index_max < nvdata_size(purpose) ? NV_STATE_NONE : NV_STATE_ABSENT;
                return 0;
        }
        *ret = NV_STATE_PRESENT;
        return nv_expect(t, purpose, auth_policy, f);
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

/* The node can do without NV, at the cost of the bundle on each boot. */
static bool no_room(TSS2_RC rc)
{
        switch (tpm_rc_base(rc)) {
        case TPM2_RC_NV_SPACE:
        case TPM2_RC_NV_SIZE:
        case TPM2_RC_SIZE:
        case TPM2_RC_NV_RATE:
        case TPM2_RC_NV_UNAVAILABLE:
        case TPM2_RC_NV_LOCKED:
                return true;
        default:
                return false;
        }
}

static int nv_fail(struct fail *f, const struct tpm *t, TSS2_RC rc, const char *what)
{
        int r = tpm_fail(f, t, "E-NV", rc, what);

        if (!no_room(rc))
                return r;
        (void)snprintf(f->next, sizeof(f->next), "%s", next_nv);
        return -ENOSPC;
}

/* One NV_Read, authorised anew, appended to b, which has room. A TPM not yet
 * asked for its limit may say that this is over it: a command that failed has
 * not spent the policy, so only the read is sent again. */
static int read_part(struct tpm_nv *n, enum nv_purpose purpose, size_t want, struct buf *b, struct fail *f)
{
        ESYS_TR tr = *slot(n->t, purpose);
        TPM2B_MAX_NV_BUFFER *part = NULL;
        TSS2_RC rc;
        int r = prepare(n, TPM_SECRET_RESPONSE, f);

        if (r < 0)
                return r;
        rc = Esys_NV_Read(n->t->esys, tr, tr, n->session.tr, ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)want, (uint16_t)b->len,
                          &part);
        if (tpm_rc_base(rc) == TPM2_RC_VALUE && !n->t->asked) {
                r = tpm_properties(n->t, f);
                if (r < 0)
                        return r;
                want = want < n->t->nv_buffer_max ? want : n->t->nv_buffer_max;
                rc = Esys_NV_Read(n->t->esys, tr, tr, n->session.tr, ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)want,
                                  (uint16_t)b->len, &part);
        }
        tpm_tcti_forget(n->t->tcti);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, n->t, "E-NV", rc, "read the keys in NV");
        if (part->size == want) {
                memcpy(b->p + b->len, part->buffer, want);
                b->len += want;
        } else {
                r = fail_set(f, -EIO, "E-NV", next_nv, "read the keys in NV: the TPM gave a short answer");
        }
        wipe(part, sizeof(*part));
        Esys_Free(part);
        return r;
}

/* How much to ask for at once, of `left` bytes. */
static size_t chunk(const struct tpm *t, size_t left)
{
        size_t most = t->asked ? t->nv_buffer_max : NV_BUFFER_USUAL;

        return left < most ? left : most;
}

int tpm_nv_read(struct tpm_nv *n, enum nv_purpose purpose, size_t certificate_len, struct buf *ret, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        size_t size = nvdata_size(purpose);
        size_t guess = nvdata_len(purpose, certificate_len);
        size_t used = size;
        int r = nv_open_present(n->t, purpose, n->auth_policy, f);

        if (r < 0)
                return fail_set(f, -ESTALE, "E-NV", next_nv, "read NV index 0x%08x: it is not the index that was made",
                                nvdata_index(purpose));
        b.p = calloc(1, size);
        if (!b.p)
                return fail_set(f, -ENOMEM, "E-NV", "", "read NV index 0x%08x: out of memory", nvdata_index(purpose));
        while (r == 0 && b.len < used) {
                r = read_part(n, purpose, chunk(n->t, b.len == 0 ? guess : used - b.len), &b, f);
                /* what follows is zero padding, of which nothing depends */
                if (r == 0 && used == size)
                        used = nvdata_used(purpose, b.p, b.len);
        }
        if (r < 0) {
                nv_close(n->t, purpose); /* another one may sit there now */
                return r;
        }
        b.len = size;
        *ret = b;
        b = (struct buf){ 0 };
        return 0;
}

static int nv_define(struct tpm_nv *n, enum nv_purpose purpose, struct fail *f)
{
        static const TPM2B_AUTH no_auth = { 0 };
        uint8_t raw[NV_PUBLIC_LEN];
        TPM2B_NV_PUBLIC pub = { 0 };
        size_t off = 0;
        TSS2_RC rc;

        if (nvdata_public(purpose, n->auth_policy, 0, raw) < 0 ||
            Tss2_MU_TPM2B_NV_PUBLIC_Unmarshal(raw, sizeof(raw), &off, &pub) != TSS2_RC_SUCCESS)
                return fail_set(f, -EINVAL, "E-NV", "", "compute the NV index's public area");
        rc = Esys_NV_DefineSpace(n->t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth,
                                 &pub, slot(n->t, purpose));
        if (rc == TSS2_RC_SUCCESS)
                return 0;
        *slot(n->t, purpose) = ESYS_TR_NONE;
        return nv_fail(f, n->t, rc, "define an NV index");
}

/* The index with its right Name, written or new; whatever else sits there
 * is removed first. */
static int nv_open_or_make(struct tpm_nv *n, enum nv_purpose purpose, struct fail *f)
{
        int r = nv_open(n->t, purpose, f);

        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0 && (is_present(n->t, purpose, n->auth_policy) || nv_name_is(n->t, purpose, n->auth_policy, 0)))
                return 0;
        if (r == 0) {
                TSS2_RC rc = Esys_NV_UndefineSpace(n->t->esys, ESYS_TR_RH_OWNER, *slot(n->t, purpose), ESYS_TR_PASSWORD,
                                                   ESYS_TR_NONE, ESYS_TR_NONE);

                if (rc != TSS2_RC_SUCCESS) {
                        nv_close(n->t, purpose);
                        (void)tpm_fail(f, n->t, "E-NV", rc, "remove an altered NV index");
                        return -ENOSPC;
                }
                *slot(n->t, purpose) = ESYS_TR_NONE;
        }
        return nv_define(n, purpose, f);
}

int tpm_nv_write(struct tpm_nv *n, enum nv_purpose purpose, const uint8_t *p, size_t len, struct fail *f)
{
        TPM2B_MAX_NV_BUFFER part = { 0 };
        size_t at = 0;
        int r = tpm_properties(n->t, f);

        if (r == 0)
                r = nv_open_or_make(n, purpose, f);
        while (r == 0 && at < len) {
                ESYS_TR tr = *slot(n->t, purpose);
                TSS2_RC rc;

                part.size = (uint16_t)(len - at < n->t->nv_buffer_max ? len - at : n->t->nv_buffer_max);
                memcpy(part.buffer, p + at, part.size);
                r = prepare(n, TPM_SECRET_COMMAND, f);
                if (r < 0)
                        break;
                rc = Esys_NV_Write(n->t->esys, tr, tr, n->session.tr, ESYS_TR_NONE, ESYS_TR_NONE, &part, (uint16_t)at);
                tpm_tcti_forget(n->t->tcti);
                if (rc != TSS2_RC_SUCCESS) {
                        r = nv_fail(f, n->t, rc, "write the keys to NV");
                        break;
                }
                at += part.size;
                n->t->nv_written += part.size;
        }
        wipe(&part, sizeof(part));
        if (r < 0) {
                nv_close(n->t, purpose);
                tpm_nv_end(n); /* it may hold a policy that was not used */
        }
        return r;
}

/* The session is salted, so its HMAC says that the TPM itself has locked. */
int tpm_nv_lock(struct tpm_nv *n, enum nv_purpose purpose, struct fail *f)
{
        int r = nv_open_present(n->t, purpose, n->auth_policy, f);
        ESYS_TR tr;
        TSS2_RC rc;

        if (r == -EIO)
                return r;
        if (r < 0)
                return fail_set(f, -ESTALE, "E-CAP", "look who else uses this TPM",
                                "lock NV index 0x%08x: it changed during the boot", nvdata_index(purpose));
        r = prepare(n, TPM_SECRET_NONE, f);
        if (r < 0)
                return r;
        tr = *slot(n->t, purpose);
        rc = Esys_NV_ReadLock(n->t->esys, tr, tr, n->session.tr, ESYS_TR_NONE, ESYS_TR_NONE);
        return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(f, n->t, "E-CAP", rc, "read-lock the keys in NV");
}

int tpm_nv_cap(struct tpm_nv *n, unsigned pcr, const void *data, size_t len, struct fail *f)
{
        _cleanup_(esys_freep) TPML_DIGEST_VALUES *values = NULL;
        TPM2B_EVENT event = { .size = (uint16_t)len };
        TSS2_RC rc;
        int r;

        if (len > sizeof(event.buffer))
                return fail_set(f, -E2BIG, "E-CAP", "give the image a shorter name",
                                "extend PCR %u: the manifest has %zu bytes, a TPM takes %zu", pcr, len,
                                sizeof(event.buffer));
        memcpy(event.buffer, data, len);
        r = tpm_session_set_last(&n->session, TPM_SECRET_COMMAND, f);
        if (r < 0)
                return r;
        rc = Esys_PCR_Event(n->t->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, n->session.tr, ESYS_TR_NONE, &event, &values);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, n->t, "E-CAP", rc, "extend the cap PCR");
        tpm_session_ended(&n->session);
        return 0;
}
