/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "catalog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

static char dir[] = "/tmp/muster-catalog-XXXXXX";
static struct catalog *cat;
static struct store *store;
static atomic_bool stop;

static int setup(void **state)
{
        static struct conf conf;
        struct fail fail = {0};
        char path[300];

        (void)state;
        assert_non_null(mkdtemp(dir));
        conf_defaults(&conf);
        (void)snprintf(conf.state_dir, sizeof(conf.state_dir), "%s", dir);
        (void)snprintf(path, sizeof(path), "%s/ipxe", dir);
        assert_int_equal(mkdir(path, 0700), 0);
        (void)snprintf(path, sizeof(path), "%s/muster.db", dir);
        assert_int_equal(store_sqlite_open(path, &store, &fail), 0);
        return catalog_open(&conf, store, &cat, &fail);
}

static int teardown(void **state)
{
        char command[300];

        (void)state;
        catalog_free(cat);
        store_close(store);
        (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
        return system(command);
}

static void *reader(void *arg)
{
        struct timespec hold = {0, 20000000};

        (void)arg;
        while (!stop) {
                catalog_read(cat);
                (void)nanosleep(&hold, NULL);
                catalog_done(cat);
        }
        return NULL;
}

static void *writer(void *arg)
{
        catalog_write(cat);
        *(atomic_bool *)arg = true;
        catalog_done(cat);
        return NULL;
}

static void readers_that_overlap_do_not_keep_an_admin_out(void **state)
{
        struct timespec while_at = {0, 7000000};
        struct timespec patience = {1, 0};
        atomic_bool done = false;
        pthread_t readers[4];
        pthread_t w;
        bool in_time;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(readers); i++) {
                assert_int_equal(pthread_create(&readers[i], NULL, reader, NULL), 0);
                (void)nanosleep(&while_at, NULL);
        }
        assert_int_equal(pthread_create(&w, NULL, writer, &done), 0);
        (void)nanosleep(&patience, NULL);
        in_time = done;
        stop = true;
        for (size_t i = 0; i < ELEMENTSOF(readers); i++)
                (void)pthread_join(readers[i], NULL);
        (void)pthread_join(w, NULL);
        assert_true(in_time);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(readers_that_overlap_do_not_keep_an_admin_out),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
