/* SPDX-License-Identifier: Apache-2.0 */
/* What PCR 1 says of the firmware's settings, without what differs from
 * machine to machine of one model.
 *
 * DOC: what is left out, and what a lie about it is worth
 * The boot order and its entries are left out, wherever they stand: a machine
 * gets an entry for each disk and network card, and changes their order by
 * itself. An event counts as such only when it is of a type for variables, is
 * named BootOrder, BootNext, BootCurrent or Boot0000, and its digest is that
 * of its data. Many firmwares digest the value alone: the name is then only
 * said, so the value has to be what the name stands for. A boot entry has to
 * be a load option from end to end, and an order may only list entries that
 * this log has, each once.
 * Handoff tables (SMBIOS: serial number, asset tag, memory modules) are
 * masked by their type, which nothing proves; each keeps its place in the
 * sequence.
 * All else has to be as it was learnt, in that order and nothing besides. So
 * who calls a changed setting a boot entry or a table does not pass: the
 * event that the profile has in that place is missing. */
#include "profile.h"

#include "cursor.h"
#include "digest.h"
#include "evidence_impl.h"

#define BOOT_ENTRIES 256
#define OPTION_ACTIVE_BITS 0x0000000bu /* active, force reconnect, hidden */
#define OPTION_CATEGORY_BITS 0x00001f00u

struct variable {
        const uint8_t *guid;
        const uint8_t *name; /* UTF-16LE */
        size_t name_len;     /* in characters */
        const uint8_t *value;
        size_t value_len;
};

/* UEFI_VARIABLE_DATA, to its last byte. */
static bool variable_of(const struct evlog_event *e, struct variable *ret)
{
        struct cursor c = cur_of(e->data, e->size);
        uint64_t name_len;
        uint64_t value_len;

        if (cur_take(&c, 16, &ret->guid) < 0 || cur_u64le(&c, &name_len) < 0 || cur_u64le(&c, &value_len) < 0 ||
            name_len > c.left / 2 || cur_take(&c, (size_t)name_len * 2, &ret->name) < 0 || value_len != c.left)
                return false;
        ret->name_len = (size_t)name_len;
        ret->value = c.p;
        ret->value_len = c.left;
        return true;
}

static bool is_variable(uint32_t type)
{
        return type == EV_EFI_VARIABLE_BOOT || type == EV_EFI_VARIABLE_BOOT2 || type == EV_EFI_VARIABLE_DRIVER_CONFIG;
}

static void name_of(const struct variable *v, char ret[PROFILE_SETTING_NAME + 1])
{
        size_t n = 0;

        for (size_t i = 0; i < v->name_len && n < PROFILE_SETTING_NAME; i++) {
                uint8_t c = v->name[2 * i];

                if (c == 0 && v->name[2 * i + 1] == 0)
                        break;
                ret[n++] = v->name[2 * i + 1] == 0 && c > 0x20 && c < 0x7f ? (char)c : '?';
        }
        ret[n] = '\0';
}

/* "Boot" and four hexadecimal digits. */
static bool entry_number(const char *name, uint16_t *ret)
{
        unsigned v = 0;

        if (strlen(name) != 8 || strncmp(name, "Boot", 4) != 0)
                return false;
        for (size_t i = 4; i < 8; i++) {
                if (!((name[i] >= '0' && name[i] <= '9') || (name[i] >= 'A' && name[i] <= 'F')))
                        return false;
                v = v * 16 + (unsigned)(name[i] <= '9' ? name[i] - '0' : name[i] - 'A' + 10);
        }
        *ret = (uint16_t)v;
        return true;
}

/* Nodes of a device path up to the node that ends it, and nothing after. */
static bool is_device_path(struct cursor c)
{
        for (;;) {
                uint8_t type;
                uint8_t sub;
                uint16_t len;

                if (cur_u8(&c, &type) < 0 || cur_u8(&c, &sub) < 0 || cur_u16le(&c, &len) < 0 || len < 4 ||
                    cur_skip(&c, len - 4u) < 0)
                        return false;
                if (type == 0x7f && sub == 0xff)
                        return len == 4 && cur_end(&c) == 0;
                if (type < 1 || (type > 5 && type != 0x7f))
                        return false;
        }
}

/* EFI_LOAD_OPTION: attributes, the path's length, a text, the path; data of
 * the program's own may follow. */
static bool is_load_option(const struct variable *v)
{
        struct cursor c = cur_of(v->value, v->value_len);
        const uint8_t *path;
        uint32_t attributes;
        uint16_t path_len;
        uint16_t letter = 1;

        if (cur_u32le(&c, &attributes) < 0 || cur_u16le(&c, &path_len) < 0 ||
            (attributes & ~(OPTION_ACTIVE_BITS | OPTION_CATEGORY_BITS)) != 0)
                return false;
        while (letter != 0)
                if (cur_u16le(&c, &letter) < 0)
                        return false;
        return cur_take(&c, path_len, &path) == 0 && is_device_path(cur_of(path, path_len));
}

enum vouched { VOUCHED_NOT, VOUCHED_VALUE, VOUCHED_ALL };

static enum vouched vouched(const struct evidence *ev, const struct evlog_event *e, const struct variable *v)
{
        const uint8_t *digest = evidence_digest(ev, e);
        uint8_t got[DIGEST_LEN];

        if (!digest)
                return VOUCHED_NOT;
        if (evidence_data_is_genuine(ev, e))
                return VOUCHED_ALL;
        if (e->type == EV_EFI_VARIABLE_BOOT && digest_sha256(v->value, v->value_len, got) == 0 &&
            same_bytes(got, DIGEST_LEN, digest, DIGEST_LEN))
                return VOUCHED_VALUE;
        return VOUCHED_NOT;
}

static bool is_global(const struct variable *v)
{
        static const uint8_t guid[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                          0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };

        return memcmp(v->guid, guid, sizeof(guid)) == 0;
}

/* A vouched-for Boot0000 …: its number. */
static bool boot_entry(const struct evidence *ev, const struct evlog_event *e, uint16_t *ret)
{
        char name[PROFILE_SETTING_NAME + 1];
        struct variable v;

        if (e->pcr != 1 || (e->type != EV_EFI_VARIABLE_BOOT && e->type != EV_EFI_VARIABLE_BOOT2) ||
            !variable_of(e, &v) || !is_global(&v))
                return false;
        name_of(&v, name);
        if (!entry_number(name, ret))
                return false;
        switch (vouched(ev, e, &v)) {
        case VOUCHED_ALL: return true;
        case VOUCHED_VALUE: return is_load_option(&v);
        case VOUCHED_NOT: break;
        }
        return false;
}

struct entries {
        uint16_t v[BOOT_ENTRIES];
        size_t n;
};

static bool has_entry(const struct entries *b, uint16_t number)
{
        for (size_t i = 0; i < b->n; i++)
                if (b->v[i] == number)
                        return true;
        return false;
}

/* Numbers of entries that this log has, each once. */
static bool lists_entries(const struct variable *v, const struct entries *b)
{
        struct cursor c = cur_of(v->value, v->value_len);
        struct entries met = { 0 };
        uint16_t number;

        while (c.left > 0 && met.n < BOOT_ENTRIES) {
                if (cur_u16le(&c, &number) < 0 || !has_entry(b, number) || has_entry(&met, number))
                        return false;
                met.v[met.n++] = number;
        }
        return c.left == 0;
}

/* A vouched-for BootOrder, BootNext or BootCurrent. */
static bool boot_order(const struct evidence *ev, const struct evlog_event *e, const struct entries *b)
{
        static const char *const names[] = { "BootOrder", "BootNext", "BootCurrent" };
        char name[PROFILE_SETTING_NAME + 1];
        enum vouched how;
        struct variable v;

        if ((e->type != EV_EFI_VARIABLE_BOOT && e->type != EV_EFI_VARIABLE_BOOT2) || !variable_of(e, &v) || !is_global(&v))
                return false;
        name_of(&v, name);
        how = vouched(ev, e, &v);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return how == VOUCHED_ALL || (how == VOUCHED_VALUE && lists_entries(&v, b));
        return false;
}

static void setting_name(const struct evidence *ev, const struct evlog_event *e, char ret[PROFILE_SETTING_NAME + 1])
{
        struct variable v;

        ret[0] = '\0';
        if (is_variable(e->type) && variable_of(e, &v) && vouched(ev, e, &v) == VOUCHED_ALL)
                name_of(&v, ret);
}

int profile_settings(const struct evidence *ev, struct profile_setting ret[PROFILE_SETTINGS_MAX], size_t *ret_n)
{
        struct entries boots = { 0 };
        size_t n = 0;

        *ret_n = 0;
        for (size_t i = 0; i < ev->log.n_events && boots.n < BOOT_ENTRIES; i++)
                boots.n += boot_entry(ev, &ev->log.events[i], &boots.v[boots.n]);
        for (size_t i = 0; i < ev->log.n_events; i++) {
                const struct evlog_event *e = &ev->log.events[i];
                const uint8_t *digest = evidence_digest(ev, e);
                uint16_t number;

                if (e->pcr != 1 || !digest || boot_entry(ev, e, &number) || boot_order(ev, e, &boots))
                        continue;
                if (n == PROFILE_SETTINGS_MAX)
                        return -E2BIG;
                ret[n] = (struct profile_setting){ .tables = e->type == EV_EFI_HANDOFF_TABLES ||
                                                             e->type == EV_EFI_HANDOFF_TABLES2,
                                                   .event = i };
                if (!ret[n].tables) {
                        memcpy(ret[n].digest, digest, DIGEST_LEN);
                        setting_name(ev, e, ret[n].name);
                }
                n++;
        }
        *ret_n = n;
        return 0;
}

bool profile_setting_same(const struct profile_setting *a, const struct profile_setting *b)
{
        return a->tables == b->tables && same_bytes(a->digest, DIGEST_LEN, b->digest, DIGEST_LEN);
}
