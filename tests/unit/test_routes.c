/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog.h"
#include "conditions.h"
#include "ipxe_script.h"
#include "names.h"
#include "routes.h"

static const struct route *route;
static char param[64];
static char allow[64];

static int find(enum listener l, const char *method, const char *path)
{
        return route_find(l, method, path, &route, param, sizeof(param), allow, sizeof(allow));
}

static void every_route_belongs_to_one_listener(void **state)
{
        (void)state;
        assert_int_equal(find(L_ATTEST, "POST", "/v2/attest"), 0);
        assert_int_equal(find(L_BOOT, "POST", "/v2/attest"), -ENOENT);
        assert_int_equal(find(L_ADMIN, "POST", "/v2/attest"), -ENOENT);
        assert_int_equal(find(L_ADMIN, "GET", "/v1/nodes"), 0);
        assert_int_equal(find(L_BOOT, "GET", "/v1/nodes"), -ENOENT);
        assert_int_equal(find(L_ATTEST, "GET", "/v1/nodes"), -ENOENT);
        assert_int_equal(find(L_ADMIN, "GET", "/ipxe"), -ENOENT);
        assert_int_equal(find(L_ATTEST, "GET", "/image/x"), -ENOENT);
}

static void a_wrong_method_names_the_right_ones(void **state)
{
        (void)state;
        assert_int_equal(find(L_ADMIN, "PUT", "/v1/nodes"), -EOPNOTSUPP);
        assert_string_equal(allow, "GET, HEAD, POST");
        assert_int_equal(find(L_ATTEST, "HEAD", "/v2/attest"), -EOPNOTSUPP);
        assert_string_equal(allow, "POST");
        assert_int_equal(find(L_BOOT, "HEAD", "/image/x"), 0);
        assert_int_equal(find(L_BOOT, "get", "/image/x"), -EOPNOTSUPP);
}

static void a_star_is_one_segment_and_not_empty(void **state)
{
        char path[300] = "/image/";

        (void)state;
        assert_int_equal(find(L_BOOT, "GET", "/image/a.img"), 0);
        assert_string_equal(param, "a.img");
        assert_int_equal(find(L_BOOT, "GET", "/image/"), -ENOENT);
        assert_int_equal(find(L_BOOT, "GET", "/image/a/b"), -ENOENT);
        assert_int_equal(find(L_BOOT, "GET", "/image/../a"), -ENOENT);
        assert_int_equal(find(L_BOOT, "GET", "/imag"), -ENOENT);
        assert_int_equal(find(L_BOOT, "GET", ""), -ENOENT);
        assert_int_equal(find(L_ADMIN, "POST", "/v1/nodes/n1/approve"), 0);
        assert_string_equal(param, "n1");
        assert_int_equal(find(L_ADMIN, "POST", "/v1/nodes//approve"), -ENOENT);
        assert_int_equal(find(L_ADMIN, "POST", "/v1/nodes/n1/approve/x"), -ENOENT);
        memset(path + 7, 'a', 200);
        assert_int_equal(find(L_BOOT, "GET", path), -ENOENT);
}

static void a_path_is_parted_before_it_is_decoded(void **state)
{
        (void)state;
        assert_int_equal(find(L_ADMIN, "POST", "/v1/profiles/QEMU%20Q35%2Fx%3F/promote"), 0);
        assert_string_equal(param, "QEMU Q35/x?");
        assert_int_equal(find(L_ADMIN, "POST", "/v1/nodes/n1%2fapprove"), -EOPNOTSUPP);
        assert_int_equal(find(L_ADMIN, "GET", "/v1/nodes/a%252fb"), 0);
        assert_string_equal(param, "a%2fb"); /* once */
        assert_int_equal(find(L_BOOT, "GET", "/%62oot/x"), -ENOENT);
        assert_int_equal(find(L_BOOT, "GET", "/boot/x%00"), -ENOENT);
        assert_int_equal(find(L_BOOT, "GET", "/boot/x%4"), -ENOENT);
        assert_int_equal(find(L_BOOT, "GET", "/boot/x%zz"), -ENOENT);
}

static void the_exact_events_route_wins(void **state)
{
        (void)state;
        assert_int_equal(find(L_ADMIN, "GET", "/v1/events/verify"), 0);
        assert_true(route->handler == on_events_verify);
        assert_int_equal(find(L_ADMIN, "POST", "/v1/profiles/learn"), 0);
        assert_true(route->handler == on_profile_learn);
}

static void ranges(void **state)
{
        uint64_t first = 0;
        uint64_t len = 0;

        (void)state;
        assert_int_equal(range_parse(NULL, 100, &first, &len), 0);
        assert_int_equal(range_parse("bytes=10-19", 100, &first, &len), 1);
        assert_true(first == 10 && len == 10);
        assert_int_equal(range_parse("bytes=90-", 100, &first, &len), 1);
        assert_true(first == 90 && len == 10);
        assert_int_equal(range_parse("bytes=90-1000", 100, &first, &len), 1);
        assert_true(first == 90 && len == 10);
        assert_int_equal(range_parse("bytes=-5", 100, &first, &len), 1);
        assert_true(first == 95 && len == 5);
        assert_int_equal(range_parse("bytes=-500", 100, &first, &len), 1);
        assert_true(first == 0 && len == 100);
        assert_int_equal(range_parse("bytes=100-", 100, &first, &len), -ERANGE);
        assert_int_equal(range_parse("bytes=-0", 100, &first, &len), -ERANGE);
        assert_int_equal(range_parse("bytes=0-", 0, &first, &len), -ERANGE);
        assert_int_equal(range_parse("bytes=5-4", 100, &first, &len), 0);
        assert_int_equal(range_parse("bytes=0-1,3-4", 100, &first, &len), 0);
        assert_int_equal(range_parse("bytes=18446744073709551616-", 100, &first, &len), 0);
        assert_int_equal(range_parse("lines=1-2", 100, &first, &len), 0);
        assert_int_equal(range_parse("bytes=+1-2", 100, &first, &len), 0);
}

static void a_range_holds_for_the_file_it_was_begun_of(void **state)
{
        (void)state;
        assert_true(range_holds(NULL, "\"a\""));
        assert_true(range_holds("\"a\"", "\"a\""));
        assert_false(range_holds("\"b\"", "\"a\""));
        assert_false(range_holds("W/\"a\"", "\"a\""));
        assert_false(range_holds("a", "\"a\""));
        assert_false(range_holds("Sat, 28 Nov 2026 18:00:00 GMT", "\"a\""));
        assert_false(range_holds("", ""));
}

static void a_tag_is_found_in_a_list(void **state)
{
        static const char *const with[] = { "\"a\"", "*", "W/\"a\"", "\"b\", \"a\"", "\"b\",\"a\" , \"c\"", "\"b, c\" ,W/\"a\"" };
        static const char *const without[] = { "", "\"b\"", "a", "\"a", "\"ab\"", "\"a\"b", "\"b, \"a\"", "b \"a\"", "**" };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(with); i++)
                assert_true(etag_listed(with[i], "\"a\""));
        for (size_t i = 0; i < ELEMENTSOF(without); i++)
                assert_false(etag_listed(without[i], "\"a\""));
        assert_false(etag_listed(NULL, "\"a\""));
        assert_false(etag_listed("*", "")); /* it has none */
}

static void a_script_is_filled_and_nothing_slips_in(void **state)
{
        struct ipxe_values v = { "r1n001", "one.efi", "http://p:8080", "root=muster rd.shell=0" };
        struct buf b = { 0 };

        (void)state;
        assert_int_equal(ipxe_script("#@NODE@\nkernel --name @IMAGE_NAME@ @KERNEL_URL@ @CMDLINE@\n", &v, &b), 0);
        assert_string_equal((char *)b.p, "#r1n001\nkernel --name one.efi http://p:8080/boot/one.efi root=muster rd.shell=0\n");
        buf_wipe(&b);
        assert_int_equal(ipxe_script("@COLOUR@", &v, &b), -EINVAL);
        v.node = "x\nshell";
        assert_int_equal(ipxe_script("@NODE@", &v, &b), -EINVAL);
        v.node = "n";
        v.cmdline = "a ${net0/mac}";
        assert_int_equal(ipxe_script("@CMDLINE@", &v, &b), -EINVAL);
        v.cmdline = "a || shell";
        assert_int_equal(ipxe_script("@CMDLINE@", &v, &b), -EINVAL);
        v.cmdline = "a\nshell";
        assert_int_equal(ipxe_script("@CMDLINE@", &v, &b), -EINVAL);
}

static void command_lines_that_open_a_shell_are_refused(void **state)
{
        static const char good[] = "root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no";
        static const char *const bad[] = {
                "rd.break", "rd.break=pre-mount", "init=/bin/sh", "rdinit=/bin/sh", "rd.shell", "rd.shell=1", "single", "1",
                "systemd.debug-shell", "systemd.debug_shell=1", "rd.systemd.debug-shell", "systemd.unit=rescue.target",
                "rd.systemd.unit=emergency.target", "rd.emergency=shell", "emergency", "-b", "-- x", "a=\"rd.break\"",
                "systemd.setenv=SYSTEMD_SULOGIN_FORCE=1", "rd.cmdline=ask", "systemd.crash-shell",
                "systemd.import_credentials=yes", "systemd.import-credentials", "systemd.import_credentials",
        };
        char line[256];

        (void)state;
        assert_null(cmdline_refused(good, false));
        assert_non_null(cmdline_refused("root=muster rd.shell=0 systemd.import_credentials=no", false));
        assert_non_null(cmdline_refused("root=muster rd.emergency=reboot systemd.import_credentials=no", false));
        assert_non_null(cmdline_refused("root=muster rd.shell=0 rd.emergency=reboot", false));
        assert_non_null(cmdline_refused("root=muster xrd.shell=0 rd.emergency=reboot systemd.import_credentials=no", false));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                (void)snprintf(line, sizeof(line), "%s %s", good, bad[i]);
                if (!cmdline_refused(line, false))
                        fail_msg("accepted: %s", line);
                assert_null(cmdline_refused(line, true));
        }
        assert_false(cmdline_ok("a  b"));
        assert_false(cmdline_ok("a #b"));
        assert_false(cmdline_ok("a ; b"));
        assert_false(cmdline_ok("a ;"));
        assert_true(cmdline_ok("a=b;c d"));
        assert_true(cmdline_ok("a=b#c d"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_route_belongs_to_one_listener),
                cmocka_unit_test(a_wrong_method_names_the_right_ones),
                cmocka_unit_test(a_star_is_one_segment_and_not_empty),
                cmocka_unit_test(a_path_is_parted_before_it_is_decoded),
                cmocka_unit_test(the_exact_events_route_wins),
                cmocka_unit_test(ranges),
                cmocka_unit_test(a_range_holds_for_the_file_it_was_begun_of),
                cmocka_unit_test(a_tag_is_found_in_a_list),
                cmocka_unit_test(a_script_is_filled_and_nothing_slips_in),
                cmocka_unit_test(command_lines_that_open_a_shell_are_refused),
        };

        return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
