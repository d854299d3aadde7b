/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fair.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sockaddr_storage v4(uint32_t a)
{
        struct sockaddr_storage s = { 0 };
        struct sockaddr_in *in = (struct sockaddr_in *)&s;

        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(a);
        return s;
}

static struct sockaddr_storage v6(const char *text)
{
        struct sockaddr_storage s = { 0 };
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)&s;

        in->sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &in->sin6_addr), 1);
        return s;
}

static struct fair *make(unsigned connections, unsigned per_address, unsigned rate)
{
        struct fair_limits l = { { connections, connections }, per_address, rate, 1000000, { false, true } };
        struct fair *f = NULL;

        assert_int_equal(fair_new(&l, &f), 0);
        return f;
}

/* Admits and adds; *victim as fair_admit() says. */
static enum fair_answer come(struct fair *f, struct fair_conn *c, struct sockaddr_storage from, int64_t now,
                             struct fair_conn **victim)
{
        enum fair_answer a = fair_admit(f, (struct sockaddr *)&from, 0, now, victim);

        memset(c, 0, sizeof(*c));
        if (a == FAIR_COME)
                assert_int_equal(fair_add(f, c, (struct sockaddr *)&from, 0, 7, now), 0);
        return a;
}

static void a_full_address_loses_its_own_longest_idle(void **state)
{
        struct fair *f = make(100, 2, 1000);
        struct fair_conn c[4];
        struct fair_conn *victim;

        (void)state;
        assert_int_equal(come(f, &c[0], v4(1), 0, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[1], v4(1), 10, &victim), FAIR_COME);
        assert_null(victim);
        assert_int_equal(come(f, &c[2], v4(1), 20, &victim), FAIR_TOO_MANY); /* both are at work */
        fair_phase(f, &c[0], FAIR_WAIT, 500);
        assert_int_equal(come(f, &c[2], v4(1), 1200, &victim), FAIR_COME);
        assert_ptr_equal(victim, &c[1]);
        fair_phase(f, &c[0], FAIR_WORK, 1300);
        fair_phase(f, &c[2], FAIR_WORK, 1300);
        assert_int_equal(come(f, &c[3], v4(1), 9000, &victim), FAIR_TOO_MANY); /* what is being answered stays */
        for (int i = 0; i < 3; i++)
                fair_remove(f, &c[i]);
        assert_int_equal(fair_count(f, 0), 0);
        fair_free(f);
}

/* Comes to the side that queues, and has sent something. */
static enum fair_answer queue(struct fair *f, struct fair_conn *c, struct sockaddr_storage from, int64_t now,
                              struct fair_conn **victim)
{
        enum fair_answer a = fair_admit(f, (struct sockaddr *)&from, 1, now, victim);

        memset(c, 0, sizeof(*c));
        if (a != FAIR_COME)
                return a;
        assert_int_equal(fair_add(f, c, (struct sockaddr *)&from, 1, 7, now), 0);
        fair_phase(f, c, FAIR_QUEUE, now);
        return a;
}

static void strangers_wait_for_their_turn_and_are_not_turned_away(void **state)
{
        struct fair_limits l = { { 1000, 1000 }, 100, 50, 2, { false, true } };
        struct fair *f = NULL;
        struct fair_conn c[100];
        struct fair_conn *victim;

        (void)state;
        assert_int_equal(fair_new(&l, &f), 0);
        for (uint32_t i = 0; i < 100; i++)
                assert_int_equal(queue(f, &c[i], v4(i), 0, &victim), FAIR_COME);
        for (uint32_t i = 0; i < 20; i++)
                assert_true(fair_turn(f, &c[i], 0));
        assert_int_equal(c[0].phase, FAIR_WAIT);
        assert_false(fair_turn(f, &c[20], 0));
        assert_int_equal(c[20].phase, FAIR_QUEUE);
        assert_true(fair_turn(f, &c[20], 500));
        assert_false(fair_turn(f, &c[21], 500));
        fair_known(f, &c[21]);
        assert_int_equal(fair_class(&c[21]), FAIR_KNOWN);
        assert_true(fair_turn(f, &c[21], 500)); /* a known address's needs none */
        for (uint32_t i = 0; i < 100; i++)
                fair_remove(f, &c[i]);
        fair_free(f);
}

static void those_that_come_often_have_a_queue_and_tokens_of_their_own(void **state)
{
        struct fair_limits l = { { 1000, 1000 }, 100, 50, 2, { false, true } };
        struct fair *f = NULL;
        struct fair_conn c[42];
        struct fair_conn *victim;

        (void)state;
        assert_int_equal(fair_new(&l, &f), 0);
        for (uint32_t i = 0; i < 41; i++)
                assert_int_equal(queue(f, &c[i], v4(1), 0, &victim), FAIR_COME);
        assert_int_equal(queue(f, &c[41], v4(2), 0, &victim), FAIR_COME);
        assert_int_equal(fair_class(&c[0]), FAIR_SELDOM);
        assert_int_equal(fair_class(&c[40]), FAIR_OFTEN);
        for (uint32_t i = 20; i < 40; i++)
                assert_true(fair_turn(f, &c[i], 0));
        assert_false(fair_turn(f, &c[40], 0));
        assert_true(fair_turn(f, &c[41], 0));
        for (uint32_t i = 0; i < 42; i++)
                fair_remove(f, &c[i]);
        fair_free(f);
}

static void who_waits_for_its_turn_goes_for_an_address_with_fewer_only(void **state)
{
        struct fair *f = make(3, 10, 1000);
        struct fair_conn c[4];
        struct fair_conn *victim;

        (void)state;
        assert_int_equal(queue(f, &c[0], v4(1), 0, &victim), FAIR_COME);
        assert_int_equal(queue(f, &c[1], v4(2), 0, &victim), FAIR_COME);
        assert_int_equal(queue(f, &c[2], v4(3), 0, &victim), FAIR_COME);
        assert_int_equal(queue(f, &c[3], v4(4), 9000, &victim), FAIR_FULL); /* though they have been still for long */
        fair_phase(f, &c[1], FAIR_WAIT, 9000);                              /* its turn: it has to go on now */
        assert_int_equal(queue(f, &c[3], v4(4), 9999, &victim), FAIR_FULL);
        assert_int_equal(queue(f, &c[3], v4(4), 10000, &victim), FAIR_COME);
        assert_ptr_equal(victim, &c[1]);
        fair_remove(f, &c[1]);
        fair_remove(f, &c[2]);
        fair_remove(f, &c[3]);
        assert_int_equal(queue(f, &c[1], v4(1), 10000, &victim), FAIR_COME);
        assert_int_equal(queue(f, &c[2], v4(1), 10000, &victim), FAIR_COME);
        assert_int_equal(queue(f, &c[3], v4(2), 10000, &victim), FAIR_COME);
        assert_ptr_equal(victim, &c[2]); /* of the address with most the last */
        for (int i = 0; i < 4; i++)
                fair_remove(f, &c[i]);
        fair_free(f);
}

static void a_turn_pays_for_an_attestation_and_no_more(void **state)
{
        struct fair_limits l = { { 100, 100 }, 100, 50, 1, { false, true } };
        struct fair *f = NULL;
        struct fair_conn c;
        struct fair_conn *victim;

        (void)state;
        assert_int_equal(fair_new(&l, &f), 0);
        assert_int_equal(queue(f, &c, v4(1), 0, &victim), FAIR_COME);
        assert_true(fair_turn(f, &c, 0));
        assert_true(fair_spend(f, &c, 2, true, 0));
        assert_true(fair_spend(f, &c, FAIR_PAID - 2, true, 0));
        assert_true(fair_spend(f, &c, 6, true, 0)); /* what is left of its own, as of one that comes seldom */
        assert_true(fair_spend(f, &c, 10, true, 0)); /* and all of the others' */
        assert_false(fair_spend(f, &c, 1, true, 0));
        assert_true(fair_spend(f, &c, 1, true, 1000));
        fair_remove(f, &c);
        fair_free(f);
}

static void on_a_full_side_the_address_with_most_loses_one(void **state)
{
        struct fair *f = make(10, 8, 1000);
        struct fair_conn c[16];
        struct fair_conn *victim;

        (void)state;
        for (int i = 0; i < 8; i++)
                assert_int_equal(come(f, &c[i], v4(1), i, &victim), FAIR_COME);
        for (int i = 8; i < 10; i++)
                assert_int_equal(come(f, &c[i], v4(2), i, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[10], v4(3), 20, &victim), FAIR_COME); /* no second needs to pass */
        assert_ptr_equal(victim, &c[0]);
        assert_int_equal(fair_count(f, 0), 10);
        assert_int_equal(come(f, &c[11], v4(1), 30, &victim), FAIR_FULL); /* it has most itself */
        assert_int_equal(come(f, &c[11], v4(1), 2000, &victim), FAIR_COME);
        assert_ptr_equal(victim, &c[1]);
        for (int i = 0; i < 12; i++)
                fair_remove(f, &c[i]);
        fair_free(f);
}

static void known_addresses_lose_nothing_to_strangers(void **state)
{
        struct fair *f = make(4, 4, 1000);
        struct fair_conn c[8];
        struct fair_conn *victim;

        (void)state;
        for (int i = 0; i < 3; i++)
                assert_int_equal(come(f, &c[i], v4(1), 0, &victim), FAIR_COME);
        fair_known(f, &c[0]);
        assert_int_equal(come(f, &c[3], v4(2), 0, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[4], v4(3), 5000, &victim), FAIR_COME);
        assert_ptr_equal(victim, &c[3]); /* though the known one has three */
        fair_remove(f, &c[3]);
        fair_remove(f, &c[4]);
        assert_int_equal(come(f, &c[3], v4(1), 5000, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[4], v4(2), 99000, &victim), FAIR_FULL);
        for (int i = 0; i < 3; i++)
                fair_remove(f, &c[i]);
        fair_remove(f, &c[3]);
        assert_int_equal(come(f, &c[0], v4(1), 99000, &victim), FAIR_COME);
        assert_true(fair_is_known(&c[0])); /* remembered without a connection */
        fair_remove(f, &c[0]);
        fair_free(f);
}

static struct sockaddr_storage in_net(unsigned net, unsigned host)
{
        char text[64];

        (void)snprintf(text, sizeof(text), "2001:db8:0:%x::%x", net, host);
        return v6(text);
}

static void ipv6_counts_by_address_and_mapped_addresses_are_ipv4(void **state)
{
        struct fair *f = make(100, 1, 1000);
        struct fair_conn c[5];
        struct fair_conn *victim;

        (void)state;
        assert_int_equal(come(f, &c[0], v6("2001:db8::1"), 0, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[1], v6("2001:db8::1"), 0, &victim), FAIR_TOO_MANY);
        assert_int_equal(come(f, &c[1], v6("2001:db8::ffff:2"), 0, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[2], v6("2001:db8:0:1::1"), 0, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[3], v4(0x0a000001), 0, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[4], v6("::ffff:10.0.0.1"), 0, &victim), FAIR_TOO_MANY);
        for (int i = 0; i < 4; i++)
                fair_remove(f, &c[i]);
        fair_free(f);
}

static void strangers_of_one_64_have_the_connections_of_sixteen_addresses(void **state)
{
        struct fair *f = make(1000, 2, 1000);
        struct fair_conn c[FAIR_NET * 2];
        struct fair_conn more[3];
        struct fair_conn *victim;

        (void)state;
        for (unsigned i = 0; i < FAIR_NET * 2; i++)
                assert_int_equal(come(f, &c[i], in_net(0, i + 1), i, &victim), FAIR_COME);
        assert_int_equal(come(f, &more[0], in_net(0, 999), 100, &victim), FAIR_TOO_MANY);
        assert_int_equal(come(f, &more[0], in_net(1, 999), 100, &victim), FAIR_COME); /* another one has its own */
        assert_null(victim);
        fair_phase(f, &c[0], FAIR_WORK, 200);
        assert_int_equal(come(f, &more[1], in_net(0, 999), 1500, &victim), FAIR_COME);
        assert_ptr_equal(victim, &c[1]); /* the longest idle */
        fair_remove(f, &c[0]);
        assert_int_equal(come(f, &more[2], in_net(0, 998), 1500, &victim), FAIR_COME); /* there is room again */
        assert_null(victim);
        for (unsigned i = 1; i < FAIR_NET * 2; i++)
                fair_remove(f, &c[i]);
        for (unsigned i = 0; i < 3; i++)
                fair_remove(f, &more[i]);
        fair_free(f);
}

static void in_a_full_64_the_address_with_most_loses_one(void **state)
{
        struct fair *f = make(1000, 16, 1000);
        struct fair_conn c[FAIR_NET * 16];
        struct fair_conn more;
        struct fair_conn *victim;

        (void)state;
        for (unsigned i = 0; i < FAIR_NET * 16; i++) /* one each, but for the last */
                assert_int_equal(come(f, &c[i], in_net(0, i < FAIR_NET * 16 - 3 ? i + 1 : 9999), i, &victim), FAIR_COME);
        assert_int_equal(come(f, &more, in_net(0, 8888), 300, &victim), FAIR_COME);
        assert_ptr_equal(victim, &c[FAIR_NET * 16 - 3]);
        for (unsigned i = 0; i < FAIR_NET * 16; i++)
                fair_remove(f, &c[i]);
        fair_remove(f, &more);
        fair_free(f);
}

static void strangers_of_one_64_have_the_tokens_of_sixteen_addresses(void **state)
{
        struct fair_limits l = { { 100000, 100000 }, 100000, 2, 1000000, { false, true } };
        struct fair *f = NULL;
        struct fair_conn own[2] = { 0 };
        struct fair_conn *victim;
        struct sockaddr_storage from;
        unsigned came = 0;
        unsigned worked = 0;

        (void)state;
        assert_int_equal(fair_new(&l, &f), 0);
        for (unsigned i = 0; i < 2; i++) { /* one in the /64, one in another */
                from = in_net(i, 9999);
                assert_int_equal(fair_add(f, &own[i], (struct sockaddr *)&from, 0, 7, 1), 0);
        }
        for (unsigned i = 0; i < 1000; i++) {
                struct fair_conn c = { 0 };

                from = in_net(0, i + 1);
                came += fair_admit(f, (struct sockaddr *)&from, 0, 1, &victim) == FAIR_COME;
                assert_int_equal(fair_add(f, &c, (struct sockaddr *)&from, 0, 7, 1), 0);
                worked += fair_spend(f, &c, 1, true, 1);
                fair_remove(f, &c);
        }
        assert_int_equal(came, FAIR_NET * 2 * FAIR_BURST);
        assert_int_equal(worked, FAIR_NET * 2 * FAIR_BURST);
        assert_false(fair_spend(f, &own[0], 1, true, 1));
        assert_true(fair_spend(f, &own[1], 1, true, 1));
        fair_remove(f, &own[0]);
        fair_remove(f, &own[1]);
        fair_free(f);
}

static void a_known_address_shares_neither_name_nor_tokens_with_strangers_of_its_64(void **state)
{
        struct fair_limits l = { { 1000, 1000 }, 4, 1, 1000000, { false, true } };
        struct fair *f = NULL;
        struct fair_conn node = { 0 };
        struct fair_conn c[FAIR_NET * 4] = { 0 };
        struct fair_conn *victim;
        unsigned n = 0;

        (void)state;
        assert_int_equal(fair_new(&l, &f), 0);
        assert_int_equal(come(f, &node, in_net(0, 9999), 1, &victim), FAIR_COME);
        for (unsigned i = 0; i < FAIR_NET * 4; i++)
                assert_int_equal(come(f, &c[i], in_net(0, i + 1), 1, &victim), i < FAIR_NET * 4 - 1 ? FAIR_COME : FAIR_TOO_MANY);
        fair_known(f, &node);
        assert_true(fair_is_known(&node));
        for (unsigned i = 0; i < FAIR_NET * 4 - 1; i++) {
                assert_false(fair_is_known(&c[i]));
                while (fair_spend(f, &c[i], 1, true, 1))
                        n++;
        }
        assert_int_equal(n, FAIR_NET * FAIR_BURST);
        assert_true(fair_spend(f, &node, 1, true, 1));
        assert_int_equal(come(f, &c[FAIR_NET * 4 - 1], in_net(0, 7777), 1, &victim), FAIR_COME); /* in the known one's place */
        fair_remove(f, &node);
        assert_int_equal(come(f, &node, in_net(0, 9999), 1, &victim), FAIR_COME); /* beyond what its /64 may have */
        assert_null(victim);
        assert_true(fair_is_known(&node));
        fair_remove(f, &node);
        for (unsigned i = 0; i < FAIR_NET * 4; i++)
                fair_remove(f, &c[i]);
        fair_free(f);
}

static void what_a_stranger_owes_its_64_owes_too(void **state)
{
        struct fair_limits l = { { 1000, 1000 }, 4, 50, 1000000, { false, true } };
        struct fair *f = NULL;
        struct fair_conn c[3] = { 0 };
        struct fair_conn *victim;

        (void)state;
        assert_int_equal(fair_new(&l, &f), 0);
        assert_int_equal(come(f, &c[0], in_net(0, 1), 1, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[1], in_net(0, 2), 1, &victim), FAIR_COME);
        assert_int_equal(come(f, &c[2], in_net(1, 1), 1, &victim), FAIR_COME);
        fair_charge(f, &c[0], FAIR_NET * 499, 1);
        assert_true(fair_spend(f, &c[1], 1, true, 1));
        fair_charge(f, &c[0], FAIR_NET * 10, 1);
        assert_false(fair_spend(f, &c[1], 1, true, 1));
        assert_true(fair_spend(f, &c[2], 1, true, 1));
        for (unsigned i = 0; i < 3; i++)
                fair_remove(f, &c[i]);
        fair_free(f);
}

static void one_that_owes_has_no_part_in_what_those_have_that_come_seldom(void **state)
{
        struct fair_limits l = { { 1000, 1000 }, 100, 50, 2, { false, true } };
        struct fair *f = NULL;
        struct fair_conn c[3] = { 0 };
        struct fair_conn *victim;
        unsigned n = 0;

        (void)state;
        assert_int_equal(fair_new(&l, &f), 0);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(come(f, &c[i], v4(i + 1), 1, &victim), FAIR_COME);
        while (fair_spend(f, &c[0], 1, true, 1)) /* its own ten seldom ones, then all that those have that come often */
                n++;
        assert_int_equal(n, 10 + 20);
        fair_charge(f, &c[1], 10, 1);
        assert_false(fair_spend(f, &c[1], 1, true, 1));
        assert_true(fair_spend(f, &c[2], 1, true, 1)); /* one that owes nothing has */
        for (unsigned i = 0; i < 3; i++)
                fair_remove(f, &c[i]);
        fair_free(f);
}

static void work_that_turned_out_dear_is_paid_for_afterwards(void **state)
{
        struct fair_limits l = { { 100000, 100000 }, 100000, 50, 100000, { false, true } };
        struct fair *f = NULL;
        struct fair_conn c = { 0 };
        struct fair_conn other = { 0 };
        struct fair_conn *victim;

        (void)state;
        assert_int_equal(fair_new(&l, &f), 0);
        assert_int_equal(come(f, &c, v4(1), 1, &victim), FAIR_COME);
        assert_int_equal(come(f, &other, v4(2), 1, &victim), FAIR_COME);
        fair_charge(f, &c, 499, 1);
        assert_true(fair_spend(f, &c, 1, true, 1)); /* it had 500 */
        assert_false(fair_spend(f, &c, 1, true, 1));
        fair_charge(f, &c, 100, 1);
        assert_false(fair_spend(f, &c, 1, true, 1500)); /* it owes two seconds' worth */
        assert_true(fair_spend(f, &other, 1, true, 1500));
        assert_true(fair_spend(f, &c, 1, true, 2100));
        fair_charge(f, &c, UINT32_MAX, 2100);
        assert_false(fair_spend(f, &c, 1, true, 12000)); /* and never more than ten */
        assert_true(fair_spend(f, &c, 1, true, 12200));
        fair_remove(f, &c);
        fair_remove(f, &other);
        fair_free(f);
}

static void tokens_run_out_and_come_back(void **state)
{
        struct fair_limits l = { { 100000, 100000 }, 100000, 50, 5, { false, true } };
        struct fair *f = NULL;
        struct fair_conn c = { 0 };
        struct fair_conn k = { 0 };
        struct fair_conn *victim;
        struct sockaddr_storage one = v4(1);
        unsigned n = 0;

        (void)state;
        assert_int_equal(fair_new(&l, &f), 0);
        while (fair_admit(f, (struct sockaddr *)&one, 0, 1, &victim) == FAIR_COME)
                n++;
        assert_int_equal(n, 10 + 50); /* its own seldom tokens, then all that come often */
        assert_int_equal(come(f, &c, v4(2), 1, &victim), FAIR_COME); /* another one still may */
        assert_int_equal(fair_admit(f, (struct sockaddr *)&one, 0, 1001, &victim), FAIR_COME);
        fair_known(f, &c);
        for (n = 0; fair_spend(f, &c, 1, true, 2000); n++)
                ;
        assert_int_equal(n, 500); /* of a known one only its own count */
        assert_int_equal(come(f, &k, v4(3), 2000, &victim), FAIR_COME);
        for (n = 0; fair_spend(f, &k, 10, true, 2000); n++)
                ;
        assert_int_equal(n, 1 + 5);
        fair_remove(f, &c);
        fair_remove(f, &k);
        fair_free(f);
}

static void the_hog_is_of_the_address_that_holds_most(void **state)
{
        struct fair *f = make(100, 8, 1000);
        struct fair_conn c[5];
        struct fair_conn *victim;

        (void)state;
        for (int i = 0; i < 5; i++) {
                assert_int_equal(come(f, &c[i], v4(i == 4 ? 3 : i == 3 ? 2 : 1), i, &victim), FAIR_COME);
                fair_phase(f, &c[i], FAIR_BODY, i);
                fair_body(&c[i], i < 3 ? 1000 : i == 3 ? 2000 : 1);
        }
        assert_ptr_equal(fair_hog(f, &c[4]), &c[0]);
        assert_ptr_equal(fair_hog(f, &c[0]), &c[1]);
        fair_doom(f, &c[0]);
        fair_doom(f, &c[1]);
        assert_ptr_equal(fair_hog(f, &c[4]), &c[3]);
        fair_phase(f, &c[3], FAIR_WORK, 10);
        assert_ptr_equal(fair_hog(f, &c[4]), &c[2]);
        assert_ptr_equal(fair_hog(f, &c[2]), &c[4]);
        fair_known(f, &c[4]);
        assert_null(fair_hog(f, &c[2]));
        for (int i = 0; i < 5; i++)
                fair_remove(f, &c[i]);
        fair_free(f);
}

static void addresses_without_connections_are_forgotten_in_the_end(void **state)
{
        struct fair *f = make(100, 8, 1000000);
        struct fair_conn c = { 0 };
        struct fair_conn *victim;

        (void)state;
        assert_int_equal(come(f, &c, v4(1), 0, &victim), FAIR_COME);
        fair_known(f, &c);
        fair_remove(f, &c);
        for (uint32_t a = 2; a < 3 * FAIR_REMEMBERED; a++) {
                struct sockaddr_storage s = v4(a);

                (void)fair_admit(f, (struct sockaddr *)&s, 0, a, &victim);
        }
        assert_int_equal(come(f, &c, v4(1), 100000, &victim), FAIR_COME);
        assert_true(fair_is_known(&c)); /* strangers go first */
        fair_remove(f, &c);
        fair_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_full_address_loses_its_own_longest_idle),
                cmocka_unit_test(strangers_wait_for_their_turn_and_are_not_turned_away),
                cmocka_unit_test(those_that_come_often_have_a_queue_and_tokens_of_their_own),
                cmocka_unit_test(who_waits_for_its_turn_goes_for_an_address_with_fewer_only),
                cmocka_unit_test(a_turn_pays_for_an_attestation_and_no_more),
                cmocka_unit_test(on_a_full_side_the_address_with_most_loses_one),
                cmocka_unit_test(known_addresses_lose_nothing_to_strangers),
                cmocka_unit_test(ipv6_counts_by_address_and_mapped_addresses_are_ipv4),
                cmocka_unit_test(strangers_of_one_64_have_the_connections_of_sixteen_addresses),
                cmocka_unit_test(in_a_full_64_the_address_with_most_loses_one),
                cmocka_unit_test(strangers_of_one_64_have_the_tokens_of_sixteen_addresses),
                cmocka_unit_test(a_known_address_shares_neither_name_nor_tokens_with_strangers_of_its_64),
                cmocka_unit_test(what_a_stranger_owes_its_64_owes_too),
                cmocka_unit_test(one_that_owes_has_no_part_in_what_those_have_that_come_seldom),
                cmocka_unit_test(tokens_run_out_and_come_back),
                cmocka_unit_test(work_that_turned_out_dear_is_paid_for_afterwards),
                cmocka_unit_test(the_hog_is_of_the_address_that_holds_most),
                cmocka_unit_test(addresses_without_connections_are_forgotten_in_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
