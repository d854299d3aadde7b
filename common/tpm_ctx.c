/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_ctx.h"

#include <fcntl.h>
#include <time.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tcti_device.h>
#ifdef MUSTER_TEST_TCTI
#include <tss2/tss2_tcti_swtpm.h>
#endif

#define DEVICE_WAIT_MS 10000 /* for the driver to appear */
#define NV_BUFFER_LEAST 512  /* PC Client profile */

static const char next_tpm[] = "check that the TPM 2.0 is enabled in the firmware's setup and that its driver is in the initramfs";
static const char next_bus[] = "see whether something sits between the machine and its TPM; switch the machine off and on";
static const char next_slots[] = "switch the machine off and on: something else holds the TPM's sessions or objects";

TSS2_RC tpm_rc_base(TSS2_RC rc)
{
        if ((rc & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER && (rc & TSS2_RC_LAYER_MASK) != TSS2_RESMGR_TPM_RC_LAYER)
                return rc;
        rc &= ~(TSS2_RC)TSS2_RC_LAYER_MASK;
        return rc & TPM2_RC_FMT1 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc;
}

static const char *next_step(TSS2_RC rc)
{
        switch (tpm_rc_base(rc)) {
        case TPM2_RC_BAD_AUTH:
                return "clear the TPM's owner and endorsement authorisation (tpm2_changeauth), or clear the TPM in the "
                       "firmware's setup";
        case TPM2_RC_LOCKOUT:
                return "wait until the TPM's lockout ends, or end it with tpm2_dictionarylockout --clear-lockout";
        case TPM2_RC_FAILURE:
                return "switch the machine off and on; replace the TPM if its self-test fails again";
        case TPM2_RC_INITIALIZE:
                return "update the firmware: it did not start the TPM";
        case TPM2_RC_SESSION_HANDLES:
        case TPM2_RC_SESSION_MEMORY:
        case TPM2_RC_OBJECT_HANDLES:
        case TPM2_RC_OBJECT_MEMORY:
                return next_slots;
        case TPM2_RC_AUTH_FAIL:
        case TSS2_ESYS_RC_RSP_AUTH_FAILED:
        case TSS2_ESYS_RC_MALFORMED_RESPONSE:
        case TSS2_TCTI_RC_MALFORMED_RESPONSE:
                return next_bus;
        default:
                return tpm_rc_busy(rc) ? "switch the machine off and on; the TPM stayed busy for 10 s" : next_tpm;
        }
}

int tpm_fail(struct fail *f, const struct tpm *t, const char *code, TSS2_RC rc, const char *what)
{
        return fail_set(f, -EIO, code ? code : "E-TPM", next_step(rc), "%s on %s: %s (0x%x)", what, t->name,
                        Tss2_RC_Decode(rc), rc);
}

void tpm_obj_flush(struct tpm_obj *o)
{
        if (o->tr != ESYS_TR_NONE && o->t && o->t->esys)
                (void)Esys_FlushContext(o->t->esys, o->tr);
        o->tr = ESYS_TR_NONE;
}

static int tcti_new(TSS2_RC (*init)(TSS2_TCTI_CONTEXT *, size_t *, const char *), const char *conf,
                    TSS2_TCTI_CONTEXT **ret, TSS2_RC *ret_rc)
{
        TSS2_TCTI_CONTEXT *c;
        size_t size = 0;

        *ret_rc = init(NULL, &size, NULL);
        if (*ret_rc != TSS2_RC_SUCCESS)
                return -EIO;
        c = calloc(1, size);
        if (!c)
                return -ENOMEM;
        *ret_rc = init(c, &size, conf);
        if (*ret_rc != TSS2_RC_SUCCESS) {
                free(c);
                return -EIO;
        }
        *ret = c;
        return 0;
}

static bool is_tpm12(void)
{
        _cleanup_(closep) int fd = open("/sys/class/tpm/tpm0/tpm_version_major", O_RDONLY | O_CLOEXEC);
        char c = 0;

        return fd >= 0 && read(fd, &c, 1) == 1 && c == '1';
}

static const char *find_device(void)
{
        static const char *const paths[] = { "/dev/tpmrm0", "/dev/tpm0" };

        for (int waited = 0;; waited += 100) {
                const struct timespec tick = { .tv_nsec = 100000000 };

                for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                        if (access(paths[i], R_OK | W_OK) == 0)
                                return paths[i];
                if (waited >= DEVICE_WAIT_MS || is_tpm12())
                        return NULL;
                (void)nanosleep(&tick, NULL);
        }
}

static int device_open(struct tpm *t, const char *spec, struct fail *f)
{
        TSS2_RC rc = TSS2_RC_SUCCESS;
        int r;

#ifdef MUSTER_TEST_TCTI
        if (spec && strncmp(spec, "swtpm:", 6) == 0) {
                (void)snprintf(t->name, sizeof(t->name), "%s", spec);
                r = tcti_new(Tss2_Tcti_Swtpm_Init, spec + 6, &t->device, &rc);
                return r < 0 ? tpm_fail(f, t, NULL, rc, "open the TPM") : 0;
        }
#endif
        if (!spec)
                spec = find_device();
        if (is_tpm12())
                return fail_set(f, -EPROTONOSUPPORT, "E-TPM", "switch the TPM to version 2.0 in the firmware's setup",
                                "open the TPM: this machine's TPM is version 1.2, and Muster needs 2.0");
        if (!spec)
                return fail_set(f, -ENODEV, "E-TPM", next_tpm, "open the TPM: neither /dev/tpmrm0 nor /dev/tpm0 is there");
        (void)snprintf(t->name, sizeof(t->name), "%s", spec);
        r = tcti_new(Tss2_Tcti_Device_Init, spec, &t->device, &rc);
        return r < 0 ? tpm_fail(f, t, NULL, rc, "open the TPM") : 0;
}

/* Four characters of a property. Others than printable ones, and the blanks at the end, are left out. */
static void four_characters(uint32_t v, char ret[5])
{
        size_t n = 0;

        for (int shift = 24; shift >= 0; shift -= 8)
                if ((v >> shift & 0xff) > 0x20 && (v >> shift & 0xff) < 0x7f)
                        ret[n++] = (char)(v >> shift & 0xff);
        ret[n] = '\0';
}

static int read_properties(struct tpm *t, uint32_t *ret_permanent, struct fail *f)
{
        static const uint32_t groups[] = { TPM2_PT_FIXED, TPM2_PT_VAR };
        char vendor[17] = "";
        uint32_t fw = 0;
        uint32_t permanent = 0;

        for (size_t g = 0; g < ELEMENTSOF(groups); g++) {
                _cleanup_(esys_freep) TPMS_CAPABILITY_DATA *cap = NULL;
                TPMI_YES_NO more = 0;
                TSS2_RC rc = Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                TPM2_CAP_TPM_PROPERTIES, groups[g], TPM2_MAX_TPM_PROPERTIES, &more, &cap);

                if (rc != TSS2_RC_SUCCESS)
                        return tpm_fail(f, t, NULL, rc, "read the TPM's properties");
                for (uint32_t i = 0; i < cap->data.tpmProperties.count; i++) {
                        uint32_t p = cap->data.tpmProperties.tpmProperty[i].property;
                        uint32_t v = cap->data.tpmProperties.tpmProperty[i].value;

                        if (p == TPM2_PT_NV_INDEX_MAX)
                                t->nv_index_max = v;
                        else if (p == TPM2_PT_NV_BUFFER_MAX && v >= 64)
                                t->nv_buffer_max = v < TPM2_MAX_NV_BUFFER_SIZE ? v : TPM2_MAX_NV_BUFFER_SIZE;
                        else if (p == TPM2_PT_MANUFACTURER)
                                four_characters(v, t->maker);
                        else if (p == TPM2_PT_PERMANENT)
                                permanent = v;
                        else if (p == TPM2_PT_FIRMWARE_VERSION_1)
                                fw = v;
                        else if (p >= TPM2_PT_VENDOR_STRING_1 && p < TPM2_PT_VENDOR_STRING_1 + 4)
                                for (uint32_t k = 0; k < 4; k++)
                                        vendor[(p - TPM2_PT_VENDOR_STRING_1) * 4 + k] = (char)(v >> (24 - 8 * k));
                }
        }
        for (size_t i = 0; i < 16; i++)
                if ((unsigned char)vendor[i] < 0x20 || (unsigned char)vendor[i] > 0x7e)
                        vendor[i] = ' ';
        for (size_t i = 16; i > 0 && vendor[i - 1] == ' '; i--)
                vendor[i - 1] = '\0';
        (void)snprintf(t->vendor, sizeof(t->vendor), "%s, firmware %u.%u", vendor, fw >> 16, fw & 0xffff);
        *ret_permanent = permanent;
        return 0;
}

int tpm_properties(struct tpm *t, struct fail *f)
{
        uint32_t permanent = 0;
        int r = t->asked ? 0 : read_properties(t, &permanent, f);

        if (r < 0)
                return r;
        if (permanent & (TPMA_PERMANENT_OWNERAUTHSET | TPMA_PERMANENT_ENDORSEMENTAUTHSET))
                return fail_set(f, -EACCES, "E-AUTH",
                                "remove it with tpm2_changeauth, or clear the TPM in the firmware's setup",
                                "use %s: its %s authorisation is set, Muster needs it empty", t->name,
                                permanent & TPMA_PERMANENT_OWNERAUTHSET ? "owner" : "endorsement");
        t->asked = true;
        return 0;
}

int tpm_manufacturer(struct tpm *t, char ret[5], struct fail *f)
{
        if (!t->maker[0]) {
                _cleanup_(esys_freep) TPMS_CAPABILITY_DATA *cap = NULL;
                TPMI_YES_NO more = 0;
                TSS2_RC rc = Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                TPM2_CAP_TPM_PROPERTIES, TPM2_PT_MANUFACTURER, 1, &more, &cap);

                if (rc != TSS2_RC_SUCCESS)
                        return tpm_fail(f, t, NULL, rc, "read the TPM's manufacturer");
                if (cap->data.tpmProperties.count == 1 &&
                    cap->data.tpmProperties.tpmProperty[0].property == TPM2_PT_MANUFACTURER)
                        four_characters(cap->data.tpmProperties.tpmProperty[0].value, t->maker);
        }
        memcpy(ret, t->maker, sizeof(t->maker));
        return 0;
}

int tpm_open(const char *spec, struct tpm **ret, struct fail *f)
{
        _cleanup_(tpm_closep) struct tpm *t = calloc(1, sizeof(*t));
        TSS2_RC rc;
        int r;

        if (!t)
                return fail_set(f, -ENOMEM, "E-TPM", "", "open the TPM: out of memory");
        r = device_open(t, spec, f);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(t->nv); i++)
                t->nv[i] = ESYS_TR_NONE;
        t->nv_index_max = 2048;
        t->nv_buffer_max = NV_BUFFER_LEAST;
        r = tpm_tcti_wrap(t->device, &t->counts, &t->tcti);
        if (r < 0)
                return fail_set(f, r, "E-TPM", "", "open the TPM: %s", strerror(-r));
        rc = Esys_Initialize(&t->esys, t->tcti, NULL);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, NULL, rc, "open the TPM");
        *ret = take_ptr(t);
        return 0;
}

void tpm_close(struct tpm *t)
{
        if (!t)
                return;
        tpm_tcti_flush(t->tcti);
        if (t->esys)
                Esys_Finalize(&t->esys);
        tpm_tcti_free(t->tcti);
        if (t->device) {
                Tss2_Tcti_Finalize(t->device);
                free(t->device);
        }
        free(t);
}
