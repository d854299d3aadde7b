/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * Cap and read locks hold until the TPM is reset. A platform that resets it under a running system, by sleep above all,
 * gives root a TPM that has forgotten both. This looks at what the kernel offers of sleep and at the TPM's counters. It
 * only reads, unless it is told to try: then it looks, puts the machine to sleep (suspend.c), and looks again. resetCount
 * counts TPM Resets, restartCount TPM Restarts and Resumes, and the clock goes on. The kernel says TPM2_Shutdown(STATE)
 * before it sleeps. Root can have it left out, so that a firmware which resumes or restarts the TPM after it resets it
 * then: any of the three means that the TPM is without power. */
#include "node.h"

#include "jout.h"
#include "suspend.h"

static const char *dir_of(const char *name, const char *dir)
{
#ifdef MUSTER_TEST_TCTI
        const char *other = getenv(name);

        if (other)
                return other;
#else
        (void)name;
#endif
        return dir;
}

static int look_at(struct tpm_look *ret, struct fail *f)
{
        _cleanup_(tpm_closep) struct tpm *t = NULL;
        _cleanup_(esys_freep) TPMS_TIME_INFO *now = NULL;
        const char *tcti = NULL;
        TSS2_RC rc;
        int r;

#ifdef MUSTER_TEST_TCTI
        tcti = getenv("MUSTER_TCTI");
#endif
        r = tpm_open(tcti, &t, f);
        if (r < 0)
                return r;
        rc = Esys_ReadClock(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &now);
        if (rc != TSS2_RC_SUCCESS)
                return tpm_fail(f, t, NULL, rc, "read the clock");
        ret->counters = (struct policy_boot){ now->clockInfo.resetCount, now->clockInfo.restartCount };
        ret->clock = now->clockInfo.clock;
        ret->clock_safe = now->clockInfo.safe == TPM2_YES;
        return tpm_pcr_read(t, ret->pcrs, f);
}

static void look_out(struct jout *o, const char *key, const struct tpm_look *look)
{
        jout_obj(o, key);
        jout_int(o, "reset_count", look->counters.reset_count);
        jout_int(o, "restart_count", look->counters.restart_count);
        jout_int(o, "clock", (int64_t)look->clock);
        jout_bool(o, "clock_safe", look->clock_safe);
        jout_end(o, '}');
}

/* What the second look means, and whether the TPM was without power. */
static void say_result(enum suspend_result r)
{
        static const struct {
                enum log_level level;
                const char *words;
        } said[SUSPEND_RESULTS] = {
                [SUSPEND_ABSENT] = { LOG_LVL_INFO, "suspend to RAM: the kernel does not offer it, so nothing was tried" },
                [SUSPEND_AWAKE] = { LOG_LVL_ERR, "suspend to RAM: the machine did not sleep, so this says nothing of its TPM. Next: see the kernel's messages" },
                [SUSPEND_POWERED] = { LOG_LVL_INFO, "suspend to RAM: the TPM kept its power" },
                [SUSPEND_RESUME] = { LOG_LVL_WARN, "suspend to RAM: TPM Resume: PCRs were kept, after a TPM2_Shutdown(STATE) that root can have left out; then this is a Reset" },
                [SUSPEND_RESTART] = { LOG_LVL_WARN, "suspend to RAM: TPM Restart: PCRs and read locks are gone, and resetCount does not show it" },
                [SUSPEND_RESET] = { LOG_LVL_WARN, "suspend to RAM: TPM Reset: PCRs and read locks are gone" },
                [SUSPEND_UNCLEAR] = { LOG_LVL_ERR, "suspend to RAM: a counter of the TPM went back: it was cleared meanwhile, or this is another TPM" },
        };

        log_msg(said[r].level, "%s", said[r].words);
}
/* Tries it. `now` becomes the second look. 0: *ret and *ret_slept_ms are set. */
static int suspend(struct tpm_look *now, enum suspend_result *ret, int64_t *ret_slept_ms, struct fail *f)
{
        const struct tpm_look before = *now;
        int r;

        if (!suspend_measured(&before))
                return fail_set(f, -ENODATA, "", "boot with measured boot switched on in the firmware's setup",
                                "try suspend to RAM: no PCR of this TPM has been extended, so nothing shows whether they are kept");
        r = suspend_try(dir_of("MUSTER_POWER", "/sys/power"), dir_of("MUSTER_RTC", "/sys/class/rtc/rtc0"), ret_slept_ms, f);
        *ret = SUSPEND_ABSENT;
        if (r == -EOPNOTSUPP)
                return 0;
        if (r == 0)
                r = look_at(now, f);
        if (r == 0)
                *ret = suspend_judge(&before, now, *ret_slept_ms);
        return r;
}

static int failed(const struct fail *f, int status)
{
        log_err("%s%s%s.%s%s", f->code, f->code[0] ? ": " : "", f->what, f->next[0] ? " Next: " : "", f->next);
        return status;
}

/* What the kernel offers of sleep. */
struct sleeps {
        bool known; /* false: it cannot be read */
        bool ram, idle, disk;
};

static struct sleeps offered(const char *power)
{
        _cleanup_(buf_wipe) struct buf state = { 0 };
        _cleanup_(buf_wipe) struct buf forms = { 0 };
        char path[512];
        struct sleeps s = { 0 };

        (void)snprintf(path, sizeof(path), "%s/state", power);
        s.known = file_read(path, 4096, &state) == 0;
        (void)snprintf(path, sizeof(path), "%s/mem_sleep", power);
        /* without a choice of forms "mem" is suspend to RAM */
        s.ram = file_read(path, 4096, &forms) < 0 ? power_offers(power, "state", "mem")
                                                  : power_offers(power, "mem_sleep", "deep") || power_offers(power, "mem_sleep", "shallow");
        s.ram = s.ram || power_offers(power, "state", "standby");
        s.idle = power_offers(power, "mem_sleep", "s2idle");
        s.disk = power_offers(power, "state", "disk") && !power_offers(power, "disk", "disabled");
        return s;
}

void platform_warn(const char *node)
{
        struct sleeps s = offered(dir_of("MUSTER_POWER", "/sys/power"));

        if (s.known && s.ram)
                log_warn("node=%.16s this kernel offers suspend to RAM, after which root can undo cap and read locks: the ACPI table "
                         "against it is missing, or was ignored as under Secure Boot. Next: see Suspend in the dracut module's README",
                         node);
}

int cmd_check_platform(bool try)
{
        const char *power = dir_of("MUSTER_POWER", "/sys/power");
        const struct sleeps s = offered(power);
        _cleanup_(jout_wipe) struct jout o = { 0 };
        _cleanup_(buf_wipe) struct buf text = { 0 };
        enum suspend_result result = SUSPEND_ABSENT;
        struct tpm_look before = { 0 };
        struct tpm_look now;
        struct fail f = { 0 };
        int64_t slept_ms = 0;
        bool ram = s.ram;

        if (!s.known) {
                log_err("look at what the kernel offers of sleep: %s/state cannot be read. Next: mount sysfs, or ask a kernel with "
                        "power management", power);
                return EXIT_UNTRIED;
        }
        if (look_at(&before, &f) < 0)
                return failed(&f, EXIT_TPM);
        now = before;
        if (try && suspend(&now, &result, &slept_ms, &f) < 0)
                return failed(&f, f.code[0] ? EXIT_TPM : EXIT_UNTRIED);
        jout_obj(&o, NULL);
        jout_bool(&o, "suspend_to_ram", ram);
        jout_bool(&o, "suspend_to_idle", s.idle);
        jout_bool(&o, "hibernation", s.disk);
        look_out(&o, "tpm", &now);
        if (try) {
                jout_obj(&o, "suspended");
                jout_str(&o, "result", suspend_name(result));
                jout_int(&o, "slept_ms", slept_ms);
                jout_bool(&o, "pcrs_kept", memcmp(before.pcrs, now.pcrs, sizeof(now.pcrs)) == 0);
                look_out(&o, "before", &before);
                jout_end(&o, '}');
        }
        jout_end(&o, '}');
        if (jout_take(&o, &text) < 0 || printf("%s\n", (char *)text.p) < 0 || fflush(stdout) != 0)
                return EXIT_OTHER;
        if (try)
                say_result(result);
        if (result == SUSPEND_AWAKE || result == SUSPEND_UNCLEAR)
                return EXIT_UNTRIED;
        if (result == SUSPEND_POWERED)
                ram = false;
        if (!ram && !s.disk)
                return EXIT_OK;
        log_warn("this machine can sleep with its TPM without power (%s), after which PCR 15 and the read locks may be gone. "
                 "Next: switch it off in the firmware's setup, or see the dracut module's README",
                 ram && s.disk ? "to RAM and to disk" : ram ? "to RAM" : "to disk");
        return EXIT_PLATFORM;
}
