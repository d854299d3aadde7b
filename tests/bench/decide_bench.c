/* SPDX-License-Identifier: Apache-2.0 */
/* decide_bench [EVENTLOG]: how many decisions a core makes, with OpenSSL's
 * floor beside it, for tests/bench/part-decide: JSON on standard output. Of
 * CPU time: rounds.h.
 *
 * Without EVENTLOG the log is the fixture's, brought to EVENTS events; the
 * verdict is OK. With it, it is that file's bytes as they are, and what the
 * parent serves is taken from them, so that every check runs that a boot of
 * Muster's own gets. A log of another boot loader ends at the last of them:
 * `code` says M-PCRS then, instead of nothing. */
#include "evidence_impl.h"
#include "keycache.h"
#include "rounds.h"
#include "../unit/fixture_evidence.c"

#define EVENTS 46

static struct fixture fx;
static struct keycache *cache;
static const char *code; /* of the decision; NULL: OK */
static struct buf given; /* EVENTLOG */

struct floor {
        EVP_MD_CTX *verify;
        EVP_MD_CTX *hash;
        EVP_MD *sha256;
        uint8_t sig[80];
        size_t sig_len;
};

static struct floor floor_;

/* As musterd runs the stages; `kept`: with the key cache. */
static void judge(const struct attest_request *req, bool kept)
{
        struct evidence *ev = NULL;
        struct decision d;

        FX(evidence_parse(req, &ev) == 0);
        if (kept)
                keycache_give(cache, ev);
        decide_signed(ev, fx.exporter, &fx.node, &d);
        decide_evidence(ev, &fx.node, EK_CHAIN_OK, &d);
        FX(d.verdict == DECIDE_GO_ON);
        decide_identity(ev, &fx.node, NULL, &d);
        FX(d.verdict == DECIDE_GO_ON);
        if (kept)
                keycache_keep(cache, ev);
        decide_policy(ev, &fx.refs, &d);
        FX(d.verdict == (code ? DECIDE_REFUSED : DECIDE_OK) && (!code || strcmp(d.code, code) == 0));
        evidence_free(ev);
}

/* From the request's bytes, as musterd gets them, to the verdict. */
static void from_bytes(bool kept)
{
        struct attest_request req = { 0 };
        char err[JTAB_ERR];

        FX(wire_attest_parse(fx.body.p, fx.body.len, &req, err) == 0);
        judge(&req, kept);
        attest_request_wipe(&req);
}

static void bytes_anew(void)
{
        from_bytes(false);
}

static void bytes_kept(void)
{
        from_bytes(true);
}

/* From the parsed JSON: quote, event log, replay, decision. */
static void request_anew(void)
{
        judge(&fx.req, false);
}

static void request_kept(void)
{
        judge(&fx.req, true);
}

/* The signature alone, the key kept. */
static void floor_verify(void)
{
        FX(EVP_DigestVerifyInit(floor_.verify, NULL, EVP_sha256(), NULL, fx.ak) == 1);
        FX(EVP_DigestVerify(floor_.verify, floor_.sig, floor_.sig_len, fx.req.quote.p, fx.req.quote.len) == 1);
}

static void floor_hash(const void *p, size_t len)
{
        uint8_t digest[DIGEST_LEN];

        FX(EVP_DigestInit_ex2(floor_.hash, floor_.sha256, NULL) == 1 && EVP_DigestUpdate(floor_.hash, p, len) == 1 &&
           EVP_DigestFinal_ex(floor_.hash, digest, NULL) == 1);
}

/* And what must be hashed: the request, its PCR values, an extend for each event. */
static void floor_all(void)
{
        uint8_t pair[2 * DIGEST_LEN] = { 0 };

        floor_verify();
        floor_hash(fx.body.p, fx.body.len);
        floor_hash(fx.req.pcrs, sizeof(fx.req.pcrs));
        for (size_t i = 0; i < fx.evidence->log.n_events; i++)
                floor_hash(pair, sizeof(pair));
}

static void floor_setup(void)
{
        const struct quote_sig *s = &fx.evidence->sig;
        uint8_t *p = floor_.sig;
        ECDSA_SIG *sig = ECDSA_SIG_new();
        int n;

        FX(sig && ECDSA_SIG_set0(sig, BN_bin2bn(s->r, (int)s->r_len, NULL), BN_bin2bn(s->s, (int)s->s_len, NULL)) == 1);
        n = i2d_ECDSA_SIG(sig, &p);
        FX(n > 0);
        floor_.sig_len = (size_t)n;
        ECDSA_SIG_free(sig);
        floor_.verify = EVP_MD_CTX_new();
        floor_.hash = EVP_MD_CTX_new();
        floor_.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        FX(floor_.verify && floor_.hash && floor_.sha256);
}

/* ---- the log ----------------------------------------------------------- */

/* Before the request is hashed: the given log, and the PCRs that it makes. */
static void give_log(struct attest_request *r)
{
        _cleanup_(evlog_free) struct evlog log = { 0 };
        struct evlog_pcrs pcrs;
        const char *why = "";

        FX(evlog_parse(given.p, given.len, &log, &why, NULL) == 0 && evlog_replay(&log, TPM_SHA256, &pcrs) == 0);
        free(r->eventlog.p);
        r->eventlog = (struct buf){ malloc(given.len), given.len };
        FX(r->eventlog.p);
        memcpy(r->eventlog.p, given.p, given.len);
        for (size_t i = 0; i < ELEMENTSOF(fx.pcr); i++)
                memcpy(fx.pcr[i], pcrs.value[i], DIGEST_LEN);
        for (size_t i = 0; i < POLICY_PCRS; i++)
                memcpy(r->pcrs[i], fx.pcr[policy_pcrs[i]], DIGEST_LEN);
}

/* The references that this boot is in order by: the last image of PCR 4 is
 * the kernel, the one before it the UKI, what else is there is iPXE. */
static void refs_of_log(void)
{
        const struct evidence *ev = fx.evidence;
        struct boot_ref *b = &fx.boot;
        struct boot_case one = { 0 };
        struct chain c;

        fx.ipxe.n = 0;
        FX(chain_build(ev, NULL, 0, NULL, &c) == 0 && c.n >= c.separator + 3);
        memcpy(b->kernel, c.v[c.n - 1].digest, DIGEST_LEN);
        memcpy(b->uki, c.v[c.n - 2].digest, DIGEST_LEN);
        for (size_t i = c.separator + 1; i < c.n; i++)
                if (memcmp(c.v[i].digest, b->kernel, DIGEST_LEN) != 0 && memcmp(c.v[i].digest, b->uki, DIGEST_LEN) != 0)
                        memcpy(fx.ipxe.v[fx.ipxe.n++].digest, c.v[i].digest, DIGEST_LEN);
        memcpy(b->pcr11, evidence_pcr(ev, 11), DIGEST_LEN);
        memcpy(one.pcr12, evidence_pcr(ev, 12), DIGEST_LEN);
        memcpy(one.pcr9, evidence_pcr(ev, 9), DIGEST_LEN);
        b->plain = b->secure = one;
}

static void read_log(const char *file)
{
        FILE *f = fopen(file, "re");
        struct buf b = { malloc(EVLOG_MAX_SIZE), 0 };

        FX(f && b.p);
        b.len = fread(b.p, 1, EVLOG_MAX_SIZE, f);
        FX(!ferror(f) && b.len > 0);
        (void)fclose(f);
        given = b;
}

static void setup(const char *file)
{
        static const uint8_t zero[DIGEST_LEN];
        char why[JTAB_ERR];

        fixture_init(&fx);
        while (fx.n + 1 < EVENTS) /* and the one that names the algorithms */
                fixture_event(&fx, 1, EV_EFI_VARIABLE_BOOT, NULL, "Boot0001", 8);
        if (file) {
                read_log(file);
                fx.knobs.edit_request = give_log;
        }
        fixture_build(&fx);
        if (file)
                refs_of_log();
        FX(profile_learn(fx.evidence, fx.boots, 2, &fx.ipxe, &fx.profile, why) == 0);
        if (memcmp(evidence_pcr(fx.evidence, 8), zero, DIGEST_LEN) != 0)
                code = "M-PCRS";
        FX(keycache_new(&cache) == 0);
        floor_setup();
}

/* ---- figures ----------------------------------------------------------- */

enum { BYTES_ANEW, BYTES_KEPT, REQUEST_ANEW, REQUEST_KEPT, FLOOR_ALL, FLOOR_VERIFY, FIGURES };

static struct figure figures[FIGURES] = {
        [BYTES_ANEW] = { "request_to_verdict", bytes_anew },
        [BYTES_KEPT] = { "request_to_verdict_key_kept", bytes_kept },
        [REQUEST_ANEW] = { "evidence_to_verdict", request_anew },
        [REQUEST_KEPT] = { "evidence_to_verdict_key_kept", request_kept },
        [FLOOR_ALL] = { "openssl_verify_and_hash", floor_all },
        [FLOOR_VERIFY] = { "openssl_verify", floor_verify },
};

int main(int argc, char **argv)
{
        setup(argc > 1 ? argv[1] : NULL);
        rounds_measure(figures, FIGURES, CLOCK_PROCESS_CPUTIME_ID);
        (void)printf("{\"events\":%zu,\"eventlog_bytes\":%zu,\"request_bytes\":%zu,\"code\":\"%s\",\"rounds\":%d",
                     fx.evidence->log.n_events, fx.req.eventlog.len, fx.body.len, code ? code : "", ROUNDS);
        for (size_t i = 0; i < FIGURES; i++)
                (void)printf(",\"%s\":%.0f", figures[i].name, rounds_median(&figures[i]));
        (void)printf(",\"of_openssl_verify\":{");
        for (size_t i = 0; i < FLOOR_VERIFY; i++)
                (void)printf("%s\"%s\":%.3f", i > 0 ? "," : "", figures[i].name,
                             rounds_ratio(&figures[i], &figures[FLOOR_VERIFY]));
        (void)printf("}}\n");
        EVP_MD_CTX_free(floor_.verify);
        EVP_MD_CTX_free(floor_.hash);
        EVP_MD_free(floor_.sha256);
        keycache_free(cache);
        fixture_free(&fx);
        free(given.p);
        return 0;
}
