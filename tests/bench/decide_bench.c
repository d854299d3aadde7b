/* SPDX-License-Identifier: Apache-2.0 */
/* How many decisions a core makes, with OpenSSL's floor beside it, for
 * tests/bench/run: JSON on standard output. One thread; each figure is the
 * best of ROUNDS rounds of MS milliseconds, the rounds taken in turns. */
#include "evidence_impl.h"
#include "../unit/fixture_evidence.c"

#include <time.h>

#define ROUNDS 5
#define MS 400

static struct fixture fx;

struct floor {
        EVP_MD_CTX *verify;
        EVP_MD_CTX *hash;
        EVP_MD *sha256;
        uint8_t sig[80];
        size_t sig_len;
};

static struct floor floor_;

static int64_t now_us(void)
{
        struct timespec t;

        FX(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void judge(const struct evidence *ev)
{
        struct decision d;

        decide_evidence(ev, fx.exporter, &fx.node, EK_CHAIN_OK, &d);
        FX(d.verdict == DECIDE_GO_ON);
        decide_identity(ev, &fx.node, NULL, &d);
        FX(d.verdict == DECIDE_GO_ON);
        decide_policy(ev, &fx.refs, &d);
        FX(d.verdict == DECIDE_OK);
}

/* From the request's bytes, as musterd gets them, to the verdict. */
static void from_bytes(void)
{
        struct attest_request req = { 0 };
        struct evidence *ev = NULL;
        char err[JTAB_ERR];

        FX(wire_attest_parse(fx.body.p, fx.body.len, &req, err) == 0);
        FX(evidence_parse(&req, &ev) == 0);
        judge(ev);
        evidence_free(ev);
        attest_request_wipe(&req);
}

/* From the parsed JSON: quote, event log, replay, decision. */
static void from_request(void)
{
        struct evidence *ev = NULL;

        FX(evidence_parse(&fx.req, &ev) == 0);
        judge(ev);
        evidence_free(ev);
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
        for (size_t i = 0; i < fx.n; i++)
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

static double rate(void (*f)(void))
{
        int64_t start = now_us();
        int64_t t;
        unsigned n = 0;

        do {
                for (int i = 0; i < 50; i++, n++)
                        f();
                t = now_us() - start;
        } while (t < MS * 1000);
        return n * 1e6 / (double)t;
}

int main(void)
{
        static const struct {
                const char *name;
                void (*f)(void);
        } what[] = { { "request_to_verdict", from_bytes },
                     { "evidence_to_verdict", from_request },
                     { "openssl_verify_and_hash", floor_all },
                     { "openssl_verify", floor_verify } };
        double best[ELEMENTSOF(what)] = { 0 };

        fixture_init(&fx);
        floor_setup();
        for (int round = 0; round < ROUNDS; round++)
                for (size_t i = 0; i < ELEMENTSOF(what); i++) {
                        double r = rate(what[i].f);

                        if (r > best[i])
                                best[i] = r;
                }
        (void)printf("{\"events\":%zu,\"eventlog_bytes\":%zu,\"request_bytes\":%zu", fx.n, fx.req.eventlog.len,
                     fx.body.len);
        for (size_t i = 0; i < ELEMENTSOF(what); i++)
                (void)printf(",\"%s\":%.0f", what[i].name, best[i]);
        (void)printf("}\n");
        EVP_MD_CTX_free(floor_.verify);
        EVP_MD_CTX_free(floor_.hash);
        EVP_MD_free(floor_.sha256);
        fixture_free(&fx);
        return 0;
}
