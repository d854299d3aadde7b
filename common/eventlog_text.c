/* SPDX-License-Identifier: Apache-2.0 */
#include "eventlog.h"

#include "cursor.h"

#include <inttypes.h>
#include <stdarg.h>

static const struct {
        uint32_t type;
        const char *name;
} types[] = {
        { 0x00000000, "EV_PREBOOT_CERT" },
        { 0x00000001, "EV_POST_CODE" },
        { 0x00000002, "EV_UNUSED" },
        { 0x00000003, "EV_NO_ACTION" },
        { 0x00000004, "EV_SEPARATOR" },
        { 0x00000005, "EV_ACTION" },
        { 0x00000006, "EV_EVENT_TAG" },
        { 0x00000007, "EV_S_CRTM_CONTENTS" },
        { 0x00000008, "EV_S_CRTM_VERSION" },
        { 0x00000009, "EV_CPU_MICROCODE" },
        { 0x0000000a, "EV_PLATFORM_CONFIG_FLAGS" },
        { 0x0000000b, "EV_TABLE_OF_DEVICES" },
        { 0x0000000c, "EV_COMPACT_HASH" },
        { 0x0000000d, "EV_IPL" },
        { 0x0000000e, "EV_IPL_PARTITION_DATA" },
        { 0x0000000f, "EV_NONHOST_CODE" },
        { 0x00000010, "EV_NONHOST_CONFIG" },
        { 0x00000011, "EV_NONHOST_INFO" },
        { 0x00000012, "EV_OMIT_BOOT_DEVICE_EVENTS" },
        { 0x00000013, "EV_POST_CODE2" },
        { 0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG" },
        { 0x80000002, "EV_EFI_VARIABLE_BOOT" },
        { 0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION" },
        { 0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER" },
        { 0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER" },
        { 0x80000006, "EV_EFI_GPT_EVENT" },
        { 0x80000007, "EV_EFI_ACTION" },
        { 0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB" },
        { 0x80000009, "EV_EFI_HANDOFF_TABLES" },
        { 0x8000000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2" },
        { 0x8000000b, "EV_EFI_HANDOFF_TABLES2" },
        { 0x8000000c, "EV_EFI_VARIABLE_BOOT2" },
        { 0x8000000d, "EV_EFI_GPT_EVENT2" },
        { 0x80000010, "EV_EFI_HCRTM_EVENT" },
        { 0x800000e0, "EV_EFI_VARIABLE_AUTHORITY" },
        { 0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB" },
        { 0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG" },
        { 0x800000e3, "EV_EFI_SPDM_DEVICE_POLICY" },
        { 0x800000e4, "EV_EFI_SPDM_DEVICE_AUTHORITY" },
};

static const struct {
        uint16_t alg;
        const char *name;
} algs[] = {
        { TPM_SHA1, "sha1" },     { TPM_SHA256, "sha256" },   { TPM_SHA384, "sha384" },
        { TPM_SHA512, "sha512" }, { TPM_SM3_256, "sm3_256" },
};

const char *evlog_type_name(uint32_t type, char buf[11])
{
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (types[i].type == type)
                        return types[i].name;
        (void)snprintf(buf, 11, "0x%08" PRIx32, type);
        return buf;
}

const char *evlog_alg_name(uint16_t alg, char buf[7])
{
        for (size_t i = 0; i < ELEMENTSOF(algs); i++)
                if (algs[i].alg == alg)
                        return algs[i].name;
        (void)snprintf(buf, 7, "0x%04x", (unsigned)alg);
        return buf;
}

uint16_t evlog_alg_from_name(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(algs); i++)
                if (strcmp(algs[i].name, name) == 0)
                        return algs[i].alg;
        return 0;
}

/* One line, cut at cap; a cut line ends in "...". */
struct text {
        char *p;
        size_t cap, len;
};

static void add_char(struct text *t, char c)
{
        if (t->len + 1 < t->cap) {
                t->p[t->len++] = c;
                t->p[t->len] = '\0';
        } else if (t->cap > 4) {
                memcpy(t->p + t->cap - 4, "...", 4);
        }
}

static _printf_(2, 3) void add(struct text *t, const char *fmt, ...)
{
        char b[128];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(b, sizeof(b), fmt, ap);
        va_end(ap);
        for (const char *s = b; *s; s++)
                add_char(t, *s);
}

static void add_code(struct text *t, uint32_t c)
{
        if (c == '\\' || c == '"')
                add(t, "\\%c", (char)c);
        else if (c >= 0x20 && c < 0x7f)
                add_char(t, (char)c);
        else if (c < 0x100)
                add(t, "\\x%02" PRIx32, c);
        else
                add(t, "\\u%04" PRIx32, c);
}

static void add_ascii(struct text *t, const uint8_t *p, size_t n)
{
        while (n > 0 && p[n - 1] == 0)
                n--;
        for (size_t i = 0; i < n && t->len + 1 < t->cap; i++)
                add_code(t, p[i]);
        if (n > 0 && t->len + 1 >= t->cap)
                add_char(t, '.'); /* marks the cut */
}

static void add_utf16(struct text *t, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i + 1 < n && t->len + 1 < t->cap; i += 2) {
                uint32_t c = p[i] | (uint32_t)p[i + 1] << 8;

                if (c == 0)
                        return;
                add_code(t, c);
        }
}

static void add_guid(struct text *t, const uint8_t g[16])
{
        static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

        for (size_t i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        add_char(t, '-');
                add(t, "%02x", g[order[i]]);
        }
}

static void add_hex(struct text *t, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n && i < 32; i++)
                add(t, "%02x", p[i]);
        if (n > 32)
                add(t, "... (%zu bytes)", n);
}

/* Text if it looks like some, else hex. */
static void add_opaque(struct text *t, const uint8_t *p, size_t n)
{
        bool wide = n >= 4 && n % 2 == 0, ascii = n > 0;

        for (size_t i = 0; i < n; i++) {
                bool printable = p[i] >= 0x20 && p[i] < 0x7f;

                if (i % 2 ? p[i] != 0 : !printable && !(p[i] == 0 && i + 2 >= n))
                        wide = false;
                if (!printable && !(p[i] == 0 && i + 1 == n) && p[i] != '\n' && p[i] != '\t')
                        ascii = false;
        }
        if (wide || ascii) {
                add_char(t, '"');
                if (wide)
                        add_utf16(t, p, n);
                else
                        add_ascii(t, p, n);
                add_char(t, '"');
        } else {
                add_hex(t, p, n);
        }
}

static int describe_variable(struct text *t, struct cursor c)
{
        const uint8_t *guid, *name, *data;
        uint64_t chars, size;

        if (cur_take(&c, 16, &guid) < 0 || cur_u64le(&c, &chars) < 0 || cur_u64le(&c, &size) < 0 ||
            chars > c.left / 2 || cur_take(&c, 2 * (size_t)chars, &name) < 0 || size > c.left ||
            cur_take(&c, (size_t)size, &data) < 0)
                return -EBADMSG;
        add(t, "variable ");
        add_utf16(t, name, 2 * (size_t)chars);
        add_char(t, '-');
        add_guid(t, guid);
        if (size == 0) {
                add(t, ", empty");
        } else if (size <= 8) {
                add(t, " = ");
                add_hex(t, data, (size_t)size);
        } else {
                add(t, ", %" PRIu64 " bytes", size);
        }
        return 0;
}

static void describe_node(struct text *t, uint8_t type, uint8_t sub, const uint8_t *p, size_t n)
{
        if (type == 4 && sub == 4) {
                add(t, "/file ");
                add_utf16(t, p, n);
        } else if (type == 3 && sub == 24) {
                add(t, "/uri ");
                add_ascii(t, p, n);
        } else if (type == 3 && sub == 11 && n >= 6) {
                add(t, "/mac %02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4], p[5]);
        } else if (type == 4 && (sub == 6 || sub == 7) && n >= 16) {
                add(t, sub == 6 ? "/firmware-file " : "/firmware-volume ");
                add_guid(t, p);
        } else if (type == 1 && sub == 1 && n >= 2) {
                add(t, "/pci %02x.%x", p[1], p[0]);
        } else {
                add(t, "/%u.%u", type, sub);
        }
}

static int describe_path(struct text *t, struct cursor c)
{
        while (c.left > 0) {
                const uint8_t *p = NULL;
                uint8_t type = 0;
                uint8_t sub = 0;
                uint16_t n = 0;

                if (cur_u8(&c, &type) < 0 || cur_u8(&c, &sub) < 0 || cur_u16le(&c, &n) < 0 || n < 4 ||
                    cur_take(&c, n - 4u, &p) < 0)
                        return -EBADMSG;
                if (type == 0x7f)
                        return 0;
                describe_node(t, type, sub, p, n - 4u);
        }
        return 0;
}

static int image_path(struct cursor c, uint64_t *ret_size, struct cursor *ret)
{
        const uint8_t *path;
        uint64_t base, link, n;

        if (cur_u64le(&c, &base) < 0 || cur_u64le(&c, ret_size) < 0 || cur_u64le(&c, &link) < 0 ||
            cur_u64le(&c, &n) < 0 || n > c.left || cur_take(&c, (size_t)n, &path) < 0)
                return -EBADMSG;
        *ret = cur_of(path, (size_t)n);
        return 0;
}

static bool node_is(struct cursor *c, uint8_t type, uint8_t sub, size_t size)
{
        const uint8_t *p;
        uint8_t t = 0;
        uint8_t s = 0;
        uint16_t n = 0;

        return cur_u8(c, &t) == 0 && cur_u8(c, &s) == 0 && cur_u16le(c, &n) == 0 && t == type && s == sub && n == 4 + size &&
               cur_take(c, size, &p) == 0;
}

/* A volume, a file in it, the path's end. */
bool evlog_says_firmware_volume(const struct evlog_event *e)
{
        struct cursor path;
        uint64_t size;

        return e->type == EV_EFI_BOOT_SERVICES_APPLICATION && image_path(cur_of(e->data, e->size), &size, &path) == 0 &&
               node_is(&path, 4, 7, 16) && node_is(&path, 4, 6, 16) && node_is(&path, 0x7f, 0xff, 0) && path.left == 0;
}

static int describe_image(struct text *t, struct cursor c)
{
        struct cursor path;
        uint64_t size;

        if (image_path(c, &size, &path) < 0)
                return -EBADMSG;
        add(t, "image of %" PRIu64 " bytes", size);
        if (path.left > 4) /* more than its end */
                add(t, " from ");
        return describe_path(t, path);
}

static int describe_gpt(struct text *t, struct cursor c)
{
        const uint8_t *guid;
        uint64_t n;

        if (cur_skip(&c, 56) < 0 || cur_take(&c, 16, &guid) < 0 || cur_skip(&c, 20) < 0 || cur_u64le(&c, &n) < 0 ||
            n > c.left / 128)
                return -EBADMSG;
        add(t, "GPT of disk ");
        add_guid(t, guid);
        add(t, ", %" PRIu64 " partitions", n);
        return 0;
}

static int describe_blob(struct text *t, const struct evlog_event *e)
{
        struct cursor c = cur_of(e->data, e->size);
        uint64_t base, size;

        if (e->size != 16) {
                add_opaque(t, e->data, e->size);
                return 0;
        }
        if (cur_u64le(&c, &base) < 0 || cur_u64le(&c, &size) < 0)
                return -EBADMSG;
        add(t, "firmware at 0x%" PRIx64 ", %" PRIu64 " bytes", base, size);
        return 0;
}

static int describe_tagged(struct text *t, struct cursor c)
{
        const uint8_t *p;
        uint32_t id, n;

        if (cur_u32le(&c, &id) < 0 || cur_u32le(&c, &n) < 0 || cur_take(&c, n, &p) < 0)
                return -EBADMSG;
        add(t, "tag 0x%08" PRIx32 " ", id);
        add_opaque(t, p, n);
        return 0;
}

static void describe_separator(struct text *t, const struct evlog_event *e)
{
        static const uint8_t zero[4], ones[4] = { 0xff, 0xff, 0xff, 0xff }, error[4] = { 1, 0, 0, 0 };

        if (same_bytes(e->data, e->size, zero, 4) || same_bytes(e->data, e->size, ones, 4)) {
                add(t, "separator");
        } else if (same_bytes(e->data, e->size, error, 4)) {
                add(t, "separator: firmware reports an error");
        } else {
                add(t, "separator ");
                add_opaque(t, e->data, e->size);
        }
}

static int describe(struct text *t, const struct evlog_event *e)
{
        struct cursor c = cur_of(e->data, e->size);

        switch (e->type) {
        case EV_SEPARATOR:
                describe_separator(t, e);
                return 0;
        case EV_NO_ACTION:
                if (e->size >= 16 && memcmp(e->data, "StartupLocality", 16) == 0)
                        add(t, "StartupLocality %d", e->size > 16 ? e->data[16] : -1);
                else
                        add_ascii(t, e->data, e->size < 16 ? e->size : 16);
                return 0;
        case EV_EVENT_TAG:
                return describe_tagged(t, c);
        case EV_EFI_VARIABLE_DRIVER_CONFIG:
        case EV_EFI_VARIABLE_BOOT:
        case EV_EFI_VARIABLE_BOOT2:
        case EV_EFI_VARIABLE_AUTHORITY:
                return describe_variable(t, c);
        case EV_EFI_BOOT_SERVICES_APPLICATION:
        case EV_EFI_BOOT_SERVICES_DRIVER:
        case EV_EFI_RUNTIME_SERVICES_DRIVER:
                return describe_image(t, c);
        case EV_EFI_GPT_EVENT:
                return describe_gpt(t, c);
        case EV_EFI_PLATFORM_FIRMWARE_BLOB:
        case EV_POST_CODE:
                return describe_blob(t, e);
        default:
                add_opaque(t, e->data, e->size);
                return 0;
        }
}

int evlog_describe(const struct evlog_event *e, char *buf, size_t cap)
{
        struct text t = { buf, cap, 0 };
        int r;

        if (cap == 0)
                return -ENOBUFS;
        buf[0] = '\0';
        r = describe(&t, e);
        if (r < 0) {
                t.len = 0;
                buf[0] = '\0';
                add(&t, "malformed data, %zu bytes", e->size);
        }
        return r;
}
