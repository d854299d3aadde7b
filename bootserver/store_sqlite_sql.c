/* SPDX-License-Identifier: Apache-2.0 */
/* The schema and the statements of the SQLite backend, nothing else. */
#include "store_sqlite.h"

const char store_schema[] =
        "CREATE TABLE nodes ("
        " id TEXT PRIMARY KEY, name TEXT, state INTEGER NOT NULL, reason TEXT NOT NULL, profile TEXT NOT NULL,"
        " chain INTEGER NOT NULL, without_cert INTEGER NOT NULL, assigned_boot TEXT NOT NULL, assigned_image TEXT NOT NULL,"
        " boot TEXT NOT NULL, image TEXT NOT NULL, facts TEXT, uuid TEXT NOT NULL,"
        " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, last_ok INTEGER NOT NULL, last_ipxe INTEGER NOT NULL,"
        " ak_name BLOB, reset_count INTEGER NOT NULL, pcr_digest BLOB NOT NULL, ek_public BLOB,"
        " bundle_public BLOB, bundle_duplicate BLOB, bundle_seed BLOB, bundle_data BLOB,"
        " ssh_key BLOB, tls_key BLOB, ssh_cert BLOB, tls_cert BLOB,"
        " ssh_from INTEGER NOT NULL, ssh_to INTEGER NOT NULL, tls_from INTEGER NOT NULL, tls_to INTEGER NOT NULL"
        ") WITHOUT ROWID;"
        "CREATE UNIQUE INDEX nodes_name ON nodes(name);"
        "CREATE INDEX nodes_uuid ON nodes(uuid);"
        "CREATE TABLE macs (mac TEXT NOT NULL, node TEXT NOT NULL, PRIMARY KEY (mac, node)) WITHOUT ROWID;"
        "CREATE INDEX macs_node ON macs(node);"
        "CREATE TABLE evidence (node TEXT PRIMARY KEY, time INTEGER NOT NULL, body BLOB NOT NULL);"
        "CREATE TABLE boots (name TEXT PRIMARY KEY, file TEXT NOT NULL, cmdline TEXT NOT NULL, sha256 TEXT NOT NULL,"
        " size INTEGER NOT NULL, added INTEGER NOT NULL, allow_shell INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE images (name TEXT PRIMARY KEY, file TEXT NOT NULL, format TEXT NOT NULL, size INTEGER NOT NULL,"
        " plain_size INTEGER NOT NULL, header BLOB NOT NULL, wrapped_key BLOB NOT NULL, added INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE profiles (name TEXT PRIMARY KEY, current TEXT, previous TEXT, proposed TEXT) WITHOUT ROWID;"
        "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE journal (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, node TEXT NOT NULL, name TEXT NOT NULL,"
        " event TEXT NOT NULL, code TEXT NOT NULL, incident TEXT NOT NULL, detail TEXT NOT NULL, explain TEXT NOT NULL,"
        " hash BLOB NOT NULL);"
        "CREATE INDEX journal_node ON journal(node, seq);"
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN"
        " SELECT RAISE(ABORT, 'the journal is append-only'); END;"
        "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN"
        " SELECT RAISE(ABORT, 'the journal is append-only'); END;";

/* What nobody may have to read all nodes for: how many there are, which are
 * in a state, whether something is assigned to one. */
const char store_schema_2[] =
        /* Rows of 3 kB in the index itself made it deep: with a rowid, ids are
         * in a small index, and a row that is written again in one page. */
        "ALTER TABLE nodes RENAME TO nodes_1;"
        "CREATE TABLE nodes ("
        " id TEXT NOT NULL PRIMARY KEY, name TEXT, state INTEGER NOT NULL, reason TEXT NOT NULL, profile TEXT NOT NULL,"
        " chain INTEGER NOT NULL, without_cert INTEGER NOT NULL, assigned_boot TEXT NOT NULL, assigned_image TEXT NOT NULL,"
        " boot TEXT NOT NULL, image TEXT NOT NULL, facts TEXT, uuid TEXT NOT NULL,"
        " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, last_ok INTEGER NOT NULL, last_ipxe INTEGER NOT NULL,"
        " ak_name BLOB, reset_count INTEGER NOT NULL, pcr_digest BLOB NOT NULL, ek_public BLOB,"
        " bundle_public BLOB, bundle_duplicate BLOB, bundle_seed BLOB, bundle_data BLOB,"
        " ssh_key BLOB, tls_key BLOB, ssh_cert BLOB, tls_cert BLOB,"
        " ssh_from INTEGER NOT NULL, ssh_to INTEGER NOT NULL, tls_from INTEGER NOT NULL, tls_to INTEGER NOT NULL);"
        "INSERT INTO nodes SELECT * FROM nodes_1 ORDER BY id; DROP TABLE nodes_1;"
        "CREATE UNIQUE INDEX nodes_name ON nodes(name);"
        "CREATE INDEX nodes_uuid ON nodes(uuid);"
        "ALTER TABLE settings RENAME TO settings_1;"
        "CREATE TABLE settings (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);"
        "INSERT INTO settings SELECT * FROM settings_1 ORDER BY key; DROP TABLE settings_1;"
        "CREATE INDEX nodes_state ON nodes(state, id);"
        "CREATE INDEX nodes_assigned_boot ON nodes(assigned_boot) WHERE assigned_boot <> '';"
        "CREATE INDEX nodes_assigned_image ON nodes(assigned_image) WHERE assigned_image <> '';"
        "CREATE TABLE counts (state INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
        "INSERT INTO counts SELECT state, count(*) FROM nodes GROUP BY state;"
        "CREATE TRIGGER nodes_added AFTER INSERT ON nodes BEGIN"
        " INSERT INTO counts VALUES (NEW.state, 1) ON CONFLICT(state) DO UPDATE SET n = n + 1; END;"
        "CREATE TRIGGER nodes_removed AFTER DELETE ON nodes BEGIN"
        " UPDATE counts SET n = n - 1 WHERE state = OLD.state; END;"
        "CREATE TRIGGER nodes_changed AFTER UPDATE OF state ON nodes WHEN OLD.state <> NEW.state BEGIN"
        " UPDATE counts SET n = n - 1 WHERE state = OLD.state;"
        " INSERT INTO counts VALUES (NEW.state, 1) ON CONFLICT(state) DO UPDATE SET n = n + 1; END;";

/* What the parent knows of a node's TPM besides its AK, and an image's list of chunk digests. */
const char store_schema_3[] =
        "ALTER TABLE nodes ADD COLUMN restart_count INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE nodes ADD COLUMN clock INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE nodes ADD COLUMN ak_token BLOB;"
        "ALTER TABLE nodes ADD COLUMN cleared INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE nodes ADD COLUMN firmware_version INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE nodes ADD COLUMN tpm_maker TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE nodes ADD COLUMN facts_before TEXT;"
        "ALTER TABLE nodes ADD COLUMN former TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE nodes ADD COLUMN policy_key BLOB;"
        "ALTER TABLE nodes ADD COLUMN address TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE images ADD COLUMN list BLOB;";

/* Since when an approved node has a MAC (0: it was never approved with it), and
 * what an admin gave as the reason of a state. */
const char store_schema_4[] =
        "ALTER TABLE macs ADD COLUMN since INTEGER NOT NULL DEFAULT 0;"
        "UPDATE macs SET since = coalesce((SELECT max(first_seen, 1) FROM nodes WHERE id = macs.node AND last_ok > 0), 0);"
        "ALTER TABLE nodes ADD COLUMN why TEXT NOT NULL DEFAULT '';";

/* Of nodes that claim the same MAC the approved ones come first, since claims
 * prove nothing, and of those the one that has it for longest. */
#define OWNER_FIRST "ORDER BY (state NOT IN (1, 2, 3, 6)), (since = 0), since, first_seen LIMIT 1"

const char *const store_queries[QUERIES] = {
        [Q_BEGIN] = "BEGIN IMMEDIATE",
        [Q_COMMIT] = "COMMIT",
        [Q_ROLLBACK] = "ROLLBACK",
        [Q_NODE_GET] = "SELECT " NODE_COLUMNS " FROM nodes WHERE id = ?1",
        [Q_NODE_FIND] = "SELECT " NODE_COLUMNS " FROM nodes WHERE name = ?1",
        [Q_NODE_PREFIX] = "SELECT " NODE_COLUMNS " FROM nodes WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT 2",
        [Q_NODE_MAC] = "SELECT " NODE_COLUMNS " FROM nodes JOIN (SELECT node, since FROM macs WHERE mac = ?1) ON node = id "
                       OWNER_FIRST,
        [Q_NODE_UUID] = "SELECT " NODE_COLUMNS " FROM nodes WHERE uuid = ?1 LIMIT 2",
        [Q_NODE_PUT] = "INSERT INTO nodes (" NODE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                       " ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33,"
                       " ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44)"
                       " ON CONFLICT(id) DO UPDATE SET name = ?2, state = ?3, reason = ?4, profile = ?5, chain = ?6,"
                       " without_cert = ?7, assigned_boot = ?8, assigned_image = ?9, boot = ?10, image = ?11, facts = ?12,"
                       " uuid = ?13, first_seen = ?14, last_seen = ?15, last_ok = ?16, last_ipxe = max(last_ipxe, ?17), ak_name = ?18,"
                       " reset_count = ?19, pcr_digest = ?20, ek_public = ?21, bundle_public = ?22, bundle_duplicate = ?23,"
                       " bundle_seed = ?24, bundle_data = ?25, ssh_key = ?26, tls_key = ?27, ssh_cert = ?28, tls_cert = ?29,"
                       " ssh_from = ?30, ssh_to = ?31, tls_from = ?32, tls_to = ?33,"
                       " restart_count = ?34, clock = ?35, ak_token = ?36, cleared = ?37, firmware_version = ?38, tpm_maker = ?39,"
                       " facts_before = ?40, former = ?41, policy_key = ?42, address = ?43, why = ?44",
        [Q_NODE_SEEN] = "UPDATE nodes SET reason = ?2, profile = ?3, chain = ?4, boot = ?5, image = ?6, last_seen = ?7,"
                        " last_ok = ?8, ak_name = ?9, reset_count = ?10, pcr_digest = ?11,"
                        " restart_count = ?12, clock = ?13, ak_token = ?14, cleared = ?15,"
                        " firmware_version = ?16, tpm_maker = ?17, former = ?18, address = ?19 WHERE id = ?1",
        [Q_NODE_STATE] = "UPDATE nodes SET state = ?2 WHERE id = ?1 AND state <> ?2", /* an index is written only then */
        [Q_NODE_DELETE] = "DELETE FROM nodes WHERE id = ?1",
        [Q_NODE_LIST] = "SELECT " NODE_COLUMNS " FROM nodes WHERE id > ?1 ORDER BY id LIMIT ?2",
        [Q_NODE_LIST_STATE] = "SELECT " NODE_COLUMNS " FROM nodes WHERE state = ?3 AND id > ?1 ORDER BY id LIMIT ?2",
        [Q_NODE_COUNTS] = "SELECT state, n FROM counts",
        [Q_NODE_BOOT_USED] = "SELECT 1 FROM nodes WHERE assigned_boot <> '' AND assigned_boot = ?1 LIMIT 1",
        [Q_NODE_IMAGE_USED] = "SELECT 1 FROM nodes WHERE assigned_image <> '' AND assigned_image = ?1 LIMIT 1",
        [Q_MAC_CLEAR] = "DELETE FROM macs WHERE node = ?1 AND instr(?2, mac) = 0",
        [Q_MAC_PUT] = "INSERT INTO macs (mac, node, since) VALUES (?1, ?2, ?3)"
                      " ON CONFLICT(mac, node) DO UPDATE SET since = ?3 WHERE since = 0 AND ?3 > 0",
        [Q_MAC_LIST] = "SELECT mac FROM macs WHERE node = ?1 ORDER BY mac",
        [Q_EVIDENCE_PUT] = "INSERT INTO evidence (node, time, body) VALUES (?1, ?2, ?3)"
                           " ON CONFLICT(node) DO UPDATE SET time = ?2, body = ?3",
        [Q_EVIDENCE_GET] = "SELECT body FROM evidence WHERE node = ?1",
        [Q_BOOT_PUT] = "INSERT INTO boots (" BOOT_COLUMNS ")"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        [Q_BOOT_DELETE] = "DELETE FROM boots WHERE name = ?1",
        [Q_BOOT_LIST] = "SELECT " BOOT_COLUMNS " FROM boots ORDER BY added, name",
        [Q_IMAGE_PUT] = "INSERT INTO images (" IMAGE_COLUMNS ")"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        [Q_IMAGE_DELETE] = "DELETE FROM images WHERE name = ?1",
        [Q_IMAGE_LIST] = "SELECT " IMAGE_COLUMNS " FROM images"
                         " ORDER BY added, name",
        [Q_PROFILE_PUT] = "INSERT INTO profiles (name, current, previous, proposed) VALUES (?1, ?2, ?3, ?4)"
                          " ON CONFLICT(name) DO UPDATE SET current = ?2, previous = ?3, proposed = ?4",
        [Q_PROFILE_LIST] = "SELECT name, current, previous, proposed FROM profiles WHERE ?1 IS NULL OR name = ?1 ORDER BY name",
        [Q_SETTING_PUT] = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2",
        [Q_SETTING_DELETE] = "DELETE FROM settings WHERE key = ?1",
        [Q_SETTING_GET] = "SELECT value FROM settings WHERE key = ?1",
        [Q_SETTING_LIST] = "SELECT key, value FROM settings ORDER BY key",
        [Q_EVENT_PUT] = "INSERT INTO journal (" EVENT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        [Q_EVENT_HEAD] = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1",
        [Q_EVENT_LIST] = "SELECT " EVENT_COLUMNS " FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        [Q_EVENT_LIST_NODE] = "SELECT " EVENT_COLUMNS " FROM journal WHERE node = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2",
        [Q_EVENT_NEWEST] = "SELECT " EVENT_COLUMNS " FROM journal WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
        [Q_EVENT_NEWEST_NODE] = "SELECT " EVENT_COLUMNS " FROM journal WHERE node = ?3 AND seq < ?1 ORDER BY seq DESC LIMIT ?2",
};
