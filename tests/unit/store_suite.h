/* SPDX-License-Identifier: Apache-2.0 */
/* store_suite.h - one suite for every backend of store.h.
 *
 * test_store.c runs it on SQLite; tests/integration/store-postgresql.c, which
 * needs a server, on PostgreSQL. */
#ifndef MUSTER_STORE_SUITE_H
#define MUSTER_STORE_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store.h"

struct store_backend {
        const char *name;
        int (*make)(void); /* an empty store, before each test */
        int (*open)(struct store **ret, struct fail *fail);
        int (*unmake)(void);
        int (*sql)(const char *text); /* past the store: 0, or -EEXIST for what a constraint or trigger refused */
        const char *unguard;          /* SQL that lets the journal be changed */
        const char *age;              /* SQL that makes it version 99's */
        const char *first;            /* SQL that makes it version 1's */
};

int store_suite(const struct store_backend *b);

/* What the suite's files share. */
extern const struct store_backend *backend;
int suite_make(void **state);
int suite_unmake(void **state);
void suite_id(char c, char ret[NODE_ID_HEX + 1]);
struct node suite_node(char c, const char *name);
int store_suite_nodes(void);

#endif
