/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "facts.h"
#include "hooks_runner.h"

static struct attest_facts machine(const char *serial, const char *uuid, const char *mac1, const char *mac2)
{
        struct attest_facts f = { .vendor = "Fixture Inc.", .product = "Node 1", .client = "1" };

        (void)snprintf(f.serial, sizeof(f.serial), "%s", serial);
        (void)snprintf(f.uuid, sizeof(f.uuid), "%s", uuid);
        if (mac1)
                assert_int_equal(jstrs_add(&f.macs, mac1), 0);
        if (mac2)
                assert_int_equal(jstrs_add(&f.macs, mac2), 0);
        return f;
}

#define UUID "4c4c4544-0034-4410-8053-c2c04f4b4e32"
#define MAC1 "52:54:00:12:34:56"
#define MAC2 "52:54:00:12:34:57"

/* What changed between the usual machine and this one; frees it. */
static unsigned against(struct attest_facts f)
{
        struct attest_facts usual = machine("S1", UUID, MAC1, MAC2);
        unsigned changed = facts_changed(&usual, &f);

        attest_facts_wipe(&usual);
        attest_facts_wipe(&f);
        return changed;
}

static void another_serial_uuid_or_mac_is_a_change(void **state)
{
        (void)state;
        assert_int_equal(against(machine("S1", UUID, MAC1, MAC2)), 0);
        assert_int_equal(against(machine("S2", UUID, MAC1, MAC2)), FACT_SERIAL);
        assert_int_equal(against(machine("", UUID, MAC1, MAC2)), FACT_SERIAL);
        assert_int_equal(against(machine("S1", "", MAC1, MAC2)), FACT_UUID);
        assert_int_equal(against(machine("S1", UUID, MAC1, NULL)), FACT_MACS);
        assert_int_equal(against(machine("S1", UUID, NULL, NULL)), FACT_MACS);
        assert_int_equal(against(machine("S1", UUID, MAC1, "52:54:00:12:34:58")), FACT_MACS);
        assert_int_equal(against(machine("S2", "x", "y", NULL)), FACT_ALL);
        {
                struct attest_facts more = machine("S1", UUID, MAC1, MAC2);

                assert_int_equal(jstrs_add(&more.macs, "52:54:00:12:34:59"), 0);
                assert_int_equal(against(more), FACT_MACS);
        }
}

static void order_case_and_repeats_of_macs_are_no_change(void **state)
{
        struct attest_facts f = machine("S1", "4C4C4544-0034-4410-8053-C2C04F4B4E32", MAC2, "52:54:00:12:34:56");

        (void)state;
        assert_int_equal(jstrs_add(&f.macs, MAC2), 0);
        assert_int_equal(against(f), 0);
        f = machine("S1", UUID, MAC2, MAC1);
        (void)snprintf(f.firmware, sizeof(f.firmware), "an update");
        (void)snprintf(f.client, sizeof(f.client), "another version");
        assert_int_equal(against(f), 0);
}

static void stored_facts_are_compared_and_no_facts_are_no_change(void **state)
{
        struct attest_facts one = machine("S\"1", UUID, MAC1, NULL);
        struct attest_facts two = machine("S2", UUID, MAC1, MAC2);
        struct buf text = { 0 };
        struct buf change = { 0 };
        struct jout o = { 0 };

        (void)state;
        wire_facts_out(&o, NULL, &one);
        assert_int_equal(jout_take(&o, &text), 0);
        assert_int_equal(facts_changed_text((const char *)text.p, &one), 0);
        assert_int_equal(facts_changed_text((const char *)text.p, &two), FACT_SERIAL | FACT_MACS);
        assert_int_equal(facts_changed_text(NULL, &two), 0);
        assert_int_equal(facts_changed_text("", &two), FACT_ALL);
        assert_int_equal(facts_changed_text("{}", &two), FACT_ALL);
        assert_int_equal(facts_change_json((const char *)text.p, &two, FACT_SERIAL | FACT_MACS, "10.0.0.1", &change), 0);
        assert_string_equal((const char *)change.p,
                            "{\"changed\":[\"serial\",\"macs\"],\"before\":{\"serial\":\"S\\\"1\",\"uuid\":\"" UUID
                            "\",\"macs\":[\"" MAC1 "\"]},\"after\":{\"serial\":\"S2\",\"uuid\":\"" UUID "\",\"macs\":[\"" MAC1
                            "\",\"" MAC2 "\"]},\"from\":\"10.0.0.1\"}");
        buf_wipe(&text);
        buf_wipe(&change);
        attest_facts_wipe(&one);
        attest_facts_wipe(&two);
}

#define OLD(serial) "{\"vendor\":\"Fixture Inc.\",\"product\":\"Node 1\",\"serial\":\"" serial "\",\"uuid\":\"" UUID \
                    "\",\"firmware\":\"\",\"macs\":[\"" MAC1 "\"],\"client\":\"1\"}"

static void facts_stored_without_the_tpms_maker_are_compared_too(void **state)
{
        struct attest_facts now = machine("S1", UUID, MAC1, NULL);
        struct buf change = { 0 };

        (void)state;
        (void)snprintf(now.tpm, sizeof(now.tpm), "IBM");
        assert_int_equal(facts_changed_text(OLD("S1"), &now), 0);
        assert_int_equal(facts_changed_text(OLD("S2"), &now), FACT_SERIAL);
        assert_int_equal(facts_changed_text("{\"serial\":\"S1\",\"uuid\":\"" UUID "\",\"macs\":[\"" MAC1 "\"]}", &now), FACT_ALL);
        assert_int_equal(facts_change_json(OLD("S2"), &now, FACT_SERIAL, "", &change), 0);
        assert_non_null(strstr((const char *)change.p, "\"before\":{\"serial\":\"S2\""));
        buf_wipe(&change);
        attest_facts_wipe(&now);
}

static void the_longest_change_fits_into_what_hooks_are_given(void **state)
{
        struct attest_facts f = { .client = "1" };
        char mac[WIRE_FACT_MAX + 1] = "";
        struct buf text = { 0 };
        struct buf change = { 0 };
        struct jout o = { 0 };

        (void)state;
        memset(f.serial, 1, WIRE_FACT_MAX); /* six characters each in JSON */
        memset(f.uuid, 1, WIRE_FACT_MAX);
        memset(mac, 1, WIRE_FACT_MAX);
        for (unsigned i = 0; i < WIRE_MACS; i++)
                assert_int_equal(jstrs_add(&f.macs, mac), 0);
        wire_facts_out(&o, NULL, &f);
        assert_int_equal(jout_take(&o, &text), 0);
        assert_int_equal(facts_change_json((const char *)text.p, &f, FACT_ALL, "10.0.0.1", &change), 0);
        assert_true(change.len > 20000);
        assert_true(change.len + 1024 < HOOK_TEXT_MAX); /* with the node's id and name, and the event's */
        buf_wipe(&text);
        buf_wipe(&change);
        attest_facts_wipe(&f);
}

static void what_changed_is_said_in_words(void **state)
{
        char words[32];

        (void)state;
        assert_string_equal(facts_words(FACT_ALL, words), "serial, uuid, macs");
        assert_string_equal(facts_words(FACT_UUID, words), "uuid");
        assert_string_equal(facts_words(0, words), "");
}

static void what_board_makers_leave_in_many_boards_names_no_machine(void **state)
{
        static const char *const fillers[] = {
                "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "fefefefe-fefe-fefe-fefe-fefefefefefe",
                "03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009",
                "12345678-1234-5678-90AB-CDDEEFAABBCC", "00010203-0405-0607-0809-0a0b0c0d0e0f",
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(fillers); i++)
                assert_true(uuid_is_filler(fillers[i]));
        assert_false(uuid_is_filler(UUID));
        assert_false(uuid_is_filler("00000000-0000-0000-0000-ac1f6b000001")); /* Supermicro's ends in the MAC */
        assert_false(uuid_is_filler("fefefefe-fefe-fefe-fefe-fefefefefeff"));
        assert_true(serial_is_filler("To Be Filled By O.E.M.") && serial_is_filler("Default string") && serial_is_filler("0000000"));
        assert_true(serial_is_filler("") && serial_is_filler("None"));
        assert_false(serial_is_filler("S1") || serial_is_filler("CZ1234ABCD"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(another_serial_uuid_or_mac_is_a_change),
                cmocka_unit_test(order_case_and_repeats_of_macs_are_no_change),
                cmocka_unit_test(stored_facts_are_compared_and_no_facts_are_no_change),
                cmocka_unit_test(facts_stored_without_the_tpms_maker_are_compared_too),
                cmocka_unit_test(the_longest_change_fits_into_what_hooks_are_given),
                cmocka_unit_test(what_changed_is_said_in_words),
                cmocka_unit_test(what_board_makers_leave_in_many_boards_names_no_machine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
