/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>

#include "../../initramfs/conf.c"

#include <cmocka.h>

static int parse(const char *text, struct node_conf *ret)
{
        unsigned line;
        const char *why = "";

        return node_conf_parse(text, strlen(text), ret, &line, &why);
}

static void urls_are_taken_apart(void **state)
{
        struct url u;

        (void)state;
        assert_int_equal(url_parse("https://10.0.0.1", &u), 0);
        assert_true(u.tls);
        assert_string_equal(u.host, "10.0.0.1");
        assert_int_equal(u.port, 8443);
        assert_string_equal(u.path, "/");
        assert_int_equal(url_parse("http://[fd00::1]:8080/image/a?b=c", &u), 0);
        assert_false(u.tls);
        assert_string_equal(u.host, "fd00::1");
        assert_int_equal(u.port, 8080);
        assert_string_equal(u.path, "/image/a?b=c");
        assert_int_equal(url_parse("http://cache.cluster/x", &u), 0);
        assert_int_equal(u.port, 80);
}

static void other_urls_are_refused(void **state)
{
        static const char *const bad[] = {
                "", "ftp://a/", "http://", "http:///x", "http://a:0/", "http://a:65536/", "http://a:/", "http://a:1x/",
                "http://a b/", "http://a/b c", "http://a/b\r\nX: y", "http://user@a/", "http://[fd00::1/", "http://[a]/",
                "http://[fd00::1]x/", "http://a?b", "http://a/#b", "http://A/", "http://-a/", "HTTP://a/",
                "http://fd00::1/",
        };
        struct url u;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (url_parse(bad[i], &u) != -EBADMSG)
                        fail_msg("accepted: %s", bad[i]);
}

static void parents_keep_their_order(void **state)
{
        struct node_conf c = { 0 };

        (void)state;
        assert_int_equal(parse("[muster]\nparents = https://p1:9000 https://10.0.0.2\nhosts = p1=10.0.0.1\n"
                               "ca = /a\npolicy-key = /b\nnot-before = 1700000000\n",
                               &c), 0);
        assert_int_equal(c.n_parents, 2);
        assert_string_equal(c.parents[0].host, "p1");
        assert_string_equal(node_conf_address(&c, "p1"), "10.0.0.1");
        assert_string_equal(node_conf_address(&c, "10.0.0.2"), "10.0.0.2");
        assert_null(node_conf_address(&c, "p2"));
        assert_string_equal(c.ca_path, "/a");
        assert_string_equal(c.policy_path, "/b");
        assert_int_equal(c.not_before, 1700000000);
}

static void wrong_configurations_are_refused(void **state)
{
        static const char *const bad[] = {
                "",
                "[muster]\n",
                "[other]\nparents = https://10.0.0.1\n",
                "[muster]\nparents = https://p1\n",
                "[muster]\nparents = http://10.0.0.1\n",
                "[muster]\nparents = https://10.0.0.1/x\n",
                "[muster]\nparents = https://p1\nhosts = p1=p2\n",
                "[muster]\nparents = https://p1\nhosts = p1\n",
                "[muster]\nparents = https://10.0.0.1\nhosts = 10.0.0.1=10.0.0.2\n",
                "[muster]\nparents = https://10.0.0.1\nca = ca.pem\n",
                "[muster]\nparents = https://10.0.0.1\nnot-before = soon\n",
                "[muster]\nparents = https://10.0.0.1\nnot-before =\n",
                "[muster]\nparents = https://10.0.0.1\nshell = yes\n",
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct node_conf c = { 0 };

                if (parse(bad[i], &c) != -EBADMSG)
                        fail_msg("accepted: %s", bad[i]);
        }
}

static void the_command_line_says_what_to_do_on_failure(void **state)
{
        (void)state;
        assert_int_equal(onfail_from_cmdline("root=muster rd.muster.onfail=halt quiet\n"), ONFAIL_HALT);
        assert_int_equal(onfail_from_cmdline("rd.muster.onfail=halt rd.muster.onfail=reboot"), ONFAIL_REBOOT);
        assert_int_equal(onfail_from_cmdline("rd.muster.onfail=shell"), ONFAIL_UNSET);
        assert_int_equal(onfail_from_cmdline("rd.muster.onfail=retry rd.muster.onfail=shell"), ONFAIL_RETRY);
        assert_int_equal(onfail_from_cmdline("xrd.muster.onfail=halt rd.muster.onfail="), ONFAIL_UNSET);
        assert_int_equal(onfail_from_cmdline(""), ONFAIL_UNSET);
}

static void a_file_over_its_limit_is_not_read(void **state)
{
        char path[] = "/tmp/test-nodeconf-XXXXXX";
        struct buf b = { 0 };
        char block[9000];
        int fd = mkstemp(path);

        (void)state;
        memset(block, 'a', sizeof(block));
        assert_true(fd >= 0 && write(fd, block, sizeof(block)) == (ssize_t)sizeof(block));
        assert_int_equal(file_read(path, 8999, &b), -EFBIG);
        assert_null(b.p);
        assert_int_equal(file_read(path, 9000, &b), 0);
        assert_int_equal(b.len, 9000);
        assert_int_equal(b.p[9000], '\0');
        buf_wipe(&b);
        (void)close(fd);
        (void)unlink(path);
        assert_int_equal(file_read(path, 9, &b), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(urls_are_taken_apart),
                cmocka_unit_test(other_urls_are_refused),
                cmocka_unit_test(parents_keep_their_order),
                cmocka_unit_test(wrong_configurations_are_refused),
                cmocka_unit_test(the_command_line_says_what_to_do_on_failure),
                cmocka_unit_test(a_file_over_its_limit_is_not_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
