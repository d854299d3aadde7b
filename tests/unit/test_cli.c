/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_client.h"
#include "events.h"
#include "image.h"
#include "init.h"
#include "served.h"
#include "table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void numbers_are_decimal_and_within_bounds(void **state)
{
        unsigned long v = 7;

        (void)state;
        assert_int_equal(cli_number("65535", 1, 65535, &v), 0);
        assert_int_equal(v, 65535);
        assert_int_equal(cli_number("65536", 1, 65535, &v), -EINVAL);
        assert_int_equal(cli_number("0", 1, 65535, &v), -EINVAL);
        assert_int_equal(cli_number("", 0, 10, &v), -EINVAL);
        assert_int_equal(cli_number("-1", 0, 10, &v), -EINVAL);
        assert_int_equal(cli_number("1x", 0, 10, &v), -EINVAL);
        assert_int_equal(cli_number("99999999999999999999999", 0, 100000, &v), -EINVAL);
        assert_int_equal(v, 65535);
}

static void a_target_escapes_everything_but_plain_characters(void **state)
{
        char t[64];

        (void)state;
        assert_int_equal(admin_target(t, sizeof(t), "/v1/profiles/", "QEMU Q35/x?", "/promote"), 0);
        assert_string_equal(t, "/v1/profiles/QEMU%20Q35%2Fx%3F/promote");
        assert_int_equal(admin_target(t, sizeof(t), "/v1/profiles/", "Q35 mit Umlaut \xc3\xbc, recht lang", "/promote"),
                         -ENAMETOOLONG);
}

static void answers_are_read_tolerantly(void **state)
{
        _cleanup_(json_putp) struct json_object *o = json_tokener_parse("{\"a\": 1, \"s\": \"x\", \"b\": true, \"n\": null}");

        (void)state;
        assert_int_equal(admin_int(o, "a"), 1);
        assert_int_equal(admin_int(o, "s"), 0);
        assert_string_equal(admin_str(o, "s"), "x");
        assert_null(admin_str(o, "a"));
        assert_string_equal(admin_text(o, "n"), "");
        assert_true(admin_bool(o, "b"));
        assert_false(admin_bool(o, "a"));
        assert_null(admin_get(o, "absent"));
        assert_null(admin_get(NULL, "a"));
}

static void the_last_refusal_is_the_newest_with_a_code(void **state)
{
        _cleanup_(json_putp) struct json_object *list = json_tokener_parse(
                "[{\"seq\": 9, \"event\": \"released\", \"code\": null, \"explain\": []},"
                " {\"seq\": 8, \"event\": \"refused\", \"code\": \"M-CMDLINE\", \"explain\": [\"a\"]},"
                " {\"seq\": 7, \"event\": \"refused\", \"code\": \"M-UKI\", \"explain\": [\"b\"]}]");
        _cleanup_(json_putp) struct json_object *none = json_object_new_array();

        (void)state;
        assert_int_equal(admin_int(events_last_refusal(list), "seq"), 8);
        assert_null(events_last_refusal(none));
}

static void what_strangers_wrote_reaches_the_terminal_printable_only(void **state)
{
        char out[200];

        (void)state;
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        assert_string_equal(show_text("caf\xc3\xa9 \xe6\xbc\xa2", out, sizeof(out)), "caf\xc3\xa9 \xe6\xbc\xa2");
        assert_string_equal(show_text("a\xc2\x9b" "31m\x1b\x7f\n", out, sizeof(out)), "a\\xc2\\x9b31m\\x1b\\x7f\\x0a");
        assert_string_equal(show_text("a\xe2\x80\xae" "b\xff", out, sizeof(out)), "a\\xe2\\x80\\xaeb\\xff");
        assert_string_equal(show_text("e\xcc\x81", out, sizeof(out)), "e\\xcc\\x81"); /* it combines */
        assert_string_equal(show_text("abc\xc3\xa9", out, 5), "abc"); /* never half a character */
        assert_string_equal(show_value("a \"b\\\xc3\xa9", out, sizeof(out)), "\"a \\\"b\\\\\xc3\xa9\"");
        assert_string_equal(show_value("r9", out, sizeof(out)), "r9");
        assert_string_equal(show_value("a b", out, 4), "\"a\"");
        assert_non_null(setlocale(LC_CTYPE, "C"));
        assert_string_equal(show_text("caf\xc3\xa9", out, sizeof(out)), "caf\\xc3\\xa9");
}

static char *printed(const char *a, const char *b)
{
        struct table t;
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);

        assert_non_null(out);
        table_begin(&t, (const char *const[]){ "A", "B", NULL });
        table_row(&t, (const char *const[]){ a, b });
        table_row(&t, (const char *const[]){ "x", "y" });
        table_print(&t, out);
        table_wipe(&t);
        assert_int_equal(fclose(out), 0);
        return text;
}

static void a_strangers_long_or_wide_text_does_not_break_a_table(void **state)
{
        _cleanup_(freep) char *plain = printed("abcd", "z");
        _cleanup_(freep) char *wide = NULL;
        _cleanup_(freep) char *far = NULL;
        char text[301];

        (void)state;
        assert_string_equal(plain, "A     B\nabcd  z\nx     y\n");
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        wide = printed("\xe6\xbc\xa2\xe6\xbc\xa2", "z"); /* two characters of two columns each */
        assert_string_equal(wide, "A     B\n\xe6\xbc\xa2\xe6\xbc\xa2  z\nx     y\n");
        for (size_t i = 0; i < 100; i++)
                memcpy(text + 3 * i, "\xe6\xbc\xa2", 4);
        far = printed(text, text);
        assert_int_equal(strchr(far, 'B') - far, CELL_MOST - 1 + 2); /* 30 of two columns, "...", two blanks */
        assert_non_null(strstr(far, "\xbc\xa2...  \xe6\xbc\xa2"));
        assert_non_null(setlocale(LC_CTYPE, "C"));
}

static void a_command_line_must_close_the_shell(void **state)
{
        (void)state;
        assert_null(served_cmdline_lacks("root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no"));
        assert_null(served_cmdline_lacks("  systemd.import_credentials=no rd.emergency=halt   rd.shell=0 "));
        assert_non_null(strstr(served_cmdline_lacks("rd.shell=0 rd.emergency=reboot"), "import_credentials"));
        assert_non_null(strstr(served_cmdline_lacks("rd.shell=0 rd.emergency=reboot systemd.import_credentials=not"), "import"));
        assert_non_null(strstr(served_cmdline_lacks(""), "rd.shell"));
        assert_non_null(strstr(served_cmdline_lacks("rd.emergency=reboot"), "rd.shell"));
        assert_non_null(strstr(served_cmdline_lacks("rd.shell=01 rd.emergency=reboot"), "rd.shell"));
        assert_non_null(strstr(served_cmdline_lacks("xrd.shell=0 rd.emergency=reboot"), "rd.shell"));
        assert_non_null(strstr(served_cmdline_lacks("rd.shell=0"), "rd.emergency"));
        assert_non_null(strstr(served_cmdline_lacks("rd.shell=0 rd.emergency="), "rd.emergency"));
}

static void a_command_line_that_allows_hibernation_is_told(void **state)
{
        (void)state;
        assert_null(served_cmdline_sleeps("root=muster nohibernate quiet"));
        assert_null(served_cmdline_sleeps(" nohibernate"));
        assert_non_null(served_cmdline_sleeps(""));
        assert_non_null(served_cmdline_sleeps("root=muster nohibernate=1"));
        assert_non_null(served_cmdline_sleeps("xnohibernate nohibernat"));
}

static void entry_names_make_no_path(void **state)
{
        char long_name[80];

        (void)state;
        assert_true(served_name_ok("base-2026.11_x"));
        assert_false(served_name_ok(""));
        assert_false(served_name_ok(".hidden"));
        assert_false(served_name_ok("a/b"));
        assert_false(served_name_ok("a b"));
        memset(long_name, 'a', sizeof(long_name));
        long_name[63] = '\0';
        assert_true(served_name_ok(long_name));
        long_name[63] = 'a';
        long_name[64] = '\0';
        assert_false(served_name_ok(long_name));
}

static void image_sources_are_known_by_their_first_bytes(void **state)
{
        const char *unpacker = "x";
        uint8_t p[2048] = { 0 };
        enum image_kind kind;

        (void)state;
        assert_int_equal(image_recognise(p, sizeof(p), &kind, &unpacker), -EBADMSG);
        memcpy(p, "hsqs", 4);
        assert_int_equal(image_recognise(p, sizeof(p), &kind, &unpacker), 0);
        assert_int_equal(kind, IMAGE_SQUASHFS);
        assert_null(unpacker);
        assert_int_equal(image_recognise(p, 3, &kind, &unpacker), -EBADMSG);
        memcpy(p, "\0\0\0\0", 4);
        memcpy(p + 1024, "\xe2\xe1\xf5\xe0", 4);
        assert_int_equal(image_recognise(p, sizeof(p), &kind, &unpacker), 0);
        assert_int_equal(kind, IMAGE_EROFS);
        assert_int_equal(image_recognise(p, 1027, &kind, &unpacker), -EBADMSG);
        memcpy(p + 257, "ustar", 5);
        assert_int_equal(image_recognise(p, 512, &kind, &unpacker), 0);
        assert_int_equal(kind, IMAGE_TAR);
        memcpy(p, "\x28\xb5\x2f\xfd", 4);
        assert_int_equal(image_recognise(p, 300, &kind, &unpacker), 0);
        memset(p + 257, 0, 5);
        assert_int_equal(image_recognise(p, 300, &kind, &unpacker), 0);
        assert_string_equal(unpacker, "zstd");
}

static void addresses_are_ip_literals_or_host_names(void **state)
{
        (void)state;
        assert_true(init_address_ok("10.1.0.1"));
        assert_true(init_address_ok("fd00::1"));
        assert_true(init_address_ok("parent1"));
        assert_true(init_address_ok("parent-1.cluster.example"));
        assert_false(init_address_ok(""));
        assert_false(init_address_ok("10.1.0"));
        assert_false(init_address_ok("10.1.0.256"));
        assert_false(init_address_ok("[fd00::1]"));
        assert_false(init_address_ok("fd00::1%eth0"));
        assert_false(init_address_ok("-a"));
        assert_false(init_address_ok("a."));
        assert_false(init_address_ok("a..b"));
        assert_false(init_address_ok("a_b"));
        assert_false(init_address_ok("http://a"));
}

static void configurations_bracket_ipv6_addresses(void **state)
{
        struct init_spec s = { .etc = "/e", .state = "/s", .socket = "/run/a", .user = "u", .group = "g", .boot_port = 80,
                               .attest_port = 81, .address = { "p1", "fd00::1", "10.0.0.1" }, .n_addresses = 3, .now = 1700000000 };
        char text[4096];
        char small[64];

        (void)state;
        assert_true(init_musterd_conf(&s, text, sizeof(text)) > 0);
        assert_non_null(strstr(text, "\nboot-listen = [::]:80\n"));
        assert_non_null(strstr(text, "\npublic-url = http://[fd00::1]:80\n"));
        assert_non_null(strstr(text, "\npki-dir = /e/pki\n"));
        assert_true(init_node_conf(&s, text, sizeof(text)) > 0);
        assert_non_null(strstr(text, "\nparents = https://[fd00::1]:81 https://10.0.0.1:81\n"));
        assert_non_null(strstr(text, "\nnot-before = 1700000000\n"));
        assert_int_equal(init_node_conf(&s, small, sizeof(small)), -ENAMETOOLONG);
        assert_int_equal(init_musterd_conf(&s, small, sizeof(small)), -ENAMETOOLONG);
}

static void short_texts(void **state)
{
        char t[TIME_TEXT_MAX];

        (void)state;
        assert_string_equal(size_text(1023, t), "1023 B");
        assert_string_equal(size_text(1536, t), "1.5 KiB");
        assert_string_equal(size_text((uint64_t)3 << 40, t), "3.0 TiB");
        assert_string_equal(ago_text(0, 100, t), "-");
        assert_string_equal(ago_text(100, 100, t), "0 s");
        assert_string_equal(ago_text(200, 100, t), "0 s");
        assert_string_equal(ago_text(100, 100 + 7199, t), "119 min");
        assert_string_equal(ago_text(100, 100 + 172800, t), "2 d");
        assert_string_equal(time_text(0, t), "-");
}

static void tables_align_and_never_print_control_bytes(void **state)
{
        static const char *const head[] = { "A", "B", NULL };
        _cleanup_(table_wipe) struct table t = { 0 };
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);

        (void)state;
        assert_non_null(f);
        table_begin(&t, head);
        table_row(&t, (const char *const[]){ "long cell", "\x1b[31m" });
        table_row(&t, (const char *const[]){ NULL, "" });
        table_print(&t, f);
        assert_int_equal(fclose(f), 0);
        assert_null(strchr(text, 0x1b));
        assert_non_null(strstr(text, "A          B\n"));
        assert_non_null(strstr(text, "-          -\n"));
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_are_decimal_and_within_bounds),
                cmocka_unit_test(a_target_escapes_everything_but_plain_characters),
                cmocka_unit_test(answers_are_read_tolerantly),
                cmocka_unit_test(the_last_refusal_is_the_newest_with_a_code),
                cmocka_unit_test(what_strangers_wrote_reaches_the_terminal_printable_only),
                cmocka_unit_test(a_strangers_long_or_wide_text_does_not_break_a_table),
                cmocka_unit_test(a_command_line_must_close_the_shell),
                cmocka_unit_test(a_command_line_that_allows_hibernation_is_told),
                cmocka_unit_test(entry_names_make_no_path),
                cmocka_unit_test(image_sources_are_known_by_their_first_bytes),
                cmocka_unit_test(addresses_are_ip_literals_or_host_names),
                cmocka_unit_test(configurations_bracket_ipv6_addresses),
                cmocka_unit_test(short_texts),
                cmocka_unit_test(tables_align_and_never_print_control_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
