/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include "conf.h"
#include "version.h"

#include <dirent.h>
#include <sys/mount.h>

#define SECURITYFS "/sys/kernel/security"
#define PORTS 1024 /* network ports that are looked at */
#define EVENTLOG SECURITYFS "/tpm0/binary_bios_measurements"

static void fact(const char *sysfs, const char *name, char ret[WIRE_FACT_MAX + 1])
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        char path[512];
        size_t n = 0;

        (void)snprintf(path, sizeof(path), "%s/class/dmi/id/%s", sysfs, name);
        if (file_read(path, 4096, &b) < 0)
                return;
        for (size_t i = 0; i < b.len && n < WIRE_FACT_MAX; i++)
                if (b.p[i] >= 0x20 && b.p[i] < 0x7f)
                        ret[n++] = (char)b.p[i];
        while (n > 0 && ret[n - 1] == ' ')
                n--;
        ret[n] = '\0';
}

static bool mac_ok(const char *s)
{
        if (strlen(s) != 17 || strcmp(s, "00:00:00:00:00:00") == 0)
                return false;
        for (size_t i = 0; i < 17; i++)
                if (i % 3 == 2 ? s[i] != ':' : !strchr("0123456789abcdef", s[i]))
                        return false;
        return true;
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_mac(const char *sysfs, const char *name, struct jstrs *ret)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/class/net/%.64s/address", sysfs, name);
        if (file_read(path, 4096, &b) < 0)
                return 0;
        b.p[strcspn((char *)b.p, "\n")] = '\0';
        if (!mac_ok((char *)b.p))
                return 0;
        for (size_t i = 0; i < ret->n; i++)
                if (strcmp(ret->v[i], (char *)b.p) == 0)
                        return 0;
        return jstrs_add(ret, (char *)b.p);
}

static int macs(const char *sysfs, struct jstrs *ret)
{
        char path[512];
        struct dirent *e;
        DIR *d;
        int r = 0;

        (void)snprintf(path, sizeof(path), "%s/class/net", sysfs);
        d = opendir(path);
        if (!d)
                return 0;
        while (r == 0 && ret->n < PORTS && (e = readdir(d)))
                if (e->d_name[0] != '.' && strcmp(e->d_name, "lo") != 0)
                        r = add_mac(sysfs, e->d_name, ret);
        (void)closedir(d);
        if (r == 0 && ret->n > 1)
                qsort(ret->v, ret->n, sizeof(*ret->v), compare);
        while (ret->n > WIRE_MACS) /* the same ones at each boot, whatever order the kernel found the ports in */
                free(ret->v[--ret->n]);
        return r;
}

int facts_read(const char *sysfs, struct attest_facts *ret)
{
        int r;

        *ret = (struct attest_facts){ 0 };
        fact(sysfs, "sys_vendor", ret->vendor);
        fact(sysfs, "product_name", ret->product);
        fact(sysfs, "product_serial", ret->serial);
        fact(sysfs, "product_uuid", ret->uuid);
        fact(sysfs, "bios_version", ret->firmware);
        (void)snprintf(ret->client, sizeof(ret->client), "muster-node " MUSTER_VERSION);
        r = macs(sysfs, &ret->macs);
        if (r < 0)
                attest_facts_wipe(ret);
        return r;
}

int eventlog_read(const char *path, struct buf *ret, struct fail *f)
{
        int r;

        if (!path) {
                path = EVENTLOG;
                if (access(path, R_OK) < 0)
                        (void)mount("securityfs", SECURITYFS, "securityfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
        }
        r = file_read(path, WIRE_EVENTLOG_MAX, ret);
        if (r == -EFBIG)
                return fail_set(f, r, "E-EVENTLOG", "report it with this machine's model",
                                "read the firmware's event log %s: it is over 128 KiB", path);
        if (r < 0)
                return fail_set(f, r, "E-EVENTLOG",
                                "boot through UEFI, with the TPM enabled in the firmware's setup (not CSM or legacy)",
                                "read the firmware's event log %s: %s", path, strerror(-r));
        if (ret->len == 0)
                return fail_set(f, -ENODATA, "E-EVENTLOG", "enable measured boot in the firmware's setup",
                                "read the firmware's event log %s: it is empty", path);
        return 0;
}
