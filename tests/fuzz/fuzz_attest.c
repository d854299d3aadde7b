/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v2/attest and /v2/activate as musterd gets them, up to the decision
 * and its words. None of it may be let in: the exporter is one that no
 * input has signed. */
#include "fuzz.h"

#include "decide.h"
#include "explain.h"

static void judged(const struct attest_request *req)
{
        static const uint8_t exporter[DIGEST_LEN] = "an exporter that nobody signed!";
        _cleanup_(evidence_freep) struct evidence *ev = NULL;
        struct decide_node node = { .rec = NODE_REC_APPROVED, .without_ek_cert = true };
        struct jstrs words = { 0 };
        struct decision d;

        HOLDS(evidence_parse(req, &ev) == 0);
        decide_signed(ev, exporter, &node, &d);
        decide_evidence(ev, &node, EK_CHAIN_NONE, &d);
        HOLDS(d.verdict == DECIDE_REFUSED && d.code && !d.genuine && !d.sound);
        HOLDS(explain_decision(&d, ev, NULL, &words) == 0 && words.n > 0 && words.n <= EXPLAIN_LINES);
        for (size_t i = 0; i < words.n; i++)
                HOLDS(strlen(words.v[i]) <= EXPLAIN_LINE && fuzz_printable(words.v[i]));
        jstrs_free(&words);
        decide_stored(ev, &d);
        if (d.verdict == DECIDE_GO_ON)
                decide_policy(ev, &(struct decide_refs){ 0 }, &d);
        HOLDS(d.verdict == DECIDE_REFUSED && d.code);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        struct attest_request req = { 0 };
        struct attest_facts facts = { 0 };
        struct buf secret = { 0 };
        char err[JTAB_ERR] = "";

        if (wire_attest_parse(p, n, &req, err) == 0) {
                judged(&req);
                attest_request_wipe(&req);
        } else {
                HOLDS(fuzz_printable(err));
        }
        if (wire_activate_parse(p, n, &secret, err) == 0)
                buf_wipe(&secret);
        if (wire_facts_parse(p, n, &facts, err) == 0)
                attest_facts_wipe(&facts);
        return 0;
}
