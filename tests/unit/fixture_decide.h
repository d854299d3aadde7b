/* SPDX-License-Identifier: Apache-2.0 */
/* fixture_decide.h - one node and one decision for the tests of decide.h
 * and explain.h; include it once, after cmocka.h. */
#include "evidence_impl.h"
#include "fixture_evidence.c"

static struct fixture fx;
static struct decision d;

static int setup(void **state)
{
        (void)state;
        fixture_init(&fx);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        fixture_free(&fx);
        return 0;
}

/* All four stages as musterd runs them; stops at the first that is no
 * DECIDE_GO_ON. */
static inline void decide_chain(enum ek_chain chain, const uint8_t *activated)
{
        decide_signed(fx.evidence, fx.exporter, &fx.node, &d);
        if (d.verdict == DECIDE_GO_ON)
                decide_evidence(fx.evidence, &fx.node, chain, &d);
        if (d.verdict != DECIDE_GO_ON)
                return;
        decide_identity(fx.evidence, &fx.node, activated, &d);
        if (d.verdict != DECIDE_GO_ON)
                return;
        decide_policy(fx.evidence, &fx.refs, &d);
}

static inline void decide(void)
{
        fixture_build(&fx);
        decide_chain(EK_CHAIN_OK, NULL);
}

static inline void refused(const char *code)
{
        if (d.verdict != DECIDE_REFUSED || !d.code || strcmp(d.code, code) != 0)
                fail_msg("verdict %d, code %s instead of %s", d.verdict, d.code ? d.code : "none", code);
}

static inline void decide_refused(const char *code)
{
        decide();
        refused(code);
}

/* The same boot with other load options. */
static inline void boot_with(const char *options)
{
        fixture_firmware(&fx, false);
        fixture_chain(&fx, &fx.ipxe_file, &fx.uki, options, false);
}
