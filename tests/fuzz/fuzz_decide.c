/* SPDX-License-Identifier: Apache-2.0 */
/* A genuine AK signs whatever boot the input makes up: the input is a list
 * of events (PCR, type, size, data), measured, logged and quoted as a TPM
 * does. What musterd then learns, decides and says of it. */
#include "fuzz.h"

#include "../unit/fixture_evidence.c"

#include "cursor.h"
#include "explain.h"

static struct fixture fx;

static void events(struct cursor *c)
{
        uint8_t pcr, type, size;

        while (fx.n < FX_EVENTS && cur_u8(c, &pcr) == 0 && cur_u8(c, &type) == 0 && cur_u8(c, &size) == 0) {
                const uint8_t *data = NULL;
                struct fx_event *old = pcr & 0x80 && fx.n > 0 ? &fx.ev[type % fx.n] : NULL;

                if (cur_take(c, size, &data) < 0)
                        return;
                /* a known digest under another event, or a new one */
                fixture_event(&fx, pcr % 16, type & 0x80 ? 0x80000000u + (type & 0x7f) : type, old ? old->digest : NULL,
                              data, size);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        struct cursor c = cur_of(p, n);
        struct jstrs words = { 0 };
        struct profile learnt;
        struct decision d;
        char why[JTAB_ERR];
        uint8_t keep = 0;

        if (!fx.ek)
                fixture_init(&fx);
        fx.n = 0;
        fixture_firmware(&fx, false);
        (void)cur_u8(&c, &keep);
        if (keep < 0x80)
                fixture_chain(&fx, &fx.ipxe_file, &fx.uki, FX_FILE " " FX_CMDLINE, false);
        if (fx.n > (keep & 0x3f))
                fx.n -= keep & 0x3f;
        events(&c);
        fixture_build(&fx);
        decide_signed(fx.evidence, fx.exporter, &fx.node, &d);
        decide_evidence(fx.evidence, &fx.node, EK_CHAIN_NONE, &d);
        HOLDS(d.verdict != DECIDE_OK);
        if (d.verdict == DECIDE_GO_ON) {
                decide_policy(fx.evidence, &fx.refs, &d);
                if (profile_learn(fx.evidence, fx.boots, fx.refs.n_boots, &fx.ipxe, &learnt, why) == 0) {
                        struct buf json = { 0 };
                        struct profile again;

                        HOLDS(profile_json_build(&learnt, &json) == 0);
                        HOLDS(profile_json_parse(json.p, json.len, &again, why) == 0);
                        HOLDS(again.n_steps == learnt.n_steps && again.n_events == learnt.n_events);
                        buf_wipe(&json);
                }
        }
        HOLDS(d.verdict == DECIDE_OK || d.verdict == DECIDE_REFUSED);
        HOLDS(explain_decision(&d, fx.evidence, &fx.refs, &words) == 0);
        for (size_t i = 0; i < words.n; i++)
                HOLDS(strlen(words.v[i]) <= EXPLAIN_LINE && fuzz_printable(words.v[i]));
        jstrs_free(&words);
        return 0;
}
