/* SPDX-License-Identifier: Apache-2.0 */
#include "csv_write.h"
#include "purchase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ID1 "00000000000000000000000000000000000000000000000000000000000000a1"
#define ID2 "00000000000000000000000000000000000000000000000000000000000000a2"

/* The fields of all rows, in order. */
static void expect_n(const char *text, size_t len, size_t columns, const char *const *fields, size_t n)
{
        _cleanup_(csv_wipe) struct csv c = { 0 };
        struct csv_error e = { 0 };

        assert_int_equal(csv_parse(text, len, &c, &e), 0);
        assert_int_equal(c.columns, columns);
        assert_int_equal(c.rows * c.columns, n);
        for (size_t i = 0; i < n; i++)
                assert_string_equal(csv_get(&c, i / columns, i % columns), fields[i]);
}

#define EXPECT(text, columns, ...) \
        do { \
                static const char *const want_[] = { __VA_ARGS__ }; \
                expect_n(text, sizeof(text) - 1, columns, want_, ELEMENTSOF(want_)); \
        } while (0)

static void refused_n(const char *text, size_t len, size_t line, size_t column, const char *piece)
{
        struct csv c = { 0 };
        struct csv_error e = { 0 };

        assert_int_equal(csv_parse(text, len, &c, &e), -EBADMSG);
        assert_non_null(strstr(e.why, piece));
        assert_true(*e.next);
        assert_int_equal(e.line, line);
        assert_int_equal(e.column, column);
        assert_null(c.text);
        assert_null(c.cell);
}

#define REFUSED(text, line, column, piece) refused_n(text, sizeof(text) - 1, line, column, piece)

static void rows_end_in_lf_or_crlf_and_the_last_in_nothing(void **state)
{
        (void)state;
        EXPECT("a,b\n1,2\n", 2, "a", "b", "1", "2");
        EXPECT("a,b\r\n1,2\r\n", 2, "a", "b", "1", "2");
        EXPECT("a,b\r\n1,2", 2, "a", "b", "1", "2");
        EXPECT("a,b\n1,", 2, "a", "b", "1", "");
        EXPECT("a", 1, "a");
}

static void quotes_hold_commas_quotes_and_line_ends(void **state)
{
        (void)state;
        EXPECT("\"a\",\"b,c\"\n", 2, "a", "b,c");
        EXPECT("\"say \"\"hi\"\"\",\"\"\"\"\n", 2, "say \"hi\"", "\"");
        EXPECT("\"a\r\nb\",\"c\nd\"\r\n", 2, "a\r\nb", "c\nd");
        EXPECT("\"\",\"\"\n", 2, "", "");
        EXPECT("\"a\"", 1, "a");
}

static void spaces_and_other_alphabets_belong_to_the_field(void **state)
{
        (void)state;
        EXPECT(" a , b\n", 2, " a ", " b");
        EXPECT("J\xc3\xbcrg,\xe2\x82\xac,\xf0\x9f\x98\x80\n", 3, "J\xc3\xbcrg", "\xe2\x82\xac", "\xf0\x9f\x98\x80");
}

static void a_byte_order_mark_and_blank_lines_are_passed_over(void **state)
{
        (void)state;
        EXPECT("\xef\xbb\xbf" "a,b\n\n1,2\r\n\r\n", 2, "a", "b", "1", "2");
        EXPECT("\xef\xbb\xbf\"a\"\n", 1, "a");
        EXPECT("a\n\n\"\"\n", 1, "a", "");
        REFUSED("a\n\xef\xbb", 2, 1, "UTF-8");
}

static void a_field_knows_the_line_it_begins_in(void **state)
{
        _cleanup_(csv_wipe) struct csv c = { 0 };
        struct csv_error e = { 0 };
        static const char text[] = "a,b\n\n\"1\n2\r\n3\",4\n5,6\n";

        (void)state;
        assert_int_equal(csv_parse(text, sizeof(text) - 1, &c, &e), 0);
        assert_int_equal(csv_line(&c, 0, 1), 1);
        assert_int_equal(csv_line(&c, 1, 0), 3);
        assert_int_equal(csv_line(&c, 1, 1), 5);
        assert_int_equal(csv_line(&c, 2, 0), 6);
}

static void what_is_no_csv_is_refused_with_its_place(void **state)
{
        (void)state;
        REFUSED("", 1, 1, "empty");
        REFUSED("\xef\xbb\xbf\n\n", 3, 1, "empty");
        REFUSED("a,b\n1\n", 2, 1, "fewer");
        REFUSED("a,b\n1,2,3\n", 2, 3, "more fields");
        REFUSED("a,b\n1,\"x\ny", 2, 2, "does not end");
        REFUSED("a,b\n1,\"x\"y\n", 2, 2, "closing quote");
        REFUSED("a,b\n1,\"x\" \n", 2, 2, "closing quote");
        REFUSED("a,b\n1,x\"y\n", 2, 2, "quote inside");
        REFUSED("a,b\n1, \"x\"\n", 2, 2, "quote inside");
}

static void control_characters_and_broken_utf8_are_refused(void **state)
{
        (void)state;
        REFUSED("a,b\n1,x\0y\n", 2, 2, "NUL");
        REFUSED("a,b\n1,\"x\0y\"\n", 2, 2, "NUL");
        REFUSED("a,b\n1,x\ty\n", 2, 2, "control");
        REFUSED("a,b\n\"\n\x1b[2J\",2\n", 3, 1, "control");
        REFUSED("a,b\n1,\x7f\n", 2, 2, "control");
        REFUSED("a,b\n1,\xc2\x9b" "2J\n", 2, 2, "control");
        REFUSED("a\rb\r", 1, 1, "control");
        REFUSED("a\n\"x\ry\"\n", 2, 1, "control");
        REFUSED("a\r", 1, 1, "control");
        REFUSED("a,b\nJ\xfcrg,2\n", 2, 1, "UTF-8");
        REFUSED("a,b\n\xc0\xaf,2\n", 2, 1, "UTF-8");
        REFUSED("a,b\n\xed\xa0\x80,2\n", 2, 1, "UTF-8");
        REFUSED("\xff\xfe" "a\0", 1, 1, "UTF-8");
}

/* n times text, behind head. */
static struct buf many(const char *head, const char *text, size_t n)
{
        size_t h = strlen(head);
        size_t t = strlen(text);
        struct buf b = { malloc(h + n * t + 1), h + n * t };

        assert_non_null(b.p);
        memcpy(b.p, head, h);
        for (size_t i = 0; i < n; i++)
                memcpy(b.p + h + i * t, text, t);
        b.p[b.len] = '\0';
        return b;
}

static void limits(const char *head, const char *text, size_t n, int want, size_t line, size_t column, const char *piece)
{
        _cleanup_(buf_wipe) struct buf b = many(head, text, n);
        _cleanup_(csv_wipe) struct csv c = { 0 };
        struct csv_error e = { 0 };

        if (want < 0)
                refused_n((const char *)b.p, b.len, line, column, piece);
        else
                assert_int_equal(csv_parse(b.p, b.len, &c, &e), 0);
}

static void each_limit_holds_what_it_says_and_no_more(void **state)
{
        (void)state;
        limits("h\n", "1\n", CSV_ROWS_MAX, 0, 0, 0, "");
        limits("h\n", "1\n", CSV_ROWS_MAX + 1, -EBADMSG, CSV_ROWS_MAX + 2, 1, "rows");
        limits("h", ",h", CSV_COLUMNS_MAX - 1, 0, 0, 0, "");
        limits("h", ",h", CSV_COLUMNS_MAX, -EBADMSG, 1, CSV_COLUMNS_MAX + 1, "columns");
        limits("h\n", "x", CSV_FIELD_MAX, 0, 0, 0, "");
        limits("h\n", "x", CSV_FIELD_MAX + 1, -EBADMSG, 2, 1, "16 KiB");
        limits("h\n\"", "\"\"", CSV_FIELD_MAX + 1, -EBADMSG, 2, 1, "16 KiB");
        limits("h", "\n", CSV_FILE_MAX - 1, 0, 0, 0, "");
        limits("h", "\n", CSV_FILE_MAX, -EBADMSG, 1, 1, "256 MiB");
}

static void a_table_written_again_is_the_same(void **state)
{
        static const char text[] = "a,b\n\" x\n\",\"\"\"\"\n,\"1,2\"\n";
        _cleanup_(csv_wipe) struct csv c = { 0 };
        _cleanup_(buf_wipe) struct buf out = { 0 };
        struct csv_error e = { 0 };

        (void)state;
        assert_int_equal(csv_parse(text, sizeof(text) - 1, &c, &e), 0);
        assert_int_equal(csv_write(&c, "\r\n", &out), 0);
        assert_string_equal((char *)out.p, "\"a\",\"b\"\r\n\" x\n\",\"\"\"\"\r\n\"\",\"1,2\"\r\n");
        expect_n((char *)out.p, out.len, 2, (const char *const[]){ "a", "b", " x\n", "\"", "", "1,2" }, 6);
}

/* ---- purchase manifests ---------------------------------------------------- */

static void manifest_refused(const char *text, const char *where, const char *why)
{
        _cleanup_(purchase_wipe) struct purchase p = { 0 };
        struct fail f = { 0 };
        int r = purchase_parse("rack.csv", text, strlen(text), NULL, NULL, NULL, &p, &f);

        if (r == 0)
                r = purchase_unique(&p, &f);
        assert_int_equal(r, -EBADMSG);
        assert_non_null(strstr(f.what, "read the manifest rack.csv: line "));
        if (!strstr(f.what, where) || !strstr(f.what, why))
                fail_msg("'%s' lacks '%s' or '%s'", f.what, where, why);
        assert_true(f.next[0]);
}

static void columns_are_found_by_their_names(void **state)
{
        static const char text[] = "x-serial,profile,ek_sha256,ek_cert,name,without_ek_certificate\n"
                                   "7F,R640,000000000000000000000000000000000000000000000000000000000000FFA1,,r1n1,yes\n"
                                   "\"8,0\",,,certs/..2.der,r1n2,no\n";
        _cleanup_(purchase_wipe) struct purchase p = { 0 };
        struct fail f = { 0 };

        (void)state;
        assert_int_equal(purchase_parse("rack.csv", text, sizeof(text) - 1, NULL, NULL, NULL, &p, &f), 0);
        assert_int_equal(p.n, 2);
        assert_string_equal(purchase_get(&p, 0, PC_NAME), "r1n1");
        assert_string_equal(purchase_get(&p, 0, PC_PROFILE), "R640");
        assert_string_equal(p.row[0].id, "000000000000000000000000000000000000000000000000000000000000ffa1");
        assert_true(p.row[0].without);
        assert_int_equal(purchase_source(&p, 0), PC_COUNT);
        assert_string_equal(purchase_get(&p, 1, PC_NAME), "r1n2");
        assert_int_equal(purchase_source(&p, 1), PC_FILE);
        assert_string_equal(purchase_get(&p, 1, PC_FILE), "certs/..2.der");
        assert_string_equal(purchase_get(&p, 1, PC_PEM), "");
        assert_string_equal(p.row[1].id, "");
        assert_false(p.row[1].without);
        assert_int_equal(purchase_line(&p, 1), 3);
        assert_int_equal(purchase_unique(&p, &f), 0);
}

static void headers_that_do_not_tell_all_are_refused(void **state)
{
        (void)state;
        manifest_refused("name,serial\nr1n1,3\n", "line 1, column 2 ('serial')", "no such column");
        manifest_refused("Name,ek_cert\nr1n1,x\n", "line 1, column 1 ('Name')", "in lower case");
        manifest_refused("name , ek_cert\nr1n1,x\n", "line 1, column 1 ('name ')", "without blanks");
        manifest_refused("r1n1," ID1 "\n", "line 1, column 1 ('r1n1')", "there is no header");
        manifest_refused("sep=,\nname,ek_sha256\n", "line 1, column 1", "there is no header");
        manifest_refused("name,,ek_cert\nr1n1,,x\n", "line 1, column 2", "no such column");
        manifest_refused("name,ek_cert,name\nr1n1,x,r1n1\n", "line 1, column 3", "twice");
        manifest_refused("ek_cert\nx\n", "line 1", "no column name");
        manifest_refused("name,x-ek_cert\nr1n1,x\n", "line 1", "no column ek_sha256");
        manifest_refused("name;ek_cert\nr1n1;x\n", "line 1", "commas");
        manifest_refused("name,ek_cert\n", "line 1", "no rows");
}

static void a_bad_field_of_any_row_refuses_the_manifest(void **state)
{
        (void)state;
        manifest_refused("name,ek_sha256\nr1n1," ID1 "\nR1N2," ID2 "\n", "line 3, column 1 (name)", "'R1N2' is no name");
        manifest_refused("name,ek_sha256\nr1n1," ID1 "\n," ID2 "\n", "line 3, column 1 (name)", "no name");
        manifest_refused("name,ek_sha256\nr1n1,a1\n", "line 2, column 2 (ek_sha256)", "no node id");
        manifest_refused("ek_sha256,name\n" ID1 "0,r1n1\n", "line 2, column 1 (ek_sha256)", "no node id");
        manifest_refused("name,ek_sha256,ek_cert\nr1n1,,\n", "line 2", "neither");
        manifest_refused("name,ek_pem,ek_cert\nr1n1,,\n", "line 1", "no such column");
        manifest_refused("name,ek_cert,ek_cert_base64\nr1n1,x,y\n", "line 2, column 3 (ek_cert_base64)", "ek_cert already");
        manifest_refused("name,ek_cert,without_ek_certificate\nr1n1,x,1\n", "line 2, column 3", "neither yes nor no");
        manifest_refused("name,ek_cert,profile\nr1n1,x,"
                         "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456\n",
                         "line 2, column 3 (profile)", "longer");
}

static char told[2000];

static void tell(void *ctx, const struct fail *f)
{
        size_t n = strlen(told);

        (void)ctx;
        (void)snprintf(told + n, sizeof(told) - n, "%s\n", f->what);
}

static void all_faults_of_a_list_are_told_at_once(void **state)
{
        static const char text[] = "name,ek_sha256\nr1n1," ID1 "\nR1N2," ID2 "\nr1n3,a1\n,\nr1n5," ID2 "\n";
        _cleanup_(purchase_wipe) struct purchase p = { 0 };
        struct fail f = { 0 };
        size_t faults = 0;

        (void)state;
        told[0] = '\0';
        assert_int_equal(purchase_parse("rack.csv", text, sizeof(text) - 1, tell, NULL, &faults, &p, &f), 0);
        assert_int_equal(faults, 3);
        assert_non_null(strstr(told, "line 3, column 1 (name)"));
        assert_non_null(strstr(told, "line 4, column 2 (ek_sha256)"));
        assert_non_null(strstr(told, "line 5, column 1 (name)"));
        assert_false(p.row[0].faulty);
        assert_true(p.row[1].faulty && p.row[2].faulty && p.row[3].faulty);
        assert_false(p.row[4].faulty);
        assert_string_equal(p.row[4].id, ID2);
}

static void advice_is_given_for(const char *text, const char *piece)
{
        struct csv c = { 0 };
        struct csv_error e = { 0 };

        assert_int_equal(csv_parse(text, strlen(text), &c, &e), -EBADMSG);
        if (!strstr(e.next, piece))
                fail_msg("'%s' lacks '%s'", e.next, piece);
}

static void tabs_and_comments_are_called_what_they_are(void **state)
{
        (void)state;
        advice_is_given_for("name\tek_sha256\nr1n1\tx\n", "not tabs");
        advice_is_given_for("# a list\nname,ek_sha256\nr1n1,x\n", "begins with #");
        advice_is_given_for("name,ek_sha256\n# rack 2\nr1n1,x\n", "begins with #");
        advice_is_given_for("name,ek_sha256\nr1n1\n", "a comma for each empty field");
        advice_is_given_for("name,ek_sha256\nr1n1,x,y\n", "in quotes");
}

static void certificates_outside_the_manifests_directory_are_refused(void **state)
{
        (void)state;
        manifest_refused("name,ek_cert\nr1n1,/etc/shadow\n", "line 2, column 2 (ek_cert)", "leads out");
        manifest_refused("name,ek_cert\nr1n1,../x.der\n", "line 2, column 2 (ek_cert)", "leads out");
        manifest_refused("name,ek_cert\nr1n1,a//../../x.der\n", "line 2, column 2 (ek_cert)", "leads out");
        manifest_refused("name,ek_cert\nr1n1,a/..\n", "line 2, column 2 (ek_cert)", "leads out");
}

static void names_and_ids_that_come_twice_are_refused(void **state)
{
        (void)state;
        manifest_refused("name,ek_sha256\nr1n1," ID1 "\nr1n2," ID2 "\nr1n1,"
                         "00000000000000000000000000000000000000000000000000000000000000a3\n",
                         "line 4, column 1 (name)", "in line 2 too");
        manifest_refused("name,ek_sha256\nr1n1," ID1 "\nr1n2,"
                         "00000000000000000000000000000000000000000000000000000000000000A1\n",
                         "line 3, column 2 (ek_sha256)", "r1n1 in line 2");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_end_in_lf_or_crlf_and_the_last_in_nothing),
                cmocka_unit_test(quotes_hold_commas_quotes_and_line_ends),
                cmocka_unit_test(spaces_and_other_alphabets_belong_to_the_field),
                cmocka_unit_test(a_byte_order_mark_and_blank_lines_are_passed_over),
                cmocka_unit_test(a_field_knows_the_line_it_begins_in),
                cmocka_unit_test(what_is_no_csv_is_refused_with_its_place),
                cmocka_unit_test(control_characters_and_broken_utf8_are_refused),
                cmocka_unit_test(each_limit_holds_what_it_says_and_no_more),
                cmocka_unit_test(a_table_written_again_is_the_same),
                cmocka_unit_test(columns_are_found_by_their_names),
                cmocka_unit_test(headers_that_do_not_tell_all_are_refused),
                cmocka_unit_test(a_bad_field_of_any_row_refuses_the_manifest),
                cmocka_unit_test(all_faults_of_a_list_are_told_at_once),
                cmocka_unit_test(tabs_and_comments_are_called_what_they_are),
                cmocka_unit_test(certificates_outside_the_manifests_directory_are_refused),
                cmocka_unit_test(names_and_ids_that_come_twice_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
