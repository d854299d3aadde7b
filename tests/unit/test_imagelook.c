/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"
#include "imagelook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#define DIR_ (S_IFDIR | 0755)
#define FILE_ (S_IFREG | 0644)
#define PROGRAM (S_IFREG | 0755)
#define LINK_ (S_IFLNK | 0777)

struct row {
        const char *path;
        mode_t mode;
        const char *link;
};

/* A system that there is nothing to say of. */
static const struct row whole[] = {
        { "etc", DIR_, NULL },
        { "etc/os-release", LINK_, "../usr/lib/os-release" },
        { "etc/ssh", DIR_, NULL },
        { "etc/ssh/sshd_config", FILE_, NULL },
        { "etc/machine-id", FILE_, NULL },
        { "usr", DIR_, NULL },
        { "usr/lib", DIR_, NULL },
        { "usr/lib/os-release", FILE_, NULL },
        { "usr/lib/systemd", DIR_, NULL },
        { "usr/lib/systemd/systemd", PROGRAM, NULL },
        { "usr/sbin", DIR_, NULL },
        { "usr/sbin/sshd", PROGRAM, NULL },
        { "usr/sbin/init", LINK_, "/lib/systemd/systemd" },
        { "lib", LINK_, "usr/lib" },
        { "sbin", LINK_, "usr/sbin" },
};

static struct imagelook look;
static struct imagelook_findings found;

static void text(enum imagelook_file which, const char *s)
{
        buf_wipe(&look.files[which]);
        look.files[which].p = (uint8_t *)strdup(s);
        look.files[which].len = strlen(s);
}

static void add(const char *path, mode_t mode, const char *link)
{
        assert_int_equal(imagelist_add(&look.list, path, strlen(path), mode, false, link, link ? strlen(link) : 0), 0);
}

/* The whole system without what `but` names, and what is below it. */
static void system_but(const char *but)
{
        imagelook_wipe(&look);
        for (size_t i = 0; i < ELEMENTSOF(whole); i++)
                if (!but || strncmp(whole[i].path, but, strlen(but)) != 0)
                        add(whole[i].path, whole[i].mode, whole[i].link);
        text(IMAGELOOK_SSHD_CONFIG, "# comment\nInclude /etc/ssh/sshd_config.d/*.conf\nPort 22\n");
        text(IMAGELOOK_MACHINE_ID, "");
}

static size_t says(bool refuse, const char *word)
{
        size_t n = 0;

        imagelook_judge(&look, &found);
        for (size_t i = 0; i < found.n; i++)
                if (found.v[i].refuse == refuse && strstr(found.v[i].what, word)) {
                        assert_non_null(found.v[i].next);
                        assert_true(strlen(found.v[i].next) > 0);
                        n++;
                }
        return n;
}

static void of_a_whole_system_nothing_is_said(void **state)
{
        (void)state;
        system_but(NULL);
        imagelook_judge(&look, &found);
        assert_int_equal(found.n, 0);
        assert_null(imagelook_refusal(&found));
}

static void links_are_followed_inside_the_tree(void **state)
{
        char led[PATH_MAX];
        const struct imagelist_entry *e;

        (void)state;
        system_but(NULL);
        e = imagelist_find(&look.list, "/sbin/init", led);
        assert_non_null(e);
        assert_string_equal(led, "usr/lib/systemd/systemd");
        assert_true(S_ISLNK(imagelist_at(&look.list, "sbin")->mode));
        add("up", LINK_, "../../../etc/ssh");
        assert_non_null(imagelist_find(&look.list, "up/sshd_config", led));
        assert_string_equal(led, "etc/ssh/sshd_config");
        add("round", LINK_, "round");
        assert_null(imagelist_find(&look.list, "round", NULL));
        add("gone", LINK_, "/nothing/there");
        assert_null(imagelist_find(&look.list, "gone", led));
        assert_string_equal(led, "nothing/there");
}

static void an_image_without_an_init_is_refused(void **state)
{
        (void)state;
        system_but("usr/lib/systemd");
        assert_int_equal(says(true, "is a link to /usr/lib/systemd/systemd, which is not there"), 1);
        assert_ptr_equal(imagelook_refusal(&found), &found.v[0]);
        add("usr/lib/systemd", DIR_, NULL);
        add("usr/lib/systemd/systemd", FILE_, NULL); /* not to be executed */
        assert_int_equal(says(true, "/sbin/init is no program"), 1);
        imagelook_wipe(&look);
        add("opt", DIR_, NULL);
        assert_int_equal(says(true, "it has no program /sbin/init, nor systemd"), 1);
        add("bin/init", PROGRAM, NULL); /* there only: the client takes it */
        assert_int_equal(says(true, ""), 0);
}

static void where_the_client_could_not_write_is_refused(void **state)
{
        static const struct row bad[] = {
                { "etc/ssh/sshd_config.d", LINK_, "/etc" },
                { "etc/ssh/sshd_config.d", FILE_, NULL },
                { "etc/hostname", DIR_, NULL },
                { "etc/ssh/sshd_config.d/10-muster.conf", DIR_, NULL },
        };
        static const struct row good[] = {
                { "etc/ssh/sshd_config.d", DIR_, NULL },
                { "etc/hostname", LINK_, "/run/hostname" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                system_but(NULL);
                add(bad[i].path, bad[i].mode, bad[i].link);
                assert_int_equal(says(true, bad[i].path), 1);
        }
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                system_but(NULL);
                add(good[i].path, good[i].mode, good[i].link);
                assert_int_equal(says(true, ""), 0);
        }
        system_but("etc");
        add("etc", LINK_, "usr/etc");
        assert_int_equal(says(true, "/etc is no directory"), 1);
}

static void an_archive_of_layers_is_refused(void **state)
{
        (void)state;
        imagelook_wipe(&look);
        add("manifest.json", FILE_, NULL);
        add("0123/layer.tar", FILE_, NULL);
        assert_int_equal(says(true, "docker save"), 1);
        assert_non_null(strstr(found.v[0].next, "docker export"));
        imagelook_wipe(&look);
        add("oci-layout", FILE_, NULL);
        add("blobs/sha256", DIR_, NULL);
        assert_int_equal(says(true, "OCI layout"), 1);
        system_but(NULL); /* a file of that name alone is none */
        add("manifest.json", FILE_, NULL);
        assert_int_equal(says(true, ""), 0);
}

static void a_layer_with_whiteouts_is_refused(void **state)
{
        (void)state;
        system_but(NULL);
        add("opt/.wh.old", FILE_, NULL);
        assert_int_equal(says(true, "/opt/.wh.old marks a file"), 1);
        system_but(NULL);
        assert_int_equal(imagelist_add(&look.list, "opt/gone", 8, S_IFCHR, true, NULL, 0), 0);
        assert_int_equal(says(true, "/opt/gone marks a file"), 1);
        system_but(NULL);
        add("opt/x.wh.y", FILE_, NULL);
        assert_int_equal(says(true, ""), 0);
}

static void what_all_nodes_would_share_is_told(void **state)
{
        (void)state;
        system_but(NULL);
        add("etc/ssh/ssh_host_rsa_key", FILE_, NULL);
        add("etc/ssh/ssh_host_ed25519_key", FILE_, NULL);
        add("etc/ssh/ssh_host_ed25519_key.pub", FILE_, NULL);
        assert_int_equal(says(false, "SSH host keys, which every node would share (2, the first is /etc/ssh/ssh_host_rsa_key)"), 1);
        text(IMAGELOOK_MACHINE_ID, "0123456789abcdef0123456789abcdef\n");
        assert_int_equal(says(false, "machine-id is fixed"), 1);
        assert_null(imagelook_refusal(&found));
        text(IMAGELOOK_MACHINE_ID, "uninitialized\n");
        assert_int_equal(says(false, "machine-id is fixed"), 0);
        text(IMAGELOOK_MACHINE_ID, "\n");
        assert_int_equal(says(false, "machine-id is fixed"), 0);
}

static void an_sshd_that_would_not_take_the_nodes_key_is_told(void **state)
{
        static const char *const without[] = { "", "Port 22\n", "#Include /etc/ssh/sshd_config.d/*.conf\n",
                                               "Match User x\nInclude /etc/ssh/sshd_config.d/*.conf\n", "Include /etc/other/*.conf" };
        static const char *const with[] = { "Include /etc/ssh/sshd_config.d/*.conf", " \tinclude sshd_config.d/*.conf\n",
                                            "Port 22\nInclude\t/etc/ssh/sshd_config.d/*.conf\nMatch User x\n",
                                            "Matchless 1\ninclude=/etc/ssh/sshd_config.d/*.conf\n" };

        (void)state;
        system_but(NULL);
        for (size_t i = 0; i < ELEMENTSOF(without); i++) {
                text(IMAGELOOK_SSHD_CONFIG, without[i]);
                assert_int_equal(says(false, "does not include sshd_config.d"), 1);
        }
        for (size_t i = 0; i < ELEMENTSOF(with); i++) {
                text(IMAGELOOK_SSHD_CONFIG, with[i]);
                assert_int_equal(says(false, "does not include sshd_config.d"), 0);
        }
        system_but("usr/sbin/sshd");
        assert_int_equal(says(false, "it has no sshd"), 1);
        system_but("etc/ssh");
        assert_int_equal(says(false, "it has no /etc/ssh"), 1);
}

static void parts_of_a_system_that_are_missing_are_told(void **state)
{
        (void)state;
        imagelook_wipe(&look);
        add("sbin/init", PROGRAM, NULL);
        assert_int_equal(says(false, "it has no /etc"), 1);
        assert_int_equal(says(false, "it has no /usr"), 1);
        assert_int_equal(says(false, "os-release"), 1);
        look.list.acls = 2;
        strcpy(look.list.first_acl, "etc/\x1b[1mx");
        assert_int_equal(says(false, "2 of its files have POSIX ACLs"), 1);
        assert_int_equal(says(false, "\x1b"), 0);
        look.list.acls = 0;
        assert_int_equal(says(true, ""), 0);
}

static void a_list_has_its_limits(void **state)
{
        static char longest[PATH_MAX];

        (void)state;
        imagelook_wipe(&look);
        memset(longest, 'x', sizeof(longest));
        assert_int_equal(imagelist_add(&look.list, longest, PATH_MAX, FILE_, false, NULL, 0), -ENAMETOOLONG);
        assert_int_equal(imagelist_add(&look.list, longest, PATH_MAX - 1, FILE_, false, NULL, 0), 0);
        look.list.text_len = IMAGELIST_TEXT_MAX - 5;
        assert_int_equal(imagelist_add(&look.list, "12345", 5, FILE_, false, NULL, 0), -E2BIG);
        assert_int_equal(look.list.n, 1);
        imagelook_wipe(&look);
}

static void an_archive_that_was_cut_off_is_recognised_by_its_tools_words(void **state)
{
        (void)state;
        assert_true(image_says_truncated("run gzip: exit code 1: gzip: stdin: unexpected end of file"));
        assert_true(image_says_truncated("run xz: exit code 1: xz: (stdin): Unexpected end of input"));
        assert_true(image_says_truncated("run zstd: exit code 1: zstd: /*stdin*\\ : Read error (39) : premature end"));
        assert_true(image_says_truncated("bzip2: Compressed file ends unexpectedly;"));
        assert_true(image_says_truncated("tar: Unexpected EOF in archive"));
        assert_false(image_says_truncated("tar: x: Cannot write: No space left on device"));
}

static void the_next_step_is_that_of_the_cause(void **state)
{
        static const struct {
                const char *said;
                const char *next;
        } rows[] = {
                { "tar: x: Cannot write: No space left on device", "make room on the disk of /srv/images" },
                { "tar: ../x: Member name contains '..'", "it has an entry that leaves its directory" },
                { "tar: lib/x: Cannot open: Not a directory", "below what is no directory" },
                { "tar: dev/x: Cannot mknod: Operation not permitted", "use sudo" },
        };
        struct image_job j = { .dir = "/srv/images" };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct fail f = { 0 };

                (void)fail_set(&f, 4, "", "", "%s", rows[i].said);
                image_explain(&j, "unpack the tar x.tar", &f);
                assert_non_null(strstr(f.what, rows[i].said));
                assert_ptr_equal(strstr(f.what, "unpack the tar x.tar: "), f.what);
                assert_non_null(strstr(f.next, rows[i].next));
                assert_null(strstr(f.next, "permissions and the free space"));
        }
}

static int teardown(void **state)
{
        (void)state;
        imagelook_wipe(&look);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(of_a_whole_system_nothing_is_said),
                cmocka_unit_test(links_are_followed_inside_the_tree),
                cmocka_unit_test(an_image_without_an_init_is_refused),
                cmocka_unit_test(where_the_client_could_not_write_is_refused),
                cmocka_unit_test(an_archive_of_layers_is_refused),
                cmocka_unit_test(a_layer_with_whiteouts_is_refused),
                cmocka_unit_test(what_all_nodes_would_share_is_told),
                cmocka_unit_test(an_sshd_that_would_not_take_the_nodes_key_is_told),
                cmocka_unit_test(parts_of_a_system_that_are_missing_are_told),
                cmocka_unit_test(a_list_has_its_limits),
                cmocka_unit_test(an_archive_that_was_cut_off_is_recognised_by_its_tools_words),
                cmocka_unit_test(the_next_step_is_that_of_the_cause),
        };

        return cmocka_run_group_tests(tests, NULL, teardown);
}
