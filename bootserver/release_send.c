/* SPDX-License-Identifier: Apache-2.0 */
#include "release.h"

#include "fault.h"
#include "hooks.h"

#include <time.h>

#define WAITING_MAX 1024 /* verdicts of some 10 KiB; who comes then waits on its own thread */
#define CROWD 4          /* as many others at work: their releases come soon */
#define CROWD_NS 4000000

void release_free(struct release *r)
{
        if (!r)
                return;
        verdict_wipe(&r->verdict);
        buf_wipe(&r->new_ak);
        buf_wipe(&r->facts_change);
        buf_wipe(&r->mac_shared);
        wipe(r, sizeof(*r));
        free(r);
}

static int sync_store(void *ctx, uint64_t *ret_lost, uint64_t *ret_ticket)
{
        struct server *srv = ctx;

        metric_add(&srv->metrics, M_SYNCS, 1);
        return srv->store->ops->sync(srv->store, ret_lost, ret_ticket);
}

static void tidy_store(void *ctx)
{
        struct server *srv = ctx;

        srv->store->ops->tidy(srv->store);
}

/* A sync costs as much as a quarter of a release, however many share it. */
static void gather(void *ctx)
{
        const struct timespec while_they_come = { 0, CROWD_NS };
        struct server *srv = ctx;

        if (srv->door && door_inside(srv->door) >= CROWD)
                (void)nanosleep(&while_they_come, NULL);
}

static void suspend(void *conn)
{
        MHD_suspend_connection(conn);
}

static void resume(void *conn)
{
        MHD_resume_connection(conn);
}

int release_outbox(struct server *srv)
{
        static const struct outbox_ops ops = {
                .sync = sync_store, .tidy = tidy_store, .gather = gather, .suspend = suspend, .resume = resume,
        };

        return outbox_start(&ops, srv, WAITING_MAX, &srv->outbox);
}

/* -EINPROGRESS: the call is held. */
static int on_disk(struct call *c, struct release *rel)
{
        uint64_t lost = 0;
        uint64_t ticket = 0;
        int r;

        if (rel->ticket == 0)
                return 0;
        if (rel->waiting)
                return rel->wait.result;
        rel->waiting = true;
        r = outbox_hold(c->srv->outbox, &rel->wait, c->conn, rel->ticket);
        if (r == 0)
                return -EINPROGRESS;
        r = sync_store(c->srv, &lost, &ticket);
        return r < 0 ? r : rel->ticket > lost && rel->ticket <= ticket ? 0 : -EIO;
}

static void new_ak_told(struct server *srv, const struct node *n, const struct release *rel)
{
        log_warn("node=%s name=%s %s. Next: see `muster node show %s`, and accept it with `muster node approve`", n->id, n->name,
                 rel->made.cleared ? "its TPM was cleared: a new attestation key, and counters that started over"
                                   : "its TPM has a new attestation key: root on the node took the old one out, or its TPM was cleared",
                 n->name);
        hooks_event(srv->hooks, n, new_ak_event(&rel->made), (const char *)rel->new_ak.p);
}

static void told(struct server *srv, const struct release *rel)
{
        struct node n = { 0 };

        log_info("node=%s name=%s ok: boot=%s image=%s boot_id=%s%s%s", rel->id, rel->name, rel->boot, rel->image,
                 rel->made.boot_id, rel->reason[0] ? ": again, since its attempt before failed with " : "", rel->reason);
        metric_add(&srv->metrics, M_BUNDLES_MADE, rel->made.keys);
        metric_add(&srv->metrics, M_BUNDLES_SENT, rel->made.bundle);
        metric_add(&srv->metrics, M_CERTIFICATES, rel->made.certs);
        memcpy(n.id, rel->id, sizeof(n.id));
        memcpy(n.name, rel->name, sizeof(n.name));
        if (rel->advice[0])
                log_warn("node=%s name=%s its TPM's firmware is named by %s. Next: see `muster node show %s`", rel->id, rel->name,
                         rel->advice, rel->name);
        if (rel->new_ak.len > 0)
                new_ak_told(srv, &n, rel);
        if (rel->facts_change.len > 0)
                facts_told(srv, &n, rel->made.facts_changed, rel->from, &rel->facts_change);
        if (rel->mac_shared.len > 0)
                facts_macs_told(srv, &n, rel->from, &rel->mac_shared);
        if (rel->before == rel->after && strcmp(rel->reason, rel->reason_before) == 0 && !rel->made.unasked)
                return;
        if (rel->made.unasked) {
                log_warn("node=%s name=%s its TPM started over, and nobody had asked for its boot script since its last boot. "
                         "Next: see RESETS in musterd(8)", rel->id, rel->name);
                hooks_send(srv->hooks, &n, node_state_text(rel->before), node_state_text(rel->after), "reset-without-boot", NULL);
                return;
        }
        hooks_send(srv->hooks, &n, node_state_text(rel->before), node_state_text(rel->after), rel->reason[0] ? rel->reason : NULL,
                   NULL);
}

enum MHD_Result release_send(struct call *c, struct attest *a)
{
        int r = on_disk(c, a->release);
        _cleanup_(release_freep) struct release *rel = NULL;

        if (r == -EINPROGRESS) {
                c->waiting = c->held = true;
                return MHD_YES;
        }
        rel = take_ptr(a->release);
        if (r < 0)
                return reply_busy(c, "cannot sync the journal");
        FAULT_POINT("release-on-disk");
        told(c->srv, rel);
        guard_known(c->srv->guard, &c->session->conn);
        /* ten thousand stay connected while their TPMs store the keys, and ask no more */
        attest_free(take_ptr(c->session->attest));
        return reply_verdict(c, &rel->verdict);
}
