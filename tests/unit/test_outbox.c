/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "mem.h"
#include "outbox.h"

#include <pthread.h>

#define N 40

/* A disk whose syncs end when the test says so. */
static struct {
        pthread_mutex_t lock;
        pthread_cond_t cond;
        unsigned begun, allowed, done; /* syncs */
        unsigned tidied;
        unsigned gather_from, gather_to; /* come before the next sync */
        uint64_t committed; /* the last ticket given out */
        uint64_t lost;
        int fails;
        unsigned held[N], resumed[N]; /* of each connection */
        unsigned order[N], n_order;   /* in which they were resumed */
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };

static int names[N]; /* connections are addresses of these */
static struct outbox_wait waits[N];
static struct outbox *box;

static void change(unsigned *what, unsigned by)
{
        (void)pthread_mutex_lock(&disk.lock);
        *what += by;
        (void)pthread_cond_broadcast(&disk.cond);
        (void)pthread_mutex_unlock(&disk.lock);
}

static void await(const unsigned *what, unsigned least)
{
        (void)pthread_mutex_lock(&disk.lock);
        while (*what < least)
                (void)pthread_cond_wait(&disk.cond, &disk.lock);
        (void)pthread_mutex_unlock(&disk.lock);
}

static int fake_sync(void *ctx, uint64_t *ret_lost, uint64_t *ret_ticket)
{
        uint64_t sees;
        int r;

        assert_ptr_equal(ctx, &disk);
        (void)pthread_mutex_lock(&disk.lock);
        sees = disk.committed;
        disk.begun++;
        (void)pthread_cond_broadcast(&disk.cond);
        while (disk.allowed < disk.begun)
                (void)pthread_cond_wait(&disk.cond, &disk.lock);
        disk.done++;
        r = disk.fails;
        (void)pthread_mutex_unlock(&disk.lock);
        if (r == 0)
                *ret_ticket = sees;
        *ret_lost = disk.lost;
        return r;
}

static void fake_tidy(void *ctx)
{
        (void)ctx;
        change(&disk.tidied, 1);
}

static int release(unsigned i);

/* While the thread is here, others come. */
static void fake_gather(void *ctx)
{
        unsigned from = disk.gather_from;
        unsigned to = disk.gather_to;

        assert_ptr_equal(ctx, &disk);
        disk.gather_to = 0;
        for (unsigned i = from; i < to; i++)
                assert_int_equal(release(i), 0);
}

static void fake_suspend(void *conn)
{
        change(&disk.held[(int *)conn - names], 1);
}

static void fake_resume(void *conn)
{
        unsigned i = (unsigned)((int *)conn - names);

        assert_int_equal(disk.held[i], disk.resumed[i] + 1);
        disk.order[disk.n_order] = i;
        change(&disk.resumed[i], 1);
        change(&disk.n_order, 1);
}

static const struct outbox_ops ops = {
        .sync = fake_sync, .tidy = fake_tidy, .gather = fake_gather, .suspend = fake_suspend, .resume = fake_resume,
};

static int begin(void **state)
{
        (void)state;
        disk.begun = disk.allowed = disk.done = disk.tidied = disk.n_order = disk.gather_to = 0;
        disk.committed = disk.lost = 0;
        disk.fails = 0;
        memset(disk.held, 0, sizeof(disk.held));
        memset(disk.resumed, 0, sizeof(disk.resumed));
        return outbox_start(&ops, &disk, N - 1, &box);
}

static int end(void **state)
{
        (void)state;
        change(&disk.allowed, 1000);
        outbox_free(box);
        return 0;
}

/* As a release: committed, then held. */
static int release(unsigned i)
{
        uint64_t ticket;

        (void)pthread_mutex_lock(&disk.lock);
        ticket = ++disk.committed;
        (void)pthread_mutex_unlock(&disk.lock);
        return outbox_hold(box, &waits[i], &names[i], ticket);
}

static void a_verdict_leaves_only_after_its_sync(void **state)
{
        (void)state;
        assert_int_equal(release(0), 0);
        await(&disk.begun, 1);
        assert_int_equal(disk.held[0], 1);
        assert_int_equal(disk.resumed[0], 0);
        assert_int_equal(outbox_count(box), 1);
        change(&disk.allowed, 1);
        await(&disk.n_order, 1);
        assert_int_equal(disk.done, 1);
        assert_int_equal(waits[0].result, 0);
        assert_int_equal(outbox_count(box), 0);
        await(&disk.tidied, 1);
}

static void who_comes_during_a_sync_waits_for_the_next_and_all_share_it(void **state)
{
        (void)state;
        assert_int_equal(release(0), 0);
        await(&disk.begun, 1);
        for (unsigned i = 1; i < 30; i++)
                assert_int_equal(release(i), 0);
        change(&disk.allowed, 1);
        await(&disk.n_order, 1);
        assert_int_equal(outbox_count(box), 29); /* the first one's resumes are over */
        await(&disk.begun, 2);
        assert_int_equal(disk.n_order, 1);
        change(&disk.allowed, 1);
        await(&disk.n_order, 30);
        assert_int_equal(disk.begun, 2);
        for (unsigned i = 0; i < 30; i++) {
                assert_int_equal(disk.order[i], i); /* as they came */
                assert_int_equal(waits[i].result, 0);
        }
}

static void who_comes_before_a_sync_shares_it(void **state)
{
        (void)state;
        disk.gather_from = 1;
        disk.gather_to = 20;
        disk.allowed = 1;
        assert_int_equal(release(0), 0);
        await(&disk.n_order, 20);
        assert_int_equal(disk.begun, 1);
}

/* A commit that the sync has seen, whose call was held only then. */
static void a_ticket_that_is_on_disk_waits_for_no_second_one_in_vain(void **state)
{
        (void)state;
        assert_int_equal(release(0), 0);
        await(&disk.begun, 1);
        assert_int_equal(outbox_hold(box, &waits[1], &names[1], 1), 0);
        change(&disk.allowed, 1);
        await(&disk.n_order, 2);
        assert_int_equal(disk.begun, 1);
}

static void a_failed_sync_fails_all_that_wait(void **state)
{
        (void)state;
        disk.fails = -EIO;
        for (unsigned i = 0; i < 10; i++)
                assert_int_equal(release(i), 0);
        await(&disk.begun, 1);
        for (unsigned i = 10; i < 20; i++)
                assert_int_equal(release(i), 0);
        change(&disk.allowed, 1);
        await(&disk.n_order, 20);
        for (unsigned i = 0; i < 20; i++)
                assert_int_equal(waits[i].result, -EIO);
        assert_int_equal(outbox_count(box), 0);
}

/* They were committed before another sync failed, and held only now. */
static void what_was_lost_before_is_not_taken_as_synced(void **state)
{
        (void)state;
        disk.lost = 3;
        disk.allowed = 100;
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(release(i), 0);
        await(&disk.n_order, 5);
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(waits[i].result, i < 3 ? -EIO : 0);
}

static void beyond_the_limit_nobody_is_held(void **state)
{
        (void)state;
        for (unsigned i = 0; i < N - 1; i++)
                assert_int_equal(release(i), 0);
        assert_int_equal(release(N - 1), -ENOSPC);
        assert_int_equal(disk.held[N - 1], 0);
        change(&disk.allowed, 2);
        await(&disk.n_order, N - 1);
        assert_int_equal(release(N - 1), 0); /* there is room again */
}

static void *stop_it(void *arg)
{
        unsigned *ret = arg;

        *ret = outbox_stop(box);
        return NULL;
}

static void stopping_syncs_for_those_that_wait_and_takes_no_more(void **state)
{
        unsigned waited = 0;
        pthread_t t;

        (void)state;
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(release(i), 0);
        await(&disk.begun, 1);
        assert_int_equal(pthread_create(&t, NULL, stop_it, &waited), 0);
        assert_int_equal(disk.resumed[0], 0);
        change(&disk.allowed, 1000);
        (void)pthread_join(t, NULL);
        assert_true(waited <= 5);
        for (unsigned i = 0; i < 5; i++) {
                assert_int_equal(disk.resumed[i], 1);
                assert_int_equal(waits[i].result, 0);
        }
        assert_int_equal(release(6), -ESHUTDOWN);
        assert_int_equal(outbox_stop(box), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_verdict_leaves_only_after_its_sync, begin, end),
                cmocka_unit_test_setup_teardown(who_comes_during_a_sync_waits_for_the_next_and_all_share_it, begin, end),
                cmocka_unit_test_setup_teardown(who_comes_before_a_sync_shares_it, begin, end),
                cmocka_unit_test_setup_teardown(a_ticket_that_is_on_disk_waits_for_no_second_one_in_vain, begin, end),
                cmocka_unit_test_setup_teardown(a_failed_sync_fails_all_that_wait, begin, end),
                cmocka_unit_test_setup_teardown(what_was_lost_before_is_not_taken_as_synced, begin, end),
                cmocka_unit_test_setup_teardown(beyond_the_limit_nobody_is_held, begin, end),
                cmocka_unit_test_setup_teardown(stopping_syncs_for_those_that_wait_and_takes_no_more, begin, end),
        };

        return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
