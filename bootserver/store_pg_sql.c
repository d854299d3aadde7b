/* SPDX-License-Identifier: Apache-2.0 */
/* The schema and the statements of the PostgreSQL backend, nothing else.
 * Every number is a bigint; texts compare byte by byte, as SQLite's do. */
#include "store_pg.h"

#define TEXT "text COLLATE \"C\""
#define ONLY_APPEND "the journal is append-only"

const char pg_schema[] =
        "CREATE TABLE nodes ("
        " id " TEXT " PRIMARY KEY, name " TEXT " UNIQUE, state bigint NOT NULL, reason text NOT NULL, profile text NOT NULL,"
        " chain bigint NOT NULL, without_cert bigint NOT NULL, assigned_boot text NOT NULL, assigned_image text NOT NULL,"
        " boot text NOT NULL, image text NOT NULL, facts text, uuid text NOT NULL,"
        " first_seen bigint NOT NULL, last_seen bigint NOT NULL, last_ok bigint NOT NULL, last_ipxe bigint NOT NULL,"
        " ak_name bytea, reset_count bigint NOT NULL, pcr_digest bytea NOT NULL, ek_public bytea,"
        " bundle_public bytea, bundle_duplicate bytea, bundle_seed bytea, bundle_data bytea,"
        " ssh_key bytea, tls_key bytea, ssh_cert bytea, tls_cert bytea,"
        " ssh_from bigint NOT NULL, ssh_to bigint NOT NULL, tls_from bigint NOT NULL, tls_to bigint NOT NULL);"
        "CREATE INDEX nodes_uuid ON nodes(uuid);"
        "CREATE TABLE macs (mac text NOT NULL, node text NOT NULL, PRIMARY KEY (mac, node));"
        "CREATE INDEX macs_node ON macs(node);"
        "CREATE TABLE evidence (node text PRIMARY KEY, time bigint NOT NULL, body bytea NOT NULL);"
        "CREATE TABLE boots (name " TEXT " PRIMARY KEY, file text NOT NULL, cmdline text NOT NULL, sha256 text NOT NULL,"
        " size bigint NOT NULL, added bigint NOT NULL, allow_shell bigint NOT NULL);"
        "CREATE TABLE images (name " TEXT " PRIMARY KEY, file text NOT NULL, format text NOT NULL, size bigint NOT NULL,"
        " plain_size bigint NOT NULL, header bytea NOT NULL, wrapped_key bytea NOT NULL, added bigint NOT NULL);"
        "CREATE TABLE profiles (name " TEXT " PRIMARY KEY, current text, previous text, proposed text);"
        "CREATE TABLE settings (key " TEXT " PRIMARY KEY, value text NOT NULL);"
        "CREATE TABLE journal (seq bigint PRIMARY KEY, time bigint NOT NULL, node text NOT NULL, name text NOT NULL,"
        " event text NOT NULL, code text NOT NULL, incident text NOT NULL, detail text NOT NULL, explain text NOT NULL,"
        " hash bytea NOT NULL);"
        "CREATE INDEX journal_node ON journal(node, seq);"
        "CREATE FUNCTION journal_kept() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION '" ONLY_APPEND "' USING ERRCODE = 'integrity_constraint_violation'; END $$;"
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION journal_kept();"
        "CREATE TRIGGER journal_no_delete BEFORE DELETE OR TRUNCATE ON journal FOR EACH STATEMENT"
        " EXECUTE FUNCTION journal_kept();"
        /* what parents keep in memory: pg_news() */
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY muster_changed; RETURN NULL; END $$;"
        "CREATE TRIGGER boots_tell AFTER INSERT OR UPDATE OR DELETE ON boots FOR EACH STATEMENT EXECUTE FUNCTION tell();"
        "CREATE TRIGGER images_tell AFTER INSERT OR UPDATE OR DELETE ON images FOR EACH STATEMENT EXECUTE FUNCTION tell();"
        "CREATE TRIGGER profiles_tell AFTER INSERT OR UPDATE OR DELETE ON profiles FOR EACH STATEMENT EXECUTE FUNCTION tell();"
        "CREATE TRIGGER settings_tell AFTER INSERT OR UPDATE ON settings FOR EACH ROW"
        " WHEN (NEW.key LIKE 'default%' OR NEW.key LIKE 'previous%') EXECUTE FUNCTION tell();"
        "CREATE TRIGGER settings_gone AFTER DELETE ON settings FOR EACH ROW"
        " WHEN (OLD.key LIKE 'default%' OR OLD.key LIKE 'previous%') EXECUTE FUNCTION tell();"
        "CREATE TABLE schema_version (version bigint NOT NULL);";

/* What nobody may have to read all nodes for: how many there are, which are
 * in a state, whether something is assigned to one. Of all parents one writes
 * at a time (PQ_LOCK), so nobody waits for a row of counts. */
const char pg_schema_2[] =
        "CREATE INDEX nodes_state ON nodes(state, id);"
        "CREATE INDEX nodes_assigned_boot ON nodes(assigned_boot) WHERE assigned_boot <> '';"
        "CREATE INDEX nodes_assigned_image ON nodes(assigned_image) WHERE assigned_image <> '';"
        "CREATE TABLE counts (state bigint PRIMARY KEY, n bigint NOT NULL);"
        "INSERT INTO counts SELECT state, count(*) FROM nodes GROUP BY state;"
        "CREATE FUNCTION count_nodes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF TG_OP <> 'INSERT' THEN UPDATE counts SET n = n - 1 WHERE state = OLD.state; END IF;"
        " IF TG_OP <> 'DELETE' THEN INSERT INTO counts AS c VALUES (NEW.state, 1)"
        "  ON CONFLICT (state) DO UPDATE SET n = c.n + 1; END IF;"
        " RETURN NULL; END $$;"
        "CREATE TRIGGER nodes_added AFTER INSERT OR DELETE ON nodes FOR EACH ROW EXECUTE FUNCTION count_nodes();"
        "CREATE TRIGGER nodes_changed AFTER UPDATE OF state ON nodes FOR EACH ROW"
        " WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION count_nodes();";

/* What the parent knows of a node's TPM besides its AK, and an image's list of chunk digests. */
const char pg_schema_3[] =
        "ALTER TABLE nodes ADD COLUMN restart_count bigint NOT NULL DEFAULT 0, ADD COLUMN clock bigint NOT NULL DEFAULT 0,"
        " ADD COLUMN ak_token bytea, ADD COLUMN cleared bigint NOT NULL DEFAULT 0,"
        " ADD COLUMN firmware_version bigint NOT NULL DEFAULT 0, ADD COLUMN tpm_maker text NOT NULL DEFAULT '',"
        " ADD COLUMN facts_before text, ADD COLUMN former text NOT NULL DEFAULT '', ADD COLUMN policy_key bytea,"
        " ADD COLUMN address text NOT NULL DEFAULT '';"
        "ALTER TABLE images ADD COLUMN list bytea;";

/* Since when an approved node has a MAC (0: it was never approved with it), and
 * what an admin gave as the reason of a state. */
const char pg_schema_4[] =
        "ALTER TABLE macs ADD COLUMN since bigint NOT NULL DEFAULT 0;"
        "UPDATE macs SET since = greatest(n.first_seen, 1) FROM nodes n WHERE n.id = macs.node AND n.last_ok > 0;"
        "ALTER TABLE nodes ADD COLUMN why text NOT NULL DEFAULT '';";

/* Of nodes that claim the same MAC the approved ones come first, since claims
 * prove nothing, and of those the one that has it for longest. */
#define OWNER_FIRST "ORDER BY (state NOT IN (1, 2, 3, 6)), (since = 0), since, first_seen LIMIT 1"

const struct pg_statement pg_statements[PQ_QUERIES] = {
        [PQ_BEGIN] = { "", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" },
        [PQ_LOCK] = { "", "SELECT pg_advisory_xact_lock(" PG_LOCK_TEXT ")" },
        [PQ_COMMIT] = { "", "COMMIT" },
        [PQ_ROLLBACK] = { "", "ROLLBACK" },
        [PQ_SOON] = { "", "SET LOCAL synchronous_commit TO off" },
        /* a commit is only flushed when it wrote something */
        [PQ_SYNC] = { "", "SELECT pg_logical_emit_message(true, 'muster'::text, ''::text)" },
        [PQ_NODE_GET] = { "t", "SELECT " NODE_COLUMNS " FROM nodes WHERE id = $1" },
        [PQ_NODE_FIND] = { "t", "SELECT " NODE_COLUMNS " FROM nodes WHERE name = $1" },
        [PQ_NODE_PREFIX] = { "t", "SELECT " NODE_COLUMNS " FROM nodes WHERE id >= $1 AND id < $1 || 'g' ORDER BY id LIMIT 2" },
        [PQ_NODE_MAC] = { "t", "SELECT " NODE_COLUMNS " FROM nodes JOIN (SELECT node COLLATE \"C\" AS node, since FROM macs"
                 " WHERE mac = $1) AS m ON m.node = id " OWNER_FIRST },
        [PQ_NODE_UUID] = { "t", "SELECT " NODE_COLUMNS " FROM nodes WHERE uuid = $1 LIMIT 2" },
        [PQ_NODE_PUT] = { "ttittiittttttiiiibibbbbbbbbbbiiiiiibiitttbtt",
                 "INSERT INTO nodes (" NODE_COLUMNS ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
                 " $11, $12, $13, $14,"
                 " $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33,"
                 " $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44"
                 " WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE name = $2 AND id <> $1)"
                 " ON CONFLICT(id) DO UPDATE SET name = $2, state = $3, reason = $4, profile = $5, chain = $6,"
                 " without_cert = $7, assigned_boot = $8, assigned_image = $9, boot = $10, image = $11, facts = $12,"
                 " uuid = $13, first_seen = $14, last_seen = $15, last_ok = $16,"
                 " last_ipxe = greatest(nodes.last_ipxe, $17), ak_name = $18,"
                 " reset_count = $19, pcr_digest = $20, ek_public = $21, bundle_public = $22, bundle_duplicate = $23,"
                 " bundle_seed = $24, bundle_data = $25, ssh_key = $26, tls_key = $27, ssh_cert = $28, tls_cert = $29,"
                 " ssh_from = $30, ssh_to = $31, tls_from = $32, tls_to = $33,"
                 " restart_count = $34, clock = $35, ak_token = $36, cleared = $37, firmware_version = $38, tpm_maker = $39,"
                 " facts_before = $40, former = $41, policy_key = $42, address = $43, why = $44" },
        [PQ_NODE_SEEN] = { "tittittiibibiibiittt",
                 "UPDATE nodes SET state = $2, reason = $3, profile = $4, chain = $5, boot = $6, image = $7,"
                 " last_seen = $8, last_ok = $9, ak_name = $10, reset_count = $11, pcr_digest = $12,"
                 " restart_count = $13, clock = $14, ak_token = $15, cleared = $16,"
                 " firmware_version = $17, tpm_maker = $18, former = $19, address = $20 WHERE id = $1" },
        [PQ_NODE_DELETE] = { "t", "DELETE FROM nodes WHERE id = $1" },
        [PQ_NODE_LIST] = { "ti", "SELECT " NODE_COLUMNS " FROM nodes WHERE id > $1 ORDER BY id LIMIT $2" },
        [PQ_NODE_LIST_STATE] = { "tii", "SELECT " NODE_COLUMNS " FROM nodes WHERE state = $3 AND id > $1 ORDER BY id LIMIT $2" },
        [PQ_NODE_COUNTS] = { "", "SELECT state, n FROM counts" },
        [PQ_NODE_BOOT_USED] = { "t", "SELECT 1 FROM nodes WHERE assigned_boot <> '' AND assigned_boot = $1 LIMIT 1" },
        [PQ_NODE_IMAGE_USED] = { "t", "SELECT 1 FROM nodes WHERE assigned_image <> '' AND assigned_image = $1 LIMIT 1" },
        [PQ_MAC_CLEAR] = { "tt", "DELETE FROM macs WHERE node = $1 AND position(mac IN $2) = 0" },
        [PQ_MAC_PUT] = { "tti", "INSERT INTO macs (mac, node, since) VALUES ($1, $2, $3)"
                 " ON CONFLICT(mac, node) DO UPDATE SET since = $3 WHERE macs.since = 0 AND $3 > 0" },
        [PQ_MAC_LIST] = { "t", "SELECT mac FROM macs WHERE node = $1 ORDER BY mac" },
        [PQ_EVIDENCE_PUT] = { "tib", "INSERT INTO evidence (node, time, body) VALUES ($1, $2, $3)"
                 " ON CONFLICT(node) DO UPDATE SET time = $2, body = $3" },
        [PQ_EVIDENCE_GET] = { "t", "SELECT body FROM evidence WHERE node = $1" },
        [PQ_BOOT_PUT] = { "ttttiii", "INSERT INTO boots (" BOOT_COLUMNS ")"
                 " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING" },
        [PQ_BOOT_DELETE] = { "t", "DELETE FROM boots WHERE name = $1" },
        [PQ_BOOT_LIST] = { "", "SELECT " BOOT_COLUMNS " FROM boots ORDER BY added, name" },
        [PQ_IMAGE_PUT] = { "tttiibbib", "INSERT INTO images (" IMAGE_COLUMNS ")"
                 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING" },
        [PQ_IMAGE_DELETE] = { "t", "DELETE FROM images WHERE name = $1" },
        [PQ_IMAGE_LIST] = { "", "SELECT " IMAGE_COLUMNS " FROM images"
                 " ORDER BY added, name" },
        [PQ_PROFILE_PUT] = { "tttt", "INSERT INTO profiles (name, current, previous, proposed) VALUES ($1, $2, $3, $4)"
                 " ON CONFLICT(name) DO UPDATE SET current = $2, previous = $3, proposed = $4" },
        [PQ_PROFILE_LIST] = { "t", "SELECT name, current, previous, proposed FROM profiles WHERE $1 IS NULL OR name = $1 ORDER BY name" },
        [PQ_SETTING_PUT] = { "tt", "INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT(key) DO UPDATE SET value = $2" },
        [PQ_SETTING_DELETE] = { "t", "DELETE FROM settings WHERE key = $1" },
        [PQ_SETTING_GET] = { "t", "SELECT value FROM settings WHERE key = $1" },
        [PQ_SETTING_LIST] = { "", "SELECT key, value FROM settings ORDER BY key" },
        [PQ_EVENT_PUT] = { "iitttttttb", "INSERT INTO journal (" EVENT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                 " ON CONFLICT DO NOTHING" },
        [PQ_EVENT_HEAD] = { "", "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1" },
        [PQ_EVENT_LIST] = { "ii", "SELECT " EVENT_COLUMNS " FROM journal WHERE seq > $1 ORDER BY seq LIMIT $2" },
        [PQ_EVENT_LIST_NODE] = { "iit", "SELECT " EVENT_COLUMNS " FROM journal WHERE node = $3 AND seq > $1 ORDER BY seq LIMIT $2" },
        [PQ_EVENT_NEWEST] = { "ii", "SELECT " EVENT_COLUMNS " FROM journal WHERE seq < $1 ORDER BY seq DESC LIMIT $2" },
        [PQ_EVENT_NEWEST_NODE] = { "iit", "SELECT " EVENT_COLUMNS " FROM journal WHERE node = $3 AND seq < $1"
                 " ORDER BY seq DESC LIMIT $2" },
};
