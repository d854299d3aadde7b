#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The store's suite on PostgreSQL, with a server started for it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/postgresql-lib.sh"

pg_make || exit 1
pg_start || exit 1
check "the store's suite holds on PostgreSQL" env TMPDIR="$tmp" "$objs/store_postgresql" "$pg_conninfo"
pg_stop INT
