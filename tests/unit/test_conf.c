/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf.h"
#include "names.h"

static int parse(const char *text, struct conf *c, struct fail *f)
{
        return conf_parse(text, strlen(text), c, f);
}

static void an_empty_file_gives_the_documented_defaults(void **state)
{
        struct fail f = { 0 };
        struct conf c;

        (void)state;
        assert_int_equal(parse("", &c, &f), 0);
        assert_string_equal(c.boot_listen, "0.0.0.0:8080");
        assert_string_equal(c.attest_listen, "0.0.0.0:8443");
        assert_string_equal(c.state_dir, "/var/lib/muster");
        assert_string_equal(c.admin_socket, "/run/muster/admin.sock");
        assert_string_equal(c.user, "muster");
        assert_int_equal(c.max_connections, 10240);
        assert_int_equal(c.max_per_address, 64);
        assert_int_equal(c.pending_limit, 1000);
        assert_int_equal(c.cert_days, 30);
        assert_int_equal(c.threads, 2);
}

static void values_are_taken_and_unknown_keys_refused_with_their_line(void **state)
{
        struct fail f = { 0 };
        struct conf c;

        (void)state;
        assert_int_equal(parse("[musterd]\nthreads = 8\nboot-listen = [::]:80\nimage-urls = http://a:1 https://b/x\n", &c, &f), 0);
        assert_int_equal(c.threads, 8);
        assert_string_equal(c.boot_listen, "[::]:80");
        assert_int_equal(parse("[musterd]\n\ncolour = red\n", &c, &f), -EBADMSG);
        assert_non_null(strstr(f.what, "line 3"));
        assert_true(f.next[0] != '\0');
}

static void a_database_is_a_conninfo_and_sqlite_the_standard(void **state)
{
        struct fail f = { 0 };
        struct conf c;

        (void)state;
        assert_int_equal(parse("", &c, &f), 0);
        assert_string_equal(c.database, "");
        assert_int_equal(parse("[musterd]\ndatabase = postgresql://muster@h/d?sslmode=verify-full\n", &c, &f), 0);
        assert_string_equal(c.database, "postgresql://muster@h/d?sslmode=verify-full");
        assert_int_equal(parse("[musterd]\ndatabase = host=/run/postgresql dbname=d\n", &c, &f), 0);
        assert_int_equal(parse("[musterd]\ndatabase = mysql\n", &c, &f), -EBADMSG);
}

static void more_threads_than_connections_are_refused(void **state)
{
        struct fail f = { 0 };
        struct conf c;

        (void)state;
        conf_defaults(&c);
        assert_int_equal(c.image_sends + c.image_rate, 0); /* no limit */
        assert_int_equal(parse("[musterd]\nthreads = 8\nmax-connections = 7\n", &c, &f), -EBADMSG);
        assert_non_null(strstr(f.what, "threads = 8"));
        assert_int_equal(parse("[musterd]\nmax-connections = 8\nthreads = 8\n", &c, &f), 0);
}

static void values_out_of_range_or_shape_are_refused(void **state)
{
        static const char *const bad[] = {
                "threads = 0",          "threads = 257",          "threads = two",         "threads = 2x",
                "threads = -1",         "timeout = 99999999999",  "boot-listen = 8080",    "boot-listen = localhost:80",
                "boot-listen = 1.2.3.4:0", "boot-listen = 1.2.3.4:65536", "boot-listen = ::1:80", "state-dir = var/lib",
                "public-url = ftp://x", "public-url = http://a b", "public-url = http://a/?x=1", "image-urls = http://a x",
                "user =",               "image-sends = -1",       "image-rate = 2000000001",
                "domain = Cluster",     "domain = .cluster",      "domain = cluster.",     "domain = a..b", "domain = 10.1",
                "domain = -a",          "domain = *.cluster",     "domain = a,b",          "domain =",      "cert-addresses = true",
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct fail f = { 0 };
                struct conf c;
                char text[200];

                (void)snprintf(text, sizeof(text), "[musterd]\n%s\n", bad[i]);
                if (parse(text, &c, &f) != -EBADMSG)
                        fail_msg("accepted: %s", bad[i]);
        }
}

static void names_have_no_room_for_paths_or_scripts(void **state)
{
        (void)state;
        assert_true(file_name_ok("a.efi"));
        assert_false(file_name_ok("../a"));
        assert_false(file_name_ok(".a"));
        assert_false(file_name_ok("a/b"));
        assert_false(file_name_ok(""));
        assert_true(entry_name_ok("debian-12.1_a"));
        assert_false(entry_name_ok("a b"));
        assert_true(hex_ok("00ff", 4));
        assert_false(hex_ok("00FF", 4));
        assert_true(url_ok("http://10.0.0.1:8080"));
        assert_true(url_ok("http://[fd00::1]:8080/x"));
        assert_false(url_ok("http://a/"));
        assert_false(url_ok("http://a b"));
        assert_false(url_ok("http://a${b}"));
}

static void addresses_of_machines_have_their_grammar(void **state)
{
        (void)state;
        assert_true(mac_ok("52:54:00:AB:cd:01"));
        assert_true(mac_ok("52-54-00-ab-cd-01"));
        assert_false(mac_ok("52-54:00-ab-cd-01"));
        assert_false(mac_ok("52:54:00:ab:cd:0g"));
        assert_false(mac_ok("52:54:00:ab:cd"));
        assert_true(uuid_ok("6d757374-6572-4000-8000-000000000001"));
        assert_false(uuid_ok("6d757374-6572-4000-8000-00000000000"));
        assert_false(uuid_ok("6d757374x6572-4000-8000-000000000001"));
        assert_true(serial_ok("VNODE 0001"));
        assert_false(serial_ok("${x}"));
        assert_false(serial_ok("a\nb"));
        assert_false(serial_ok(" a"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_file_gives_the_documented_defaults),
                cmocka_unit_test(values_are_taken_and_unknown_keys_refused_with_their_line),
                cmocka_unit_test(a_database_is_a_conninfo_and_sqlite_the_standard),
                cmocka_unit_test(more_threads_than_connections_are_refused),
                cmocka_unit_test(values_out_of_range_or_shape_are_refused),
                cmocka_unit_test(names_have_no_room_for_paths_or_scripts),
                cmocka_unit_test(addresses_of_machines_have_their_grammar),
        };

        return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
