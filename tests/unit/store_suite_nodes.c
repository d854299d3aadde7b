/* SPDX-License-Identifier: Apache-2.0 */
/* What every backend of store.h does alike with nodes; store_suite.h. */
#include "store_suite.h"

#include "nodes.h"

/* What a quote says of a TPM, each value another one. */
static void set_tpm(struct node *n, uint8_t x)
{
        n->restart_count = 4000000000u + x;
        n->clock = UINT64_MAX - x;
        n->has_token = true;
        memset(n->ak_token, x, sizeof(n->ak_token));
        n->cleared = 1000 + x;
        n->firmware_version = (UINT64_C(0xfffe) << 48) + x;
        (void)snprintf(n->tpm_maker, sizeof(n->tpm_maker), "MAKER%u", x);
        (void)snprintf(n->former, sizeof(n->former), "E-IMAGE%u", x);
        (void)snprintf(n->address, sizeof(n->address), "2001:db8::%u", x);
}

static void same_tpm(const struct node *a, const struct node *b)
{
        assert_true(a->restart_count == b->restart_count && a->clock == b->clock && a->cleared == b->cleared);
        assert_true(a->has_token == b->has_token && a->firmware_version == b->firmware_version);
        assert_memory_equal(a->ak_token, b->ak_token, sizeof(a->ak_token));
        assert_string_equal(a->tpm_maker, b->tpm_maker);
        assert_string_equal(a->former, b->former);
        assert_string_equal(a->address, b->address);
}

static void a_node_comes_back_as_it_went_in(void **state)
{
        static const uint8_t blob[] = { 1, 0, 2 };
        struct store *s = *state;
        struct node n = suite_node('a', "r1n001");
        struct node got = { 0 };

        n.bundle[2].p = malloc(sizeof(blob));
        memcpy(n.bundle[2].p, blob, sizeof(blob));
        n.bundle[2].len = sizeof(blob);
        n.facts = strdup("{\"serial\":\"x\"}");
        n.facts_before = strdup("{\"serial\":\"w\"}");
        set_tpm(&n, 0x20);
        (void)snprintf(n.why, sizeof(n.why), "its fan is loud");
        n.has_policy_key = true;
        memset(n.policy_key, 0x77, sizeof(n.policy_key));
        assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
        assert_int_equal(s->ops->node_get(s, n.id, &got), 0);
        assert_string_equal(got.name, "r1n001");
        assert_int_equal(got.chain, EK_CHAIN_UNMATCHED);
        assert_true(got.reset_count == 4000000000u && got.has_ak && got.state == NODE_ENROLLED);
        assert_int_equal(got.bundle[2].len, sizeof(blob));
        assert_memory_equal(got.bundle[2].p, blob, sizeof(blob));
        assert_int_equal(got.bundle[0].len, 0);
        assert_string_equal(got.facts, "{\"serial\":\"x\"}");
        assert_string_equal(got.facts_before, "{\"serial\":\"w\"}");
        same_tpm(&got, &n);
        assert_string_equal(got.why, "its fan is loud");
        assert_true(got.has_policy_key);
        assert_memory_equal(got.policy_key, n.policy_key, sizeof(n.policy_key));
        assert_true(node_same_but_seen(&got, &n));
        got.policy_key[0] ^= 1;
        assert_false(node_same_but_seen(&got, &n));
        got.policy_key[0] ^= 1;
        got.why[0] = 'I';
        assert_false(node_same_but_seen(&got, &n));
        got.why[0] = 'i';
        got.facts_before[0] = '[';
        assert_false(node_same_but_seen(&got, &n));
        node_wipe(&got);
        node_wipe(&n);
}

static void names_are_of_one_node_and_ids_of_one_record(void **state)
{
        struct store *s = *state;
        struct node a = suite_node('a', "n1");
        struct node b = suite_node('b', "n1");
        struct node got = { 0 };

        assert_int_equal(s->ops->node_put(s, &a, NULL, 0), 0);
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), -EEXIST);
        b.name[0] = '\0';
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), 0);
        suite_id('c', b.id);
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), 0); /* two without a name */
        assert_int_equal(node_lookup(s, "n1", &got), 0);
        node_wipe(&got);
        assert_int_equal(node_lookup(s, "aaaaaaaa", &got), 0);
        node_wipe(&got);
        assert_int_equal(node_lookup(s, "aaaaaaa", &got), -ENOENT);
        assert_int_equal(node_lookup(s, "dddddddd", &got), -ENOENT);
        (void)snprintf(b.id, sizeof(b.id), "%s", a.id);
        b.id[63] = 'f';
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), 0);
        assert_int_equal(node_lookup(s, "aaaaaaaa", &got), -ENOTUNIQ);
        assert_int_equal(node_lookup(s, a.id, &got), 0);
        node_wipe(&got);
        (void)snprintf(b.name, sizeof(b.name), "cccccccc"); /* one node's name, the beginning of another one's id */
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), 0);
        assert_int_equal(node_lookup(s, "cccccccc", &got), -ENOTUNIQ);
        (void)snprintf(b.name, sizeof(b.name), "%.8s", b.id);
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), 0);
        assert_int_equal(node_lookup(s, b.name, &got), -ENOTUNIQ); /* also of a's id */
        (void)snprintf(b.name, sizeof(b.name), "dddddddd");
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), 0);
        assert_int_equal(node_lookup(s, "dddddddd", &got), 0); /* control: it is the beginning of no id */
        assert_string_equal(got.id, b.id);
        node_wipe(&got);
}

static void of_claims_to_a_mac_the_approved_node_wins(void **state)
{
        static const char *const macs[] = { "52:54:00:00:00:01" };
        struct store *s = *state;
        struct node good = suite_node('b', "good");
        struct node fake = suite_node('a', "");
        struct node got = { 0 };

        fake.state = NODE_PENDING;
        fake.uuid[0] = '\0';
        assert_int_equal(s->ops->node_put(s, &fake, macs, 1), 0);
        assert_int_equal(s->ops->node_put(s, &good, macs, 1), 0);
        assert_int_equal(node_of_machine(s, macs[0], "", &got), 0);
        assert_string_equal(got.name, "good");
        node_wipe(&got);
        assert_int_equal(node_of_machine(s, "", good.uuid, &got), 0);
        node_wipe(&got);
        assert_int_equal(node_of_machine(s, "", "", &got), -ENOENT);
        assert_int_equal(s->ops->node_delete(s, good.id), 0);
        assert_int_equal(s->ops->node_delete(s, good.id), -ENOENT);
        assert_int_equal(node_of_machine(s, macs[0], "", &got), 0);
        assert_string_equal(got.name, "");
        node_wipe(&got);
}

/* The name of the node that asks, "?" for nobody's. */
static const char *asks(struct store *s, const char *mac, const char *uuid)
{
        static char name[NAME_MAX_LEN + 1];
        struct node got = { 0 };
        int r = node_of_machine(s, mac, uuid, &got);

        assert_true(r == 0 || r == -ENOENT);
        (void)snprintf(name, sizeof(name), "%s", r == 0 ? got.name : "?");
        node_wipe(&got);
        return name;
}

#define SHARED "4c4c4544-0034-4410-8053-c2c04f4b4e32"

static void nodes_that_share_a_uuid_are_told_apart_by_their_macs(void **state)
{
        static const char *const mac_1[] = { "52:54:00:00:00:01" };
        static const char *const mac_2[] = { "52:54:00:00:00:02" };
        struct store *s = *state;
        struct node n1 = suite_node('a', "n1");
        struct node n2 = suite_node('b', "n2");

        (void)snprintf(n1.uuid, sizeof(n1.uuid), SHARED);
        n1.last_ok = n2.last_ok = 9;
        assert_int_equal(s->ops->node_put(s, &n1, mac_1, 1), 0);
        assert_int_equal(s->ops->node_put(s, &n2, mac_2, 1), 0);
        assert_string_equal(asks(s, mac_2[0], SHARED), "n2"); /* the UUID is another record's */
        assert_string_equal(asks(s, "52:54:00:00:00:07", SHARED), "n1"); /* a new card */
        assert_string_equal(asks(s, "", SHARED), "n1");
        (void)snprintf(n2.uuid, sizeof(n2.uuid), SHARED);
        n2.last_ok = 10;
        assert_int_equal(s->ops->node_put(s, &n2, NULL, 0), 0);
        assert_string_equal(asks(s, mac_1[0], SHARED), "n1");
        assert_string_equal(asks(s, mac_2[0], SHARED), "n2");
        assert_string_equal(asks(s, "52:54:00:00:00:07", SHARED), "?");
        assert_string_equal(asks(s, "", SHARED), "?");
}

static void a_uuid_that_board_makers_leave_in_many_boards_finds_nobody(void **state)
{
        static const char *const fillers[] = { "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                                               "03000200-0400-0500-0006-000700080009" };
        struct store *s = *state;
        struct node n = suite_node('a', "n1");

        for (size_t i = 0; i < ELEMENTSOF(fillers); i++) {
                (void)snprintf(n.uuid, sizeof(n.uuid), "%s", fillers[i]);
                assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
                assert_string_equal(asks(s, "", n.uuid), "?");
                assert_string_equal(asks(s, "52:54:00:00:00:07", n.uuid), "?");
        }
        (void)snprintf(n.uuid, sizeof(n.uuid), SHARED); /* control */
        assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
        assert_string_equal(asks(s, "", n.uuid), "n1");
}

static void of_approved_nodes_the_one_that_has_a_mac_for_longest_keeps_it(void **state)
{
        static const char *const macs[] = { "52:54:00:00:00:01", "52:54:00:00:00:02" };
        struct store *s = *state;
        struct node old = suite_node('b', "old");
        struct node new = suite_node('a', "new");

        new.state = NODE_PENDING; /* it claimed the MAC first, but nobody approved it */
        new.first_seen = 1;
        new.last_seen = 2;
        assert_int_equal(s->ops->node_put(s, &new, macs, 1), 0);
        old.last_seen = old.last_ok = 10;
        assert_int_equal(s->ops->node_put(s, &old, macs, 1), 0);
        new.state = NODE_ENROLLED;
        assert_int_equal(s->ops->node_put(s, &new, NULL, 0), 0);
        assert_string_equal(asks(s, macs[0], ""), "old");
        new.state = NODE_RELEASED;
        new.last_seen = new.last_ok = 20;
        assert_int_equal(s->ops->node_put(s, &new, macs, 1), 0);
        assert_string_equal(asks(s, macs[0], ""), "old");
        old.last_seen = 30;
        assert_int_equal(s->ops->node_put(s, &old, macs, 2), 0); /* one more card changes nothing of the first */
        assert_string_equal(asks(s, macs[0], ""), "old");
        assert_int_equal(s->ops->node_put(s, &old, macs + 1, 1), 0);
        assert_string_equal(asks(s, macs[0], ""), "new"); /* given up */
        old.last_seen = 40;
        assert_int_equal(s->ops->node_put(s, &old, macs, 2), 0);
        assert_string_equal(asks(s, macs[0], ""), "new");
        assert_int_equal(s->ops->node_delete(s, new.id), 0);
        assert_string_equal(asks(s, macs[0], ""), "old");
}

static int keep_last(void *ctx, const struct node *n)
{
        char *all = ctx;

        all[0]++;
        all[1] = n->id[0];
        return 0;
}

static void nodes_are_listed_by_state_from_one_on(void **state)
{
        struct store *s = *state;
        uint64_t counts[NODE_STATES];
        char all[2];

        for (char c = 'a'; c <= 'f'; c++) {
                struct node n = suite_node(c, "");

                n.state = c < 'c' ? NODE_REVOKED : NODE_RELEASED;
                assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
        }
        memset(all, 0, sizeof(all));
        assert_int_equal(s->ops->node_list(s, NODE_RELEASED, NULL, 3, keep_last, all), 0);
        assert_true(all[0] == 3 && all[1] == 'e');
        memset(all, 0, sizeof(all));
        assert_int_equal(s->ops->node_list(s, -1, "a", STORE_ALL, keep_last, all), 0);
        assert_true(all[0] == 6 && all[1] == 'f');
        assert_int_equal(s->ops->node_counts(s, counts), 0);
        assert_true(counts[NODE_RELEASED] == 4 && counts[NODE_REVOKED] == 2 && counts[NODE_PENDING] == 0);
}

/* Ids whose order is not the order in which they are added. */
static int one_mac(void *ctx, const char *mac, const char *none)
{
        (void)none;
        (void)snprintf(ctx, 18, "%s", mac);
        return 0;
}

static void a_boot_changes_of_a_record_what_it_may_and_nothing_else(void **state)
{
        static const char *const macs[] = { "52:54:00:00:00:01" };
        struct store *s = *state;
        struct node n = suite_node('a', "n1");
        struct node other = suite_node('b', "n2");
        struct node got = { 0 };
        char mac[18] = "";

        n.facts = strdup("{}");
        assert_int_equal(store_begin(s), 0);
        assert_int_equal(s->ops->node_seen(s, &n), -ENOENT);
        assert_int_equal(s->ops->node_put(s, &n, macs, 1), 0);
        assert_int_equal(s->ops->node_put(s, &other, NULL, 0), 0);
        assert_true(node_same_but_seen(&n, &n));
        n.state = NODE_RELEASED;
        (void)snprintf(n.reason, sizeof(n.reason), "M-BOOT");
        (void)snprintf(n.profile, sizeof(n.profile), "another");
        n.chain = EK_CHAIN_OK;
        (void)snprintf(n.boot, sizeof(n.boot), "b7");
        (void)snprintf(n.image, sizeof(n.image), "i7");
        n.last_seen = 71;
        n.last_ok = 72;
        n.ak_name[3] ^= 1;
        n.reset_count = 73;
        n.pcr_digest[4] ^= 1;
        set_tpm(&n, 0x31);
        assert_int_equal(s->ops->node_seen(s, &n), 0);
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(s->ops->node_get(s, n.id, &got), 0);
        assert_true(node_same_but_seen(&n, &got));
        assert_true(got.state == NODE_RELEASED && got.chain == EK_CHAIN_OK && got.last_seen == 71 && got.last_ok == 72);
        assert_true(got.has_ak && got.reset_count == 73);
        same_tpm(&got, &n);
        assert_memory_equal(got.ak_name, n.ak_name, sizeof(n.ak_name));
        assert_memory_equal(got.pcr_digest, n.pcr_digest, sizeof(n.pcr_digest));
        assert_string_equal(got.reason, "M-BOOT");
        assert_string_equal(got.profile, "another");
        assert_string_equal(got.boot, "b7");
        assert_string_equal(got.image, "i7");
        assert_int_equal(s->ops->mac_list(s, n.id, one_mac, mac), 0);
        assert_string_equal(mac, macs[0]);
        got.facts[0] = '[';
        assert_false(node_same_but_seen(&n, &got));
        node_wipe(&got);
        assert_int_equal(s->ops->node_get(s, other.id, &got), 0);
        assert_int_equal(got.state, NODE_ENROLLED);
        node_wipe(&got);
        node_wipe(&n);
        node_wipe(&other);
}

static void put_one(struct store *s, unsigned i, enum node_state state)
{
        struct node n = { .state = state };

        (void)snprintf(n.id, sizeof(n.id), "%08x%056x", i * 2654435761u, i);
        (void)snprintf(n.name, sizeof(n.name), "p%u", i);
        assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
}

struct paging {
        uint8_t seen[256]; /* by the number in the id */
        size_t n;
        char last[NODE_ID_HEX + 1];
};

static int page_one(void *ctx, const struct node *n)
{
        struct paging *p = ctx;

        assert_true(strcmp(n->id, p->last) > 0);
        memcpy(p->last, n->id, sizeof(p->last));
        p->seen[strtoul(n->id + 56, NULL, 16) & 255]++;
        p->n++;
        return 0;
}

static size_t page(struct store *s, int state, size_t limit, struct paging *p)
{
        size_t before = p->n;

        assert_int_equal(s->ops->node_list(s, state, p->last, limit, page_one, p), 0);
        return p->n - before;
}

static void pages_have_each_node_once_while_others_come_and_go(void **state)
{
        struct store *s = *state;
        struct paging all = { 0 };
        struct paging ok = { 0 };
        unsigned next = 100;

        for (unsigned i = 0; i < 100; i++)
                put_one(s, i, i % 2 ? NODE_RELEASED : NODE_ENROLLED);
        while (page(s, -1, 7, &all) > 0) {
                put_one(s, next++, NODE_RELEASED); /* before or behind the page's end */
                assert_int_equal(s->ops->node_delete(s, all.last), 0); /* the one the next page begins behind */
        }
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(all.seen[i], 1);
        for (unsigned i = 100; i < next; i++)
                assert_true(all.seen[i] <= 1);
        while (page(s, NODE_RELEASED, 1, &ok) > 0)
                ;
        for (unsigned i = 0; i < 100; i += 2)
                assert_int_equal(ok.seen[i], 0);
        memset(&all, 0, sizeof(all));
        assert_int_equal(page(s, -1, 0, &all), 0);
}

static int add_up(void *ctx, const struct node *n)
{
        ((uint64_t *)ctx)[n->state]++;
        return 0;
}

static void counts_are_as_counted(struct store *s)
{
        uint64_t kept[NODE_STATES];
        uint64_t counted[NODE_STATES] = { 0 };

        assert_int_equal(s->ops->node_counts(s, kept), 0);
        assert_int_equal(s->ops->node_list(s, -1, NULL, STORE_ALL, add_up, counted), 0);
        assert_memory_equal(kept, counted, sizeof(kept));
}

static void what_is_kept_of_how_many_there_are_is_so(void **state)
{
        struct store *s = *state;
        struct node n = suite_node('a', "n1");

        counts_are_as_counted(s);
        for (unsigned i = 0; i < 20; i++)
                put_one(s, i, i % NODE_STATES);
        counts_are_as_counted(s);
        for (unsigned i = 0; i < 20; i++)
                put_one(s, i, i / 4 % NODE_STATES);
        assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
        assert_int_equal(s->ops->node_delete(s, n.id), 0);
        counts_are_as_counted(s);
        assert_int_equal(store_begin(s), 0);
        put_one(s, 30, NODE_RELEASED);
        store_rollback(s);
        counts_are_as_counted(s);
        assert_int_equal(backend->sql("DELETE FROM nodes"), 0);
        counts_are_as_counted(s);
}

static void what_is_assigned_to_a_node_is_known(void **state)
{
        struct store *s = *state;
        struct node n = suite_node('a', "n1");

        (void)snprintf(n.assigned_boot, sizeof(n.assigned_boot), "r1");
        (void)snprintf(n.assigned_image, sizeof(n.assigned_image), "i1");
        assert_int_equal(s->ops->node_assigned(s, "r1", false), 0);
        assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
        assert_int_equal(s->ops->node_assigned(s, "r1", false), 1);
        assert_int_equal(s->ops->node_assigned(s, "r1", true), 0);
        assert_int_equal(s->ops->node_assigned(s, "i1", true), 1);
        assert_int_equal(s->ops->node_assigned(s, "", false), 0);
        n.assigned_boot[0] = '\0';
        assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
        assert_int_equal(s->ops->node_assigned(s, "r1", false), 0);
}

static void a_store_of_the_first_version_is_brought_up_to_date(void **state)
{
        struct store *s = *state;
        struct fail f = { 0 };

        for (unsigned i = 0; i < 20; i++)
                put_one(s, i, i % 3);
        store_close(s);
        *state = NULL;
        assert_int_equal(backend->sql(backend->first), 0);
        if (backend->open(&s, &f) < 0)
                fail_msg("%s", f.what);
        *state = s;
        counts_are_as_counted(s);
        put_one(s, 3, NODE_REVOKED);
        counts_are_as_counted(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, suite_make, suite_unmake)

int store_suite_nodes(void)
{
        const struct CMUnitTest tests[] = {
                T(a_node_comes_back_as_it_went_in),
                T(names_are_of_one_node_and_ids_of_one_record),
                T(of_claims_to_a_mac_the_approved_node_wins),
                T(nodes_that_share_a_uuid_are_told_apart_by_their_macs),
                T(a_uuid_that_board_makers_leave_in_many_boards_finds_nobody),
                T(of_approved_nodes_the_one_that_has_a_mac_for_longest_keeps_it),
                T(nodes_are_listed_by_state_from_one_on),
                T(a_boot_changes_of_a_record_what_it_may_and_nothing_else),
                T(pages_have_each_node_once_while_others_come_and_go),
                T(what_is_kept_of_how_many_there_are_is_so),
                T(what_is_assigned_to_a_node_is_known),
                T(a_store_of_the_first_version_is_brought_up_to_date),
        };

        return cmocka_run_group_tests_name("nodes in it", tests, NULL, NULL);
}
