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

static void put(const char *key, const char *value)
{
        assert_int_equal(store_begin(store), 0);
        assert_int_equal(store->ops->setting_put(store, key, value), 0);
        assert_int_equal(store_commit(store), 0);
        catalog_write(cat);
        assert_int_equal(catalog_reload_choices(cat), 0);
        catalog_done(cat);
}

static void a_policy_has_its_default_until_one_is_chosen(void **state)
{
        (void)state;
        put("default_policy_facts", NULL);
        assert_int_equal(catalog_choice(cat, CHOICE_FACTS), FACTS_WARN);
        assert_int_equal(catalog_choice(cat, CHOICE_PCR1), PCR1_RECORD);
        put("default_policy_facts", "record");
        assert_int_equal(catalog_choice(cat, CHOICE_FACTS), FACTS_RECORD);
        put("default_policy_facts", "quarantine");
        assert_int_equal(catalog_choice(cat, CHOICE_FACTS), FACTS_QUARANTINE);
        assert_int_equal(catalog_choice(cat, CHOICE_PCR1), PCR1_RECORD);
}

static void a_policy_value_that_is_not_known_counts_as_the_strictest(void **state)
{
        (void)state;
        put("default_policy_pcr1", "record");
        assert_int_equal(catalog_choice(cat, CHOICE_PCR1), PCR1_RECORD);
        put("default_policy_pcr1", "recorded");
        assert_int_equal(catalog_choice(cat, CHOICE_PCR1), PCR1_PROFILE);
        put("default_policy_tpm", "warn, and a value longer than any that is known");
        assert_int_equal(catalog_choice(cat, CHOICE_TPM), TPM_REFUSE);
}

static void a_policy_is_changed_by_name_and_value(void **state)
{
        enum choice c;
        unsigned v;

        (void)state;
        assert_int_equal(choice_find("facts", &c), 0);
        assert_int_equal(c, CHOICE_FACTS);
        assert_int_equal(choice_find("fact", &c), -ENOENT);
        assert_int_equal(choice_find("", &c), -ENOENT);
        assert_int_equal(choice_parse(CHOICE_PCR1, "profile", &v), 0);
        assert_int_equal(v, PCR1_PROFILE);
        assert_int_equal(choice_parse(CHOICE_PCR1, "refuse", &v), -EINVAL);
        catalog_write(cat);
        assert_int_equal(store_begin(store), 0);
        assert_int_equal(catalog_set_choice(cat, CHOICE_TPM, TPM_RECORD), 0);
        assert_int_equal(store_commit(store), 0);
        assert_int_equal(catalog_reload_choices(cat), 0);
        catalog_done(cat);
        assert_int_equal(catalog_choice(cat, CHOICE_TPM), TPM_RECORD);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(readers_that_overlap_do_not_keep_an_admin_out),
                cmocka_unit_test(a_policy_has_its_default_until_one_is_chosen),
                cmocka_unit_test(a_policy_value_that_is_not_known_counts_as_the_strictest),
                cmocka_unit_test(a_policy_is_changed_by_name_and_value),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
