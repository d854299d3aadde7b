/* SPDX-License-Identifier: Apache-2.0 */
#include "admin.h"

#include "ek_cas.h"
#include "isolation.h"
#include "room.h"
#include "unreachable.h"
#include "version.h"

#include <inttypes.h>

#define METRICS_MAX 16384
#define SHOWN 8

static const char *const shown_names[SHOWN] = { "pending", "enrolled", "released", "failed", "refused", "unreachable",
                                                "quarantined", "revoked" };

struct tally {
        uint64_t n[SHOWN];
};

static int tally(struct server *srv, struct tally *ret)
{
        struct shown_counts counts;
        int r = unreachable_counts(srv->store, server_now(), &counts);

        *ret = (struct tally){ 0 };
        for (size_t i = 0; i < SHOWN && r == 0; i++) {
                enum node_state state;

                ret->n[i] = node_state_parse(shown_names[i], &state) == 0 ? counts.shown[state] : counts.unreachable;
        }
        return r;
}

static void unusable_json(struct jout *o, const char *kind, const char *name, const char *file)
{
        jout_obj(o, NULL);
        jout_str(o, "kind", kind);
        jout_str(o, "name", name);
        jout_str(o, "file", file);
        jout_end(o, '}');
}

static void disk_json(struct jout *o, const char *dir)
{
        uint64_t left = 0;
        uint64_t size = 0;

        if (room_of(dir, &left, &size) < 0)
                return;
        jout_obj(o, "disk");
        jout_int(o, "free", (int64_t)left);
        jout_int(o, "size", (int64_t)size);
        jout_bool(o, "full", left < ROOM_FULL);
        jout_end(o, '}');
}

static void catalog_json(struct jout *o, struct catalog *cat)
{
        size_t boots = 0;
        size_t images = 0;

        catalog_read(cat);
        jout_arr(o, "unusable");
        for (const struct catalog_boot *b = catalog_boots(cat); b; b = b->next) {
                boots++;
                if (!catalog_boot_usable(cat, b))
                        unusable_json(o, "boot", b->row.name, b->row.file);
        }
        for (const struct catalog_image *i = catalog_images(cat); i; i = i->next) {
                images++;
                if (!catalog_image_usable(cat, i))
                        unusable_json(o, "image", i->row.name, i->row.file);
        }
        jout_end(o, ']');
        jout_int(o, "boots", (int64_t)boots);
        jout_int(o, "images", (int64_t)images);
        jout_str(o, "default_boot", catalog_default(cat, false, false)[0] ? catalog_default(cat, false, false) : NULL);
        jout_str(o, "default_image", catalog_default(cat, true, false)[0] ? catalog_default(cat, true, false) : NULL);
        catalog_done(cat);
}

/* What lies in a directory of musterd's and is not used; entries whose file is not are `unusable`. */
static void unused_files(struct jout *o, struct server *srv)
{
        struct unused u = { 0 };
        const char *dir;

        jout_int(o, "ek_cas", (int64_t)ek_cas_now(srv->ek_cas, &u));
        jout_arr(o, "unused_files");
        unused_json(&u, srv->conf.ek_ca_dir, o);
        dir = catalog_ipxe_unused(srv->catalog, &u);
        unused_json(&u, dir, o);
        jout_end(o, ']');
}

enum MHD_Result on_status(struct call *c)
{
        const struct sandbox_facts sandbox = sandbox_facts();
        struct server *srv = c->srv;
        struct jout o = { 0 };
        uint8_t head[DIGEST_LEN];
        uint64_t seq = 0;
        struct tally t;
        int r = tally(srv, &t);

        if (r == 0)
                r = srv->store->ops->event_synced(srv->store, &seq, head);
        if (r < 0)
                return reply_failure(c, r, "cannot read the store");
        jout_obj(&o, NULL);
        jout_str(&o, "version", MUSTER_VERSION);
        jout_int(&o, "started", srv->started);
        jout_int(&o, "uptime", server_now() - srv->started);
        jout_obj(&o, "nodes");
        for (size_t i = 0; i < SHOWN; i++)
                jout_int(&o, shown_names[i], (int64_t)t.n[i]);
        jout_end(&o, '}');
        catalog_json(&o, srv->catalog);
        unused_files(&o, srv);
        jout_str(&o, "state_dir", srv->conf.state_dir);
        disk_json(&o, srv->conf.state_dir);
        jout_obj(&o, "journal");
        jout_int(&o, "seq", (int64_t)seq);
        jout_hex(&o, "head", head, DIGEST_LEN);
        jout_end(&o, '}');
        jout_obj(&o, "sandbox");
        jout_str(&o, "system_calls", sandbox.syscalls);
        jout_int(&o, "landlock", sandbox.landlock);
        jout_end(&o, '}');
        jout_arr(&o, "listeners");
        jout_str(&o, NULL, srv->conf.boot_listen);
        jout_str(&o, NULL, srv->conf.attest_listen);
        jout_str(&o, NULL, srv->conf.admin_socket);
        jout_end(&o, ']');
        jout_int(&o, "waiting", waiters_count(srv->waiters));
        jout_end(&o, '}');
        return reply_json(c, 200, &o);
}

enum MHD_Result on_metrics(struct call *c)
{
        struct buf b = { .p = malloc(METRICS_MAX) };
        char *text = (char *)b.p;
        uint8_t head[DIGEST_LEN];
        uint64_t seq = 0;
        struct tally t;
        size_t len;
        long n;
        int r = tally(c->srv, &t);

        if (r == 0)
                r = c->srv->store->ops->event_head(c->srv->store, &seq, head);
        n = !text || r < 0 ? -1 : metrics_text(&c->srv->metrics, text, METRICS_MAX);
        if (n < 0) {
                free(b.p);
                return reply_failure(c, r < 0 ? r : -ENOMEM, "cannot write the metrics");
        }
        len = (size_t)n;
        len += (size_t)snprintf(text + len, METRICS_MAX - len, "# TYPE muster_nodes gauge\n");
        for (size_t i = 0; i < SHOWN && len < METRICS_MAX; i++)
                len += (size_t)snprintf(text + len, METRICS_MAX - len, "muster_nodes{state=\"%s\"} %" PRIu64 "\n",
                                        shown_names[i], t.n[i]);
        if (len < METRICS_MAX)
                len += (size_t)snprintf(text + len, METRICS_MAX - len,
                                        "# TYPE muster_journal_seq counter\nmuster_journal_seq %" PRIu64
                                        "\n# TYPE muster_waiting_requests gauge\nmuster_waiting_requests %u\n"
                                        "# TYPE muster_start_time_seconds gauge\nmuster_start_time_seconds %" PRId64 "\n",
                                        seq, waiters_count(c->srv->waiters), c->srv->started);
        b.len = len < METRICS_MAX ? len : METRICS_MAX - 1;
        return reply_buf(c, 200, "text/plain; version=0.0.4", &b);
}
