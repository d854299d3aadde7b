/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "hex.h"
#include "uki.h"

/* A small PE32+ image: headers of 1024 bytes, then the sections. */
struct part {
        const char *name;
        const void *data;
        size_t size;
};

#define STUB(version) "#### LoaderInfo: systemd-stub " version " ####"
#define STUB_252 STUB("252.39-1~deb12u2")
#define STUB_257 STUB("257.13-1~deb13u1")

static void le(uint8_t *p, size_t v, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                p[i] = (uint8_t)(v >> (8 * i));
}

static unsigned machine = 0x8664;

static struct buf make_pe(const struct part *parts, size_t n, size_t tail)
{
        size_t at = 1024;
        struct buf b = { .p = calloc(1, 65536) };
        uint8_t *opt = b.p + 0x80 + 24;

        assert_non_null(b.p);
        memcpy(b.p, "MZ", 2);
        le(b.p + 0x3c, 0x80, 4);
        memcpy(b.p + 0x80, "PE\0\0", 4);
        le(b.p + 0x84, machine, 2);
        le(b.p + 0x86, n, 2);
        le(b.p + 0x94, 240, 2);
        le(opt, 0x20b, 2);
        le(opt + 60, 1024, 4);
        le(opt + 64, 0xdeadbeef, 4);
        le(opt + 108, 16, 4);
        for (size_t i = 0; i < n; i++) {
                uint8_t *s = opt + 240 + 40 * i;
                size_t raw = (parts[i].size + 511) / 512 * 512;

                memcpy(s, parts[i].name, strlen(parts[i].name));
                le(s + 8, parts[i].size, 4);
                le(s + 12, 0x10000 * (i + 1), 4);
                le(s + 16, raw, 4);
                le(s + 20, at, 4);
                memcpy(b.p + at, parts[i].data, parts[i].size);
                at += raw;
        }
        memset(b.p + at, 0x55, tail);
        b.len = at + tail;
        return b;
}

static struct buf kernel(void)
{
        static const struct part text = { ".text", "kernel", 6 };

        return make_pe(&text, 1, 0);
}

static struct buf make_uki(const char *cmdline, const char *extra, const char *version)
{
        struct buf k = kernel(), b;
        const struct part parts[] = {
                { ".sdmagic", version, strlen(version) },
                { ".initrd", "initrd", 6 },
                { ".linux", k.p, k.len },
                { ".osrel", "ID=x\n", 5 },
                { ".pcrsig", "{}", 2 },
                { extra, "extra", 5 },
                { ".cmdline", cmdline, cmdline ? strlen(cmdline) : 0 },
        };

        b = make_pe(parts, cmdline ? 7 : 6, 0);
        buf_wipe(&k);
        return b;
}

static struct buf digest(const void *p, size_t n)
{
        struct buf b = { .p = malloc(DIGEST_LEN), .len = DIGEST_LEN };

        assert_non_null(b.p);
        assert_int_equal(EVP_Digest(p, n, b.p, NULL, EVP_sha256(), NULL), 1);
        return b;
}

static void assert_digest(const uint8_t *got, const void *p, size_t n)
{
        struct buf want = digest(p, n);

        assert_memory_equal(got, want.p, DIGEST_LEN);
        buf_wipe(&want);
}

static void authenticode_leaves_out_checksum_and_certificates_alone(void **state)
{
        static const struct part text = { ".text", "code", 4 };
        struct buf b = make_pe(&text, 1, 24);
        uint8_t *dir = b.p + 0x80 + 24 + 112 + 8 * 4;
        uint8_t plain[DIGEST_LEN], h[DIGEST_LEN];
        struct pe pe;

        (void)state;
        assert_int_equal(pe_parse(b.p, b.len, &pe, NULL), 0);
        assert_int_equal(pe_authenticode(&pe, plain), 0);
        b.p[0x80 + 24 + 64] ^= 1; /* checksum */
        assert_int_equal(pe_authenticode(&pe, h), 0);
        assert_memory_equal(plain, h, DIGEST_LEN);
        le(dir, b.len - 16, 4); /* the last 16 bytes become a certificate table */
        le(dir + 4, 16, 4);
        assert_int_equal(pe_parse(b.p, b.len, &pe, NULL), 0);
        assert_int_equal(pe.cert_size, 16);
        assert_int_equal(pe_authenticode(&pe, plain), 0);
        b.p[b.len - 1] ^= 1;
        assert_int_equal(pe_authenticode(&pe, h), 0);
        assert_memory_equal(plain, h, DIGEST_LEN);
        b.p[b.len - 17] ^= 1; /* past the sections, before the table */
        assert_int_equal(pe_authenticode(&pe, h), 0);
        assert_memory_not_equal(plain, h, DIGEST_LEN);
        buf_wipe(&b);
}

static void images_pointing_outside_themselves_are_refused(void **state)
{
        static const struct part text = { ".text", "code", 4 };
        struct buf b = make_pe(&text, 1, 0);
        uint8_t h[DIGEST_LEN];
        const char *why;
        struct pe pe;

        (void)state;
        for (size_t n = 0; n < b.len; n++) {
                why = NULL;
                assert_int_equal(pe_parse(b.p, n, &pe, &why), -EBADMSG);
                assert_non_null(why);
        }
        for (size_t i = 0; i < 1024; i++) {
                b.p[i] ^= 0xff;
                if (pe_parse(b.p, b.len, &pe, &why) == 0)
                        (void)pe_authenticode(&pe, h); /* for the sanitizers */
                b.p[i] ^= 0xff;
        }
        buf_wipe(&b);
}

static void sections_are_measured_in_the_stubs_order_names_with_their_nul(void **state)
{
        struct buf b = make_uki("quiet", ".sbat", "#### LoaderInfo: systemd-stub 252.39-1 ####");
        static const char *const names[] = { ".linux", ".osrel", ".cmdline", ".initrd" };
        struct uki_pred p;
        struct uki u;

        (void)state;
        assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
        assert_int_equal(u.n_sections, 4); /* 252 measures neither .sbat nor .pcrsig */
        assert_int_equal(uki_predict(&u, NULL, false, &p), 0);
        assert_int_equal(p.pcr11.n, 8);
        for (size_t i = 0; i < 4; i++) {
                assert_string_equal(u.sections[i].name, names[i]);
                assert_digest(p.pcr11.digest[2 * i], names[i], strlen(names[i]) + 1);
        }
        assert_digest(p.pcr11.digest[3], "ID=x\n", 5);
        assert_digest(p.pcr11.digest[7], "initrd", 6);
        buf_wipe(&b);
        b = make_uki("quiet", ".sbat", "#### LoaderInfo: systemd-stub 257.9 ####");
        assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
        assert_int_equal(u.n_sections, 5);
        assert_string_equal(u.sections[4].name, ".sbat");
        buf_wipe(&b);
}

static void passed_options_replace_the_embedded_line_unless_secure_boot(void **state)
{
        struct buf b = make_uki("in", ".dtb", STUB_252);
        struct uki_pred p;
        struct uki u;

        (void)state;
        assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
        assert_int_equal(uki_predict(&u, "a b", false, &p), 0);
        assert_false(p.embedded_cmdline);
        assert_int_equal(p.pcr12.n, 1);
        assert_int_equal(p.pcr9.n, 2);
        assert_digest(p.pcr12.digest[0], "a\0 \0b\0\0\0", 8);
        assert_digest(p.pcr9.digest[0], "a\0 \0b\0\0\0", 8);
        assert_memory_equal(p.pcr9.digest[1], u.initrd_sha256, DIGEST_LEN);
        assert_memory_equal(p.pcr4.digest[0], u.authenticode, DIGEST_LEN);
        assert_memory_equal(p.pcr4.digest[1], u.kernel_authenticode, DIGEST_LEN);

        assert_int_equal(uki_predict(&u, "a b", true, &p), 0);
        assert_true(p.embedded_cmdline);
        assert_int_equal(p.pcr12.n, 0);
        assert_digest(p.pcr9.digest[0], "i\0n\0\0\0", 6);
        assert_int_equal(uki_predict(&u, NULL, false, &p), 0);
        assert_true(p.embedded_cmdline);
        assert_int_equal(uki_predict(&u, "\1x", false, &p), 0);
        assert_true(p.embedded_cmdline);
        buf_wipe(&b);
}

static void without_an_embedded_line_options_count_even_under_secure_boot(void **state)
{
        struct buf b = make_uki(NULL, ".dtb", STUB_252);
        struct uki_pred p;
        struct uki u;

        (void)state;
        assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
        assert_false(u.has_cmdline);
        assert_int_equal(uki_predict(&u, "a", true, &p), 0);
        assert_int_equal(p.pcr12.n, 1);
        assert_int_equal(uki_predict(&u, NULL, true, &p), 0);
        assert_int_equal(p.pcr12.n, 0);
        assert_int_equal(p.pcr9.n, 1); /* the initrd alone */
        buf_wipe(&b);
}

static void a_line_that_is_not_ascii_or_too_long_is_refused(void **state)
{
        struct buf b = make_uki("in", ".dtb", STUB_252);
        struct uki_pred p;
        struct uki u;
        char *line = calloc(1, UKI_MAX_CMDLINE + 2);

        (void)state;
        assert_non_null(line);
        memset(line, 'a', UKI_MAX_CMDLINE + 1);
        assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
        assert_int_equal(uki_predict(&u, "caf\xc3\xa9", false, &p), -EILSEQ);
        assert_int_equal(uki_predict(&u, line, false, &p), -E2BIG);
        free(line);
        buf_wipe(&b);
}

static void an_image_without_a_kernel_is_no_uki(void **state)
{
        static const struct part none = { ".text", "code", 4 };
        static const struct part junk = { ".linux", "no kernel", 9 };
        const char *why = NULL;
        struct uki u;
        struct buf b = make_pe(&none, 1, 0);

        (void)state;
        assert_int_equal(uki_parse(b.p, b.len, &u, &why), -ENOEXEC);
        assert_non_null(strstr(why, ".linux"));
        buf_wipe(&b);
        b = make_pe(&junk, 1, 0);
        assert_int_equal(uki_parse(b.p, b.len, &u, &why), -ENOEXEC);
        assert_non_null(strstr(why, "kernel"));
        buf_wipe(&b);
        assert_int_equal(uki_parse("#!/bin/sh", 9, &u, &why), -EBADMSG);
}

/* loadoptions.txt is what iPXE passed in the recorded boot. */
static void a_recorded_boots_options_are_predicted(void **state)
{
        struct buf line = corpus_read("tests/data/qemu-ovmf/loadoptions.txt");
        struct json_object *pcrs = json_object_from_file("tests/data/qemu-ovmf/pcrs.json");
        struct buf b = make_uki("in", ".dtb", STUB_252);
        char hex[HEX_LEN(DIGEST_LEN)];
        struct uki_pred p;
        struct uki u;

        (void)state;
        line.p[strcspn((char *)line.p, "\n")] = '\0';
        assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
        assert_int_equal(uki_predict(&u, (const char *)line.p, false, &p), 0);
        hex_encode(p.pcr12.value, DIGEST_LEN, hex);
        assert_string_equal(hex, member_text(member(pcrs, "sha256"), "12"));
        json_object_put(pcrs);
        buf_wipe(&line);
        buf_wipe(&b);
}

/* The stub measures a section as it lies in memory. */
static void a_section_larger_in_memory_than_in_the_file_is_measured_with_zeros(void **state)
{
        static const size_t sizes[] = { 512, 513, 512 + 4096, 10000 };
        uint8_t in_memory[10000] = { 0 }, want[DIGEST_LEN];
        struct buf b = make_uki("quiet", ".other", STUB_252);
        uint8_t *header = memmem(b.p, 1024, ".cmdline", 8);
        struct uki u;

        (void)state;
        assert_non_null(header);
        memcpy(in_memory, "quiet", 5);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                size_t k = 0;

                le(header + 8, sizes[i], 4);
                assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
                while (k < u.n_sections && strcmp(u.sections[k].name, ".cmdline") != 0)
                        k++;
                assert_true(k < u.n_sections);
                assert_int_equal(u.sections[k].size, sizes[i]);
                assert_int_equal(EVP_Digest(in_memory, sizes[i], want, NULL, EVP_sha256(), NULL), 1);
                assert_memory_equal(u.sections[k].sha256, want, DIGEST_LEN);
        }
        buf_wipe(&b);
}

/* One file's archive, as the stub writes it. */
static size_t cpio(char *to, const char *name, const char *content)
{
        size_t n = 0;

        n += (size_t)sprintf(to + n, "070701000000010000416d000000000000000000000001000000000000000000000000000000000000000000000000000000070"
                                     "0000000.extra") + 1;
        while (n % 4)
                to[n++] = 0;
        n += (size_t)sprintf(to + n, "0707010000000200008124000000000000000000000001000000000000000%01zx00000000000000000000000000000000%08zx"
                                     "00000000.extra/%s", strlen(content), strlen(name) + 8, name) + 1;
        while (n % 4)
                to[n++] = 0;
        n += (size_t)sprintf(to + n, "%s", content);
        while (n % 4)
                to[n++] = 0;
        memcpy(to + n, "07070100000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000B00000000"
                       "TRAILER!!!\0\0\0", 124);
        return n + 124;
}

static void assert_initrd(const char *extra, const char *version, const void *p, size_t n)
{
        struct buf b = make_uki("quiet", extra, version);
        struct uki u;

        assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
        assert_true(u.has_initrd);
        assert_digest(u.initrd_sha256, p, n);
        buf_wipe(&b);
}

static void the_initrd_is_what_the_stub_makes_of_it(void **state)
{
        char all[2048] = "initrd\0\0"; /* padded to four bytes when something follows */
        size_t n = 8;

        (void)state;
        n += cpio(all + n, "tpm2-pcr-signature.json", "{}");
        assert_initrd(".other", "#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####", all, n);
        n += cpio(all + n, "tpm2-pcr-public-key.pem", "extra");
        assert_initrd(".pcrpkey", "#### LoaderInfo: systemd-stub 254.1 ####", all, n);
        n += cpio(all + n, "os-release", "ID=x\n");
        assert_initrd(".pcrpkey", "#### LoaderInfo: systemd-stub 257.13-1~deb13u1 ####", all, n);
        memcpy(all + 8, "initrd\0\0", 8);
        memcpy(all, "extra\0\0\0", 8);
        n = 16 + cpio(all + 16, "tpm2-pcr-signature.json", "{}");
        n += cpio(all + n, "os-release", "ID=x\n");
        assert_initrd(".ucode", "#### LoaderInfo: systemd-stub 257.13-1~deb13u1 ####", all, n);
}

/* ---- what the stub takes, and how it reads its line -------------------------------- */

static const char *refused(const struct part *parts, size_t n)
{
        struct buf b = make_pe(parts, n, 0);
        const char *why = "";
        struct uki u;
        int r = uki_parse(b.p, b.len, &u, &why);

        buf_wipe(&b);
        if (r != 0 && r != -ENOTSUP)
                fail_msg("%d: %s", r, why);
        return r == 0 ? "" : why;
}

static const char *refused_with(const char *magic, const char *extra, const char *twice)
{
        struct buf k = kernel();
        const struct part parts[] = { { ".linux", k.p, k.len }, { ".sdmagic", magic, strlen(magic) }, { extra, "x", 1 }, { twice, "y", 1 } };
        const char *why = refused(parts, ELEMENTSOF(parts));

        buf_wipe(&k);
        return why;
}

static void what_a_stub_measures_and_is_not_known_is_refused(void **state)
{
        static const struct {
                const char *magic, *extra, *twice, *why;
        } rows[] = {
                { STUB_257, ".osrel", ".other", "" },
                { STUB("252"), ".osrel", ".other", "" },
                { STUB("253-rc1"), ".osrel", ".other", "" },
                { STUB("251.4"), ".osrel", ".other", "older than 252" },
                { STUB("258"), ".osrel", ".other", "newer than 257" },
                { STUB("2570"), ".osrel", ".other", "newer than 257" },
                { STUB("99999999999"), ".osrel", ".other", "newer than 257" },
                { "systemd-boot 257", ".osrel", ".other", "which it is" },
                { "", ".osrel", ".other", "which it is" },
                { STUB_257, ".dtbauto", ".other", ".dtbauto" },
                { STUB_257, ".efifw", ".other", ".efifw" },
                { STUB_252, ".dtbauto", ".other", ".dtbauto" },
                { STUB_257, ".hwids", ".profile", "" },
                { STUB("256.1"), ".profile", ".other", "before 257" },
                { STUB_257, ".osrel", ".osrel", "twice" },
                { STUB_257, ".hwids", ".hwids", "twice" },
                { STUB_257, ".data", ".data", "" }, /* its own */
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const char *why = refused_with(rows[i].magic, rows[i].extra, rows[i].twice);

                if (*rows[i].why ? !strstr(why, rows[i].why) : *why)
                        fail_msg("row %zu: `%s`", i, why);
        }
}

static void an_image_of_another_architecture_is_refused(void **state)
{
        struct buf k;

        (void)state;
        machine = 0xaa64;
        k = kernel();
        assert_non_null(strstr(refused_with(STUB_257, ".osrel", ".other"), "x86-64"));
        machine = 0x8664;
        {
                const struct part parts[] = { { ".linux", k.p, k.len }, { ".sdmagic", STUB_257, strlen(STUB_257) } };

                assert_non_null(strstr(refused(parts, 2), "its kernel is of another architecture"));
        }
        buf_wipe(&k);
        assert_string_equal(refused_with(STUB_257, ".osrel", ".other"), ""); /* the control */
}

static void of_several_profiles_the_first_one_is_what_boots(void **state)
{
        struct buf k = kernel(), b;
        const struct part parts[] = {
                { ".sdmagic", STUB_257, strlen(STUB_257) }, { ".linux", k.p, k.len }, { ".cmdline", "base", 4 }, { ".osrel", "ID=x\n", 5 },
                { ".hwids", "hw", 2 }, { ".initrd", "initrd", 6 },
                { ".profile", "ID=a\n", 5 }, { ".cmdline", "first", 5 }, { ".profile", "ID=b\n", 5 }, { ".cmdline", "second", 6 },
        };
        static const char *const names[] = { ".linux", ".osrel", ".cmdline", ".initrd", ".profile", ".hwids" };
        char all[2048] = "initrd\0\0";
        size_t n = 8;
        struct uki_pred p;
        uint8_t whole[DIGEST_LEN];
        struct pe pe;
        struct uki u;

        (void)state;
        b = make_pe(parts, ELEMENTSOF(parts), 0);
        assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
        assert_int_equal(u.n_sections, ELEMENTSOF(names));
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_string_equal(u.sections[i].name, names[i]);
        assert_digest(u.sections[2].sha256, "first", 5);
        assert_digest(u.sections[4].sha256, "ID=a\n", 5);
        assert_digest(u.sections[5].sha256, "hw", 2);
        assert_int_equal(uki_predict(&u, NULL, true, &p), 0);
        assert_digest(p.pcr9.digest[0], "f\0i\0r\0s\0t\0\0\0", 12);
        n += cpio(all + n, "os-release", "ID=x\n");
        n += cpio(all + n, "profile", "ID=a\n");
        assert_digest(u.initrd_sha256, all, n);
        assert_int_equal(pe_parse(b.p, b.len, &pe, NULL), 0); /* its own digest is over all of it */
        assert_int_equal(pe_authenticode(&pe, whole), 0);
        assert_memory_equal(whole, u.authenticode, DIGEST_LEN);
        buf_wipe(&b);
        buf_wipe(&k);
}

static void a_command_line_is_read_as_its_stub_reads_it(void **state)
{
        static const struct {
                unsigned major, minor;
                const char *line, *want; /* NULL: not known */
        } rows[] = {
                { 257, 13, "a b", "a b" },       { 257, 13, "a b\n", "a b" },     { 257, 13, "a b\r\n", "a b" },
                { 257, 13, " \ta\tb \n\n", "a b" }, { 257, 13, "a  b", "a  b" },    { 257, 13, "a\r\nb", "a  b" },
                { 254, 0, " a", "a" },           { 257, 13, "\n", "" },           { 257, 13, "", "" },
                { 253, 0, "a\n", "a" },          { 253, 0, " a", NULL },          { 252, 39, "a b\n", "a b" },
                { 252, 39, "\ta", NULL },        { 252, 5, "a\nb", "a b" },       { 252, 5, "a\n", NULL },
                { 252, 0, "a ", NULL },          { 252, 5, "a", "a" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const struct stub_version v = { rows[i].major, rows[i].minor };
                char *line = NULL;
                int r = stub_cmdline(&v, rows[i].line, strlen(rows[i].line), &line);

                if (r != (rows[i].want ? 0 : -ENOTUNIQ) || (r == 0 && strcmp(line, rows[i].want) != 0))
                        fail_msg("row %zu: %d `%s`", i, r, line ? line : "");
                free(line);
        }
}

static void a_line_break_at_the_end_changes_nothing_that_the_kernel_is_given(void **state)
{
        static const char *const ends[] = { "", "\n", "\r\n", " ", "\t\n" };
        struct uki_pred first = { 0 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                char line[64];
                struct uki_pred p;
                struct uki u;
                struct buf b;

                (void)snprintf(line, sizeof(line), "quiet root=muster%s", ends[i]);
                b = make_uki(line, ".other", STUB_257);
                assert_int_equal(uki_parse(b.p, b.len, &u, NULL), 0);
                assert_int_equal(uki_predict(&u, NULL, true, &p), 0);
                if (i == 0)
                        first = p;
                assert_memory_equal(p.pcr9.value, first.pcr9.value, DIGEST_LEN);
                assert_int_equal(memcmp(p.pcr11.value, first.pcr11.value, DIGEST_LEN) == 0, i == 0); /* the section as it is */
                (void)snprintf(line, sizeof(line), "r1.efi quiet%s", ends[i]); /* nor in what is passed */
                assert_int_equal(uki_predict(&u, line, false, &p), 0);
                if (i == 0)
                        first.pcr12 = p.pcr12;
                assert_memory_equal(p.pcr12.value, first.pcr12.value, DIGEST_LEN);
                buf_wipe(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_stub_measures_and_is_not_known_is_refused),
                cmocka_unit_test(an_image_of_another_architecture_is_refused),
                cmocka_unit_test(of_several_profiles_the_first_one_is_what_boots),
                cmocka_unit_test(a_command_line_is_read_as_its_stub_reads_it),
                cmocka_unit_test(a_line_break_at_the_end_changes_nothing_that_the_kernel_is_given),
                cmocka_unit_test(authenticode_leaves_out_checksum_and_certificates_alone),
                cmocka_unit_test(images_pointing_outside_themselves_are_refused),
                cmocka_unit_test(the_initrd_is_what_the_stub_makes_of_it),
                cmocka_unit_test(sections_are_measured_in_the_stubs_order_names_with_their_nul),
                cmocka_unit_test(a_section_larger_in_memory_than_in_the_file_is_measured_with_zeros),
                cmocka_unit_test(passed_options_replace_the_embedded_line_unless_secure_boot),
                cmocka_unit_test(without_an_embedded_line_options_count_even_under_secure_boot),
                cmocka_unit_test(a_line_that_is_not_ascii_or_too_long_is_refused),
                cmocka_unit_test(an_image_without_a_kernel_is_no_uki),
                cmocka_unit_test(a_recorded_boots_options_are_predicted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
