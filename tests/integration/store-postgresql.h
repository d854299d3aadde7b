/* SPDX-License-Identifier: Apache-2.0 */
/* store-postgresql.h - shared by store-postgresql.c and store-postgresql-plans.c. */
#ifndef MUSTER_TEST_STORE_POSTGRESQL_H
#define MUSTER_TEST_STORE_POSTGRESQL_H

extern const char *conninfo; /* of a server for the test alone */

/* For a database that the store has made its tables in. */
void no_statement_reads_all_of_a_table_that_grows(void **state);

#endif
