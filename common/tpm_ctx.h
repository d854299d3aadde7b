/* SPDX-License-Identifier: Apache-2.0 */
/* tpm_ctx.h - one open TPM 2.0: context, properties, handles, error texts.
 *
 * I/O on the TPM only, no logging; single-threaded. Functions return 0 or
 * negative errno and fill `f` (never NULL) with what was attempted, why,
 * and what to do. struct tpm is owned by the caller; tpm_close() is
 * NULL-safe. A struct tpm_obj names a transient object or session and is
 * flushed when it leaves its scope: `_cleanup_(tpm_obj_flush)`; the TPM
 * must outlive it. */
#ifndef MUSTER_TPM_CTX_H
#define MUSTER_TPM_CTX_H

#include "log.h"
#include "mem.h"
#include "tpm_tcti.h"

#include <tss2/tss2_esys.h>

struct tpm {
        ESYS_CONTEXT *esys;
        TSS2_TCTI_CONTEXT *tcti;   /* the wrapper of tpm_tcti.h */
        TSS2_TCTI_CONTEXT *device;
        struct tpm_counts counts;
        uint64_t nv_written;       /* bytes, of Muster's indices */
        bool asked;                /* tpm_properties() was */
        uint32_t nv_index_max;     /* bytes of one index */
        uint32_t nv_buffer_max;    /* bytes of one NV_Read or NV_Write; what all can until asked */
        ESYS_TR nv[2];             /* Muster's indices once looked at, tpm_nv.c's */
        TPM2_HANDLE nv_at[64];     /* indices that exist, tpm_nv_list()'s */
        size_t n_nv_at;
        bool nv_listed;
        char maker[5];             /* "IFX"; "" until asked */
        char name[64];             /* "/dev/tpmrm0" */
        char vendor[40];           /* "IBM SW TPM, firmware 2019.1023"; "" until asked */
};

/* spec NULL: /dev/tpmrm0, else /dev/tpm0. Test builds take "swtpm:CONF".
 * Sends nothing. E-TPM: none, or TPM 1.2. */
int tpm_open(const char *spec, struct tpm **ret, struct fail *f);
/* Asks for the limits and whether the hierarchies are open to us, once: only
 * what makes or writes something needs to know. E-AUTH: they are not. */
int tpm_properties(struct tpm *t, struct fail *f);
/* TPM2_PT_MANUFACTURER as text, its padding left out: "IBM", "STM", "INTC". */
int tpm_manufacturer(struct tpm *t, char ret[5], struct fail *f);
/* Leaves no object and no session in the TPM, whatever failed before. */
void tpm_close(struct tpm *t);
DEFINE_CLEANUP(struct tpm *, tpm_close)

struct tpm_obj {
        struct tpm *t;
        ESYS_TR tr;
};

#define TPM_OBJ_NONE(tpm) ((struct tpm_obj){ (tpm), ESYS_TR_NONE })
void tpm_obj_flush(struct tpm_obj *o);

/* Sets f (code E-TPM unless `code`): "<what>: <TPM's reason>". */
int tpm_fail(struct fail *f, const struct tpm *t, const char *code, TSS2_RC rc, const char *what);

/* The TPM's own response code without parameter numbers. */
TSS2_RC tpm_rc_base(TSS2_RC rc);

/* TPM2_ReadPublic or TPM2_NV_ReadPublic, once: *ret names what is at the
 * handle and *ret_public is the TPM2B_PUBLIC or TPM2B_NV_PUBLIC, to be
 * freed, that this very answer gave. -ENOENT: nothing there, or nothing that
 * can be read. */
int tpm_look(struct tpm *t, TPM2_HANDLE handle, ESYS_TR *ret, struct buf *ret_public, struct fail *f);

/* The NV indices from `first` to `last` that existed when this was first
 * asked: Muster's, those of EK certificates and what lies between. */
#define TPM_NV_FIRST 0x01804D01u
#define TPM_NV_LAST 0x01c001ffu
int tpm_nv_list(struct tpm *t, TPM2_HANDLE first, TPM2_HANDLE last, TPM2_HANDLE *ret, size_t max, size_t *ret_n,
                struct fail *f);

/* Handles that exist, from `first` to `last`. */
int tpm_handles(struct tpm *t, TPM2_HANDLE first, TPM2_HANDLE last, TPM2_HANDLE *ret, size_t max, size_t *ret_n,
                struct fail *f);

static inline void esys_freep(void *p)
{
        Esys_Free(*(void **)p);
        *(void **)p = NULL;
}

#endif
