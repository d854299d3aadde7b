/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "eventlog.h"
#include "testing.h"
#include "tls.h"
#include "wire_frame.h"

#include <time.h>

#define CONNECT_MS 5000
#define TURN_MS 60000 /* a parent that ten thousand nodes ask says nothing until it is one's turn */
#define HANDSHAKE_MS 15000 /* from then on in all, however busily a peer sends */
#define ANSWER_MS 60000 /* a parent holds a pending answer for 25 s */
#define PENDING_MS 3000 /* hardly a decision takes that long: a person has to decide */
#define QUOTE_TRIES 5

static const char next_version[] = "look at the parent's log; its version may differ from this initramfs";

static int parent_connect(struct node *n, const struct url *u)
{
        struct tls_trust trust = { .ca = n->conf->ca, .when = time(NULL) };
        struct stream *tcp = NULL;
        struct stream *tls = NULL;
        char why[TLS_WHY];
        char host[280];
        int r;

        if (trust.when < n->conf->not_before)
                trust.when = n->conf->not_before;
        (void)snprintf(host, sizeof(host), strchr(u->host, ':') ? "[%s]:%u" : "%s:%u", u->host, u->port);
        (void)snprintf(n->parent, sizeof(n->parent), "https://%s", host);
        r = stream_open_tcp(node_conf_address(n->conf, u->host), u->port, CONNECT_MS, &tcp);
        if (r < 0)
                return fail_set(&n->f, r, "E-NET", "check the network, and `systemctl status musterd` on the parent",
                                "connect to parent %s: %s", n->parent, strerror(-r));
        tcp->idle_ms = TURN_MS;
        tcp->hurry_ms = HANDSHAKE_MS;
        r = tls_connect(tcp, u->host, &trust, &tls, why);
        if (r == -EKEYREJECTED)
                return fail_set(&n->f, r, "E-PARENT",
                                "if the cluster's CA is new, make the initramfs again; if not, look who answers at this "
                                "address",
                                "trust parent %s: %s", n->parent, why);
        if (r < 0)
                return fail_set(&n->f, r, "E-NET", "see whether this address and port are musterd's attest listener",
                                "open TLS to parent %s: %s", n->parent, why);
        tls->idle_ms = ANSWER_MS;
        if (tls_exporter(tls, n->exporter) < 0) {
                stream_free(tls);
                return fail_set(&n->f, -EIO, "E-PARENT", next_version, "bind to the connection to %s", n->parent);
        }
        r = http_new(tls, host, &n->http);
        return r < 0 ? fail_set(&n->f, r, "E-NET", "", "talk to parent %s: %s", n->parent, strerror(-r)) : 0;
}

/* The values that the event log gives. A parent accepts no others, and a
 * quote over others is not used: so reading them from the TPM is for a log
 * that is not complete. -EAGAIN: for this one too. */
static int pcrs_of_log(struct node *n)
{
        struct evlog_pcrs got;
        struct evlog log;
        const char *why;
        size_t offset;
        int r = evlog_parse(n->eventlog.p, n->eventlog.len, &log, &why, &offset);

        if (r < 0)
                return -EAGAIN;
        r = evlog_replay(&log, TPM_SHA256, &got);
        evlog_free(&log);
        if (r < 0)
                return -EAGAIN;
        for (size_t i = 0; i < POLICY_PCRS; i++)
                memcpy(n->pcrs[i], got.value[policy_pcrs[i]], DIGEST_LEN);
        return 0;
}

/* Borrows from n: only the text built from it is owned. */
static int build_body(struct node *n, struct buf *ret)
{
        _cleanup_(buf_wipe) struct buf text = { 0 };
        _cleanup_(buf_wipe) struct buf quote = { 0 };
        _cleanup_(buf_wipe) struct buf sig = { 0 };
        struct attest_request q = { 0 };
        uint8_t digest[DIGEST_LEN];
        uint8_t qualifying[DIGEST_LEN];
        int r;

        if (n->unlogged || pcrs_of_log(n) < 0) {
                r = tpm_pcr_read(n->tpm, n->pcrs, &n->f);
                if (r < 0)
                        return r;
        }
        memcpy(q.node, n->id, DIGEST_LEN);
        q.ek_public = (struct buf){ n->ek.public, n->ek.public_len };
        q.ek_certs = (struct jbufs){ n->certs.der, n->certs.n };
        q.ak_public = (struct buf){ n->ak.public, n->ak.public_len };
        memcpy(q.pcrs, n->pcrs, sizeof(q.pcrs));
        q.eventlog = n->eventlog;
        q.nv_ssh = n->nv[NV_SSH];
        q.nv_tls = n->nv[NV_TLS];
        q.facts = n->facts;
        memcpy(q.former, n->former, sizeof(q.former));
        memcpy(q.policy, n->policy, sizeof(q.policy));
        r = wire_request_build(&q, &text, digest);
        if (r == 0)
                r = wire_qualifying_data(n->exporter, digest, qualifying);
        if (r < 0)
                return fail_set(&n->f, r, "E-TPM", "", "write the attest request: %s", strerror(-r));
        r = tpm_quote(&n->ak, qualifying, n->pcrs, &quote, &sig, &n->counters, &n->f);
        if (r == -EAGAIN)
                n->unlogged = true;
        if (r < 0)
                return r;
        r = wire_attest_build(&text, &quote, &sig, ret);
        return r < 0 ? fail_set(&n->f, r, "E-TPM", "", "write the attest request: %s", strerror(-r)) : 0;
}

/* Once per process is enough for the admin. */
static void tell(const struct node *n, const char *maybe)
{
        static bool told;

        if (!told)
                console_line("node=%.16s waiting for approval at %s%s: muster node approve %s", n->id_hex, n->parent,
                             maybe, n->id_hex);
        told = true;
}

static void no_answer_yet(void *ctx)
{
        tell(ctx, ", or for its answer");
}

static int exchange(struct node *n, const char *path, const struct buf *body)
{
        _cleanup_(buf_wipe) struct buf answer = { 0 };
        struct http_reply reply;
        char err[JTAB_ERR];
        int r;

        verdict_wipe(&n->verdict);
        http_stream(n->http)->notice = no_answer_yet;
        http_stream(n->http)->notice_ctx = n;
        http_stream(n->http)->notice_ms = PENDING_MS;
        http_stream(n->http)->deadline = stream_now_ms() + ANSWER_MS;
        r = http_call(n->http, "POST", path, WIRE_TYPE, body->p, body->len, WIRE_VERDICT_MAX, &reply, &answer);
        if (r < 0)
                return fail_set(&n->f, r, "E-NET", "see `journalctl -u musterd` on the parent", "ask parent %s for %s: %s",
                                n->parent, path, strerror(-r));
        testing_save(n, "verdict", &answer);
        r = wire_verdict_parse(answer.p, answer.len, &n->verdict, err);
        if (r < 0)
                return fail_set(&n->f, r, "E-PARENT", next_version, "read the answer of parent %s (HTTP %u): %s",
                                n->parent, reply.status, err);
        if (wire_verdict_status(n->verdict.kind) != reply.status)
                return fail_set(&n->f, -EBADMSG, "E-PARENT", next_version,
                                "read the answer of parent %s: HTTP %u does not fit its verdict", n->parent,
                                reply.status);
        return 0;
}

static int ask(struct node *n)
{
        _cleanup_(buf_wipe) struct buf body = { 0 };
        int r = -EAGAIN;

        for (int i = 0; r == -EAGAIN && i < QUOTE_TRIES; i++)
                r = build_body(n, &body);
        if (r == -EKEYREJECTED) {
                /* no AK of ours: one who was owner of this TPM left it there */
                console_line("node=%.16s the AK at 0x8101C001 has a password, which ours never has: making it anew",
                             n->id_hex);
                r = tpm_ak_renew(n->tpm, &n->ak, &n->f);
                if (r == 0)
                        r = build_body(n, &body);
        }
        if (r < 0)
                return r;
        node_stage(n, "quote");
        testing_save(n, "attest-request", &body);
        return exchange(n, "/v2/attest", &body);
}

static int answer_challenge(struct node *n)
{
        _cleanup_(buf_wipe) struct buf body = { 0 };
        uint8_t secret[DIGEST_LEN] = { 0 };
        int r;

        r = node_session(n);
        if (r < 0)
                return r;
        r = tpm_activate(&n->ek, &n->ak, &n->nv_session.session, &n->verdict.credential_blob, &n->verdict.secret, secret,
                         &n->f);
        if (r < 0)
                tpm_nv_end(&n->nv_session);
        if (r == 0) {
                testing_secret("activation secret", secret, sizeof(secret));
                r = wire_activate_build(secret, sizeof(secret), &body);
                if (r < 0)
                        (void)fail_set(&n->f, r, "E-TPM", "", "answer the challenge: %s", strerror(-r));
        }
        wipe(secret, sizeof(secret));
        if (r < 0)
                return r;
        node_stage(n, "activate");
        return exchange(n, "/v2/activate", &body);
}

static int judge_ok(struct node *n)
{
        const struct verdict *v = &n->verdict;
        char err[JTAB_ERR];

        if (!same_bytes(v->node, DIGEST_LEN, n->id, DIGEST_LEN))
                return fail_set(&n->f, -EBADMSG, "E-PARENT", next_version, "read the verdict of parent %s: it is for "
                                "another node", n->parent);
        if (wire_manifest_parse(v->manifest, &n->manifest, err) < 0)
                return fail_set(&n->f, -EBADMSG, "E-PARENT", next_version, "read the manifest of parent %s: %s", n->parent,
                                err);
        testing_secret("image key", v->image_key, sizeof(v->image_key));
        return 0;
}

static int judge_refusal(struct node *n)
{
        const struct verdict *v = &n->verdict;
        bool busy = v->kind == VERDICT_BUSY;
        char next[160];

        (void)snprintf(n->incident, sizeof(n->incident), "%s", v->incident);
        n->retry_after = (int)v->retry_after;
        (void)snprintf(next, sizeof(next), busy ? "none, if it passes; else see musterd's load on the parent%s" :
                                                  "on the parent: muster log --explain %.16s",
                       busy ? "" : n->id_hex);
        return fail_set(&n->f, busy ? -EBUSY : -EACCES, v->code, next, "attest to parent %s: %s", n->parent,
                        busy ? "it is busy" : v->kind == VERDICT_MALFORMED ? "it cannot read the request" : "it refused");
}

/* On one connection, until something else than pending. */
static int session(struct node *n)
{
        for (;;) {
                int r = ask(n);

                if (r == 0 && n->verdict.kind == VERDICT_CHALLENGE)
                        r = answer_challenge(n);
                if (r < 0)
                        return r;
                node_stage(n, "verdict");
                switch (n->verdict.kind) {
                case VERDICT_OK:
                        return judge_ok(n);
                case VERDICT_PENDING:
                        if (n->opt->once)
                                return fail_set(&n->f, -EINPROGRESS, "", "on the parent: muster node approve NODE",
                                                "attest to parent %s: waiting for approval", n->parent);
                        tell(n, "");
                        sleep_jittered((n->verdict.retry_after > 0 ? n->verdict.retry_after : 1) * 1000);
                        n->n_stages = 0;
                        n->stage_start = stream_now_ms();
                        break;
                case VERDICT_REFUSED:
                case VERDICT_MALFORMED:
                case VERDICT_BUSY:
                        return judge_refusal(n);
                default:
                        return fail_set(&n->f, -EBADMSG, "E-PARENT", next_version,
                                        "read the answer of parent %s: a challenge after a challenge", n->parent);
                }
        }
}

/* Another parent may do better. */
static bool may_fail_over(const struct node *n, int r)
{
        return r == -EBUSY || strcmp(n->f.code, "E-NET") == 0 || strcmp(n->f.code, "E-PARENT") == 0;
}

int node_attest(struct node *n, bool again)
{
        int r = -EIO;

        if (again && n->http) {
                r = session(n);
                if (r == 0 || !may_fail_over(n, r))
                        return r;
        }
        for (size_t i = 0; i < n->conf->n_parents; i++) {
                http_free(n->http);
                n->http = NULL;
                r = parent_connect(n, &n->conf->parents[i]);
                if (r == 0) {
                        node_stage(n, "tls");
                        r = session(n);
                }
                if (r == 0 || !may_fail_over(n, r))
                        return r;
                if (i + 1 < n->conf->n_parents)
                        log_warn("node=%.16s %s: %s; trying the next parent", n->id_hex, n->f.code, n->f.what);
        }
        return r;
}
