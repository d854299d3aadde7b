/* SPDX-License-Identifier: Apache-2.0 */
#include "suspend.h"

#include "node.h"
#include "testing.h"

#include <fcntl.h>
#include <time.h>

/* Long enough for slow devices to fall asleep: an alarm that has rung by then wakes nobody up. */
#define ALARM_SECONDS "20"
/* Less is what the kernel takes to notice that it cannot sleep. */
#define SLEPT_MIN_MS 1000

bool suspend_measured(const struct tpm_look *look)
{
        static const uint8_t none[DIGEST_LEN];

        for (size_t i = 0; i < POLICY_PCRS; i++)
                if (memcmp(look->pcrs[i], none, DIGEST_LEN) != 0)
                        return true;
        return false;
}

enum suspend_result suspend_judge(const struct tpm_look *before, const struct tpm_look *after, int64_t slept_ms)
{
        const struct policy_boot *b = &before->counters;
        const struct policy_boot *a = &after->counters;

        if (a->reset_count > b->reset_count)
                return SUSPEND_RESET;
        if (a->reset_count < b->reset_count || a->restart_count < b->restart_count)
                return SUSPEND_UNCLEAR;
        if (a->restart_count > b->restart_count)
                return memcmp(after->pcrs, before->pcrs, sizeof(after->pcrs)) == 0 ? SUSPEND_RESUME : SUSPEND_RESTART;
        return slept_ms < SLEPT_MIN_MS ? SUSPEND_AWAKE : SUSPEND_POWERED;
}

const char *suspend_name(enum suspend_result r)
{
        static const char *const names[SUSPEND_RESULTS] = { "absent",  "awake", "powered", "resume",
                                                            "restart", "reset", "unclear" };

        return names[r];
}

bool power_offers(const char *dir, const char *name, const char *word)
{
        _cleanup_(buf_wipe) struct buf text = { 0 };
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
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

/* One write to a file of sysfs, which takes it whole or refuses it. */
static int put(const char *dir, const char *name, const char *text)
{
        _cleanup_(closep) int fd = -1;
        char path[512];
        size_t n = strlen(text);

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return write(fd, text, n) == (ssize_t)n ? 0 : errno ? -errno : -EIO;
}

/* How long this machine has slept since it was started. */
static int64_t slept_so_far(void)
{
        struct timespec all = { 0 };
        struct timespec awake = { 0 };

#ifdef MUSTER_TEST_TCTI
        const char *said = getenv("MUSTER_SLEPT"); /* a file with milliseconds */
        _cleanup_(buf_wipe) struct buf text = { 0 };

        if (said)
                return file_read(said, 32, &text) < 0 ? 0 : strtoll((const char *)text.p, NULL, 10);
#endif
        (void)clock_gettime(CLOCK_MONOTONIC, &awake);
        (void)clock_gettime(CLOCK_BOOTTIME, &all);
        return (all.tv_sec - awake.tv_sec) * 1000LL + (all.tv_nsec - awake.tv_nsec) / 1000000;
}

/* The word in brackets of mem_sleep, which stays the choice when this is over. */
static void chosen_form(const char *power, char *ret, size_t size)
{
        _cleanup_(buf_wipe) struct buf text = { 0 };
        char path[512];
        const char *at;
        size_t n;

        ret[0] = '\0';
        (void)snprintf(path, sizeof(path), "%s/mem_sleep", power);
        if (file_read(path, 4096, &text) < 0)
                return;
        at = strchr((const char *)text.p, '[');
        n = at ? strcspn(at + 1, "]") : 0;
        if (n > 0 && n < size)
                (void)snprintf(ret, size, "%.*s", (int)n, at + 1);
}

/* An alarm that somebody else has set is theirs. */
static int alarm_free(const char *rtc, struct fail *f)
{
        _cleanup_(buf_wipe) struct buf text = { 0 };
        char path[512];
        int r;

        (void)snprintf(path, sizeof(path), "%s/wakealarm", rtc);
        r = file_read(path, 64, &text);
        if (r < 0)
                return fail_set(f, r, "", "wake the machine by hand after `echo mem >/sys/power/state`, and compare two reports",
                                "try suspend to RAM: %s: %s, so nothing would wake this machine up", path, strerror(-r));
        if (text.len > 0)
                return fail_set(f, -EBUSY, "", "wait for it, or take it away by writing 0 to that file",
                                "try suspend to RAM: %s holds an alarm of somebody else", path);
        return 0;
}

int suspend_try(const char *power, const char *rtc, int64_t *ret_slept_ms, struct fail *f)
{
        char form[32];
        int64_t before;
        int r;

        if (!power_offers(power, "state", "mem") || !power_offers(power, "mem_sleep", "deep"))
                return -EOPNOTSUPP;
        r = alarm_free(rtc, f);
        if (r < 0)
                return r;
        chosen_form(power, form, sizeof(form));
        r = put(power, "mem_sleep", "deep");
        if (r < 0)
                return fail_set(f, r, "", "run it as root; see whether the kernel is locked down",
                                "choose suspend to RAM in %s/mem_sleep: %s", power, strerror(-r));
        r = put(rtc, "wakealarm", "+" ALARM_SECONDS);
        if (r < 0) {
                (void)fail_set(f, r, "", "see the kernel's messages about the clock", "set the alarm in %s/wakealarm: %s", rtc,
                               strerror(-r));
        } else {
                before = slept_so_far();
                r = put(power, "state", "mem");
                testing_stop("asleep");
                *ret_slept_ms = slept_so_far() - before;
                if (r < 0)
                        (void)fail_set(f, r, "", "see the kernel's messages about what would not sleep",
                                       "suspend to RAM by %s/state: %s", power, strerror(-r));
                (void)put(rtc, "wakealarm", "0");
        }
        if (form[0])
                (void)put(power, "mem_sleep", form);
        return r;
}
