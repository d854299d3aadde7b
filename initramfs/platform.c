/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * Cap and read locks hold until the TPM is reset. A platform that resets it under a running system, by sleep above all,
 * gives root a TPM that has forgotten both. This looks at what the kernel offers of sleep and at the TPM's counters. It
 * only reads. Two looks, before and after whatever an admin tries, show what the firmware made of it: resetCount counts
 * TPM Resets, restartCount TPM Restarts and Resumes, and the clock goes on. */
#include "node.h"

#include "facts.h"
#include "jout.h"

static const char *power_dir(void)
{
#ifdef MUSTER_TEST_TCTI
        const char *dir = getenv("MUSTER_POWER");

        if (dir)
                return dir;
#endif
        return "/sys/power";
}

/* Is `word` one of the words of this file? "[deep]", the one that is chosen, counts as "deep". */
static bool offers(const char *name, const char *word)
{
        _cleanup_(buf_wipe) struct buf text = { 0 };
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/%s", power_dir(), name);
        if (file_read(path, 4096, &text) < 0)
                return false;
        for (const char *p = (const char *)text.p; *p;) {
                size_t n = strcspn(p, " []\n");

                if (n == strlen(word) && memcmp(p, word, n) == 0)
                        return true;
                p += n + strspn(p + n, " []\n");
        }
        return false;
}

static int clock_out(struct jout *o, struct tpm *t, struct fail *f)
{
        _cleanup_(esys_freep) TPMS_TIME_INFO *now = NULL;
        TSS2_RC rc = Esys_ReadClock(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &now);

        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, NULL, rc, "read the clock");
        jout_obj(o, "tpm");
        jout_int(o, "reset_count", now->clockInfo.resetCount);
        jout_int(o, "restart_count", now->clockInfo.restartCount);
        jout_int(o, "clock", (int64_t)now->clockInfo.clock);
        jout_bool(o, "clock_safe", now->clockInfo.safe == TPM2_YES);
        jout_end(o, '}');
        return 0;
}

int cmd_check_platform(void)
{
        _cleanup_(jout_wipe) struct jout o = { 0 };
        _cleanup_(tpm_closep) struct tpm *t = NULL;
        _cleanup_(buf_wipe) struct buf text = { 0 };
        struct fail f = { 0 };
        const char *tcti = NULL;
        bool ram = offers("mem_sleep", "deep") || offers("mem_sleep", "shallow") || offers("state", "standby");
        bool disk = offers("state", "disk") && !offers("disk", "disabled");

#ifdef MUSTER_TEST_TCTI
        tcti = getenv("MUSTER_TCTI");
#endif
        jout_obj(&o, NULL);
        jout_bool(&o, "suspend_to_ram", ram);
        jout_bool(&o, "suspend_to_idle", offers("mem_sleep", "s2idle"));
        jout_bool(&o, "hibernation", disk);
        if (tpm_open(tcti, &t, &f) < 0 || clock_out(&o, t, &f) < 0) {
                log_err("%s: %s.%s%s", f.code, f.what, f.next[0] ? " Next: " : "", f.next);
                return EXIT_TPM;
        }
        jout_end(&o, '}');
        if (jout_take(&o, &text) < 0 || printf("%s\n", (char *)text.p) < 0 || fflush(stdout) != 0)
                return EXIT_OTHER;
        if (!ram && !disk)
                return EXIT_OK;
        log_warn("this machine can sleep with its TPM without power (%s), after which PCR 15 and the read locks may be gone. "
                 "Next: switch it off in the firmware's setup, or see the dracut module's README",
                 ram && disk ? "to RAM and to disk" : ram ? "to RAM" : "to disk");
        return EXIT_PLATFORM;
}
