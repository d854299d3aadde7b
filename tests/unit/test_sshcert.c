/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "pki.h"
#include "sshcert.h"

#include <sys/stat.h>
#include <sys/wait.h>

static const uint8_t seed[32] = "the seed of the node's host key.";
static const char *const names[] = { "r1n001", "r1n001.cluster.example", "192.0.2.7" };

static void issue(EVP_PKEY *ca, struct buf *ret)
{
        uint8_t public[32];
        struct sshcert_wish w = { public, UINT64_MAX - 1, "r1n001 (node)", names, 3, 1700000000, 1800000000 };

        assert_int_equal(ssh_public_from_seed(seed, public), 0);
        assert_int_equal(sshcert_issue(ca, &w, ret), 0);
}

static void a_certificate_parses_to_what_was_wished(void **state)
{
        uint8_t public[32], ca_public[32];
        struct buf cert = { 0 };
        struct sshcert s;
        EVP_PKEY *ca;

        (void)state;
        assert_int_equal(pki_key_new(PKI_ED25519, &ca), 0);
        issue(ca, &cert);
        assert_int_equal(sshcert_parse(cert.p, cert.len, &s), 0);
        assert_int_equal(ssh_public_from_seed(seed, public), 0);
        assert_int_equal(ssh_public_from_pkey(ca, ca_public), 0);
        assert_memory_equal(s.public_key, public, 32);
        assert_memory_equal(s.ca_key, ca_public, 32);
        assert_true(s.serial == UINT64_MAX - 1 && s.valid_after == 1700000000 && s.valid_before == 1800000000);
        assert_int_equal(s.key_id_len, 13);
        assert_int_equal(s.n_principals, 3);
        assert_int_equal(s.principal_len[1], strlen(names[1]));
        assert_memory_equal(s.principals[1], names[1], strlen(names[1]));
        buf_wipe(&cert);
        EVP_PKEY_free(ca);
}

static void every_flipped_byte_and_every_cut_is_refused(void **state)
{
        struct buf cert = { 0 };
        struct sshcert s;
        EVP_PKEY *ca;
        uint8_t longer[SSHCERT_MAX + 1] = { 0 };

        (void)state;
        assert_int_equal(pki_key_new(PKI_ED25519, &ca), 0);
        issue(ca, &cert);
        for (size_t i = 0; i < cert.len; i++) {
                int r;

                cert.p[i] ^= 0x01;
                r = sshcert_parse(cert.p, cert.len, &s);
                assert_true(r == -EBADMSG || r == -EKEYREJECTED);
                cert.p[i] ^= 0x01;
                assert_int_equal(sshcert_parse(cert.p, i, &s), -EBADMSG);
        }
        memcpy(longer, cert.p, cert.len);
        assert_int_equal(sshcert_parse(longer, cert.len + 1, &s), -EBADMSG);
        assert_int_equal(sshcert_parse(longer, sizeof(longer), &s), -EBADMSG);
        buf_wipe(&cert);
        EVP_PKEY_free(ca);
}

static void wishes_that_would_endanger_users_are_refused(void **state)
{
        uint8_t public[32] = { 1 };
        const char *bad[] = { "", "a b", "a,b", "a\nb", "*", "a?", "!a", "n\xC3\xA9" }, *many[17], *big[8];
        char big_name[256];
        struct sshcert_wish w = { public, 1, "id", bad, 1, 1, 2 };
        struct buf cert = { 0 };
        EVP_PKEY *ca, *p256;

        (void)state;
        assert_int_equal(pki_key_new(PKI_ED25519, &ca), 0);
        assert_int_equal(pki_key_new(PKI_P256, &p256), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                w.principals = &bad[i];
                assert_int_equal(sshcert_issue(ca, &w, &cert), -EINVAL);
        }
        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = "a";
        w.principals = many;
        w.n_principals = 17;
        assert_int_equal(sshcert_issue(ca, &w, &cert), -EINVAL);
        w.n_principals = 0; /* none would be valid for every host */
        assert_int_equal(sshcert_issue(ca, &w, &cert), -EINVAL);
        memset(big_name, 'a', sizeof(big_name) - 1);
        big_name[255] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(big); i++)
                big[i] = big_name;
        w.principals = big;
        w.n_principals = 4;
        assert_int_equal(sshcert_issue(ca, &w, &cert), -E2BIG);
        w.n_principals = 3;
        assert_int_equal(sshcert_issue(ca, &w, &cert), -E2BIG);
        w.principals = many;
        w.n_principals = 1;
        w.key_id = "two\nlines";
        assert_int_equal(sshcert_issue(ca, &w, &cert), -EINVAL);
        w.key_id = "id";
        w.valid_before = 1;
        assert_int_equal(sshcert_issue(ca, &w, &cert), -EINVAL);
        w.valid_before = 2;
        assert_int_equal(sshcert_issue(p256, &w, &cert), -EINVAL);
        assert_null(cert.p);
        EVP_PKEY_free(ca);
        EVP_PKEY_free(p256);
}

static void comments_cannot_add_lines(void **state)
{
        uint8_t public[32] = { 0 };
        struct buf t = { 0 };

        (void)state;
        assert_int_equal(ssh_public_text(public, "a\nb", &t), -EINVAL);
        assert_int_equal(ssh_private_text(seed, "a\nb", &t), -EINVAL);
        assert_int_equal(ssh_authority_text(public, "*", "a\rb", &t), -EINVAL);
        assert_int_equal(ssh_authority_text(public, "", "x", &t), -EINVAL);
        assert_int_equal(ssh_authority_text(public, "a b", "x", &t), -EINVAL);
        assert_int_equal(sshcert_text(public, 32, "\x7F", &t), -EINVAL);
        assert_null(t.p);
}

/* ssh-keygen as the other side */
static char dir[] = "/tmp/muster-sshcert.XXXXXX";

static void put_file(const char *name, const struct buf *b)
{
        char path[128];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        (void)umask(077);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(b->p, 1, b->len, f), b->len);
        assert_int_equal(fclose(f), 0);
}

/* What `cmd` prints, run in dir; its exit code is checked. */
static void run(const char *cmd, char *out, size_t size)
{
        char line[512];
        size_t n;
        FILE *p;

        (void)snprintf(line, sizeof(line), "cd %s && %s 2>&1", dir, cmd);
        p = popen(line, "r");
        assert_non_null(p);
        n = fread(out, 1, size - 1, p);
        out[n] = '\0';
        if (pclose(p) != 0)
                fail_msg("%s: %s", cmd, out);
}

static int make_dir(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
        char line[128];

        (void)state;
        (void)snprintf(line, sizeof(line), "rm -r %s", dir);
        return system(line);
}

static void ssh_keygen_reads_our_certificate(void **state)
{
        struct buf cert = { 0 }, text = { 0 };
        char out[4096];
        EVP_PKEY *ca;

        (void)state;
        assert_int_equal(pki_key_new(PKI_ED25519, &ca), 0);
        issue(ca, &cert);
        assert_int_equal(sshcert_text(cert.p, cert.len, "r1n001", &text), 0);
        put_file("cert.pub", &text);
        run("TZ=UTC ssh-keygen -L -f cert.pub", out, sizeof(out));
        assert_non_null(strstr(out, "Type: ssh-ed25519-cert-v01@openssh.com host certificate"));
        assert_non_null(strstr(out, "Key ID: \"r1n001 (node)\""));
        assert_non_null(strstr(out, "Serial: 18446744073709551614"));
        assert_non_null(strstr(out, "from 2023-11-14T22:13:20 to 2027-01-15T08:00:00"));
        assert_non_null(strstr(out, "r1n001.cluster.example\n"));
        assert_non_null(strstr(out, "192.0.2.7\n"));
        assert_non_null(strstr(out, "Critical Options: (none)"));
        buf_wipe(&cert);
        buf_wipe(&text);
        EVP_PKEY_free(ca);
}

static void ssh_keygen_reads_our_private_key(void **state)
{
        uint8_t public[32];
        struct buf private = { 0 }, text = { 0 };
        char out[4096];

        (void)state;
        for (size_t n = 0; n < 9; n++) { /* every padding */
                char comment[16] = "";

                memset(comment, 'c', n);
                assert_int_equal(ssh_private_text(seed, comment, &private), 0);
                put_file("key", &private);
                run("ssh-keygen -y -P '' -f key", out, sizeof(out));
                assert_int_equal(ssh_public_from_seed(seed, public), 0);
                assert_int_equal(ssh_public_text(public, comment, &text), 0);
                assert_string_equal(out, (char *)text.p);
                buf_wipe(&private);
                buf_wipe(&text);
        }
}

static void our_parser_reads_a_certificate_of_ssh_keygen(void **state)
{
        uint8_t raw[2048], public[32];
        struct buf private = { 0 }, text = { 0 };
        struct sshcert s;
        char out[4096];
        int n;

        (void)state;
        assert_int_equal(ssh_public_from_seed(seed, public), 0);
        assert_int_equal(ssh_public_text(public, "node", &text), 0);
        put_file("node.pub", &text);
        run("rm -f ca ca.pub; ssh-keygen -q -t ed25519 -N '' -f ca && "
            "ssh-keygen -q -s ca -h -I id -n h1,h2 -z 7 -V 20240101:20250101 node.pub && "
            "cut -d' ' -f2 node-cert.pub | tr -d '\\n'",
            out, sizeof(out));
        n = EVP_DecodeBlock(raw, (uint8_t *)out, (int)strlen(out));
        assert_true(n > 0);
        n -= out[strlen(out) - 1] == '=';
        n -= out[strlen(out) - 2] == '=';
        assert_int_equal(sshcert_parse(raw, (size_t)n, &s), 0);
        assert_true(s.serial == 7 && s.n_principals == 2);
        assert_memory_equal(s.public_key, public, 32);

        run("ssh-keygen -q -s ca -I id -n u1 node.pub && cut -d' ' -f2 node-cert.pub | tr -d '\\n'", out, sizeof(out));
        n = EVP_DecodeBlock(raw, (uint8_t *)out, (int)strlen(out));
        n -= out[strlen(out) - 1] == '=';
        n -= out[strlen(out) - 2] == '=';
        assert_int_equal(sshcert_parse(raw, (size_t)n, &s), -EBADMSG); /* a user's */
        buf_wipe(&private);
        buf_wipe(&text);
}

static void ssh_keygen_finds_our_authority_line(void **state)
{
        uint8_t public[32];
        struct buf text = { 0 };
        char out[4096];

        (void)state;
        assert_int_equal(ssh_public_from_seed(seed, public), 0);
        assert_int_equal(ssh_authority_text(public, "r1n*,*.cluster.example", "Muster", &text), 0);
        put_file("known_hosts", &text);
        run("ssh-keygen -F r1n077 -f known_hosts", out, sizeof(out));
        assert_non_null(strstr(out, "CA"));
        buf_wipe(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_certificate_parses_to_what_was_wished),
                cmocka_unit_test(every_flipped_byte_and_every_cut_is_refused),
                cmocka_unit_test(wishes_that_would_endanger_users_are_refused),
                cmocka_unit_test(comments_cannot_add_lines),
                cmocka_unit_test(ssh_keygen_reads_our_certificate),
                cmocka_unit_test(ssh_keygen_reads_our_private_key),
                cmocka_unit_test(our_parser_reads_a_certificate_of_ssh_keygen),
                cmocka_unit_test(ssh_keygen_finds_our_authority_line),
        };

        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
