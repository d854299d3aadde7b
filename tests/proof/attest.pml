/* SPDX-License-Identifier: Apache-2.0 */
/* attest.pml - attest, activate, release of PROTOCOL.md against an attacker.
 *
 * The attacker owns the network, any number of connections of their own, an
 * enrolled node M (with a genuine TPM, booted as they like), a TPM T that is
 * not enrolled, a software key S, every quote that node N ever sent, every
 * approval ever given, what N boots (a good image, a retired one, or their
 * own), and root on N once it runs. They do not own N's TPM, the parent, or
 * a certificate of the cluster CA: TLS is a channel whose exporter is its
 * number, with N's honest client or the attacker at the far end.
 *
 * Claims, as assertions:
 *  release: N's keys go only to a channel whose far end is N's own client,
 *           on which N's TPM quoted in this very channel, in a state that is
 *           accepted now (agreement on node and channel, freshness);
 *  once:    one channel is released to at most once for one quote;
 *  nv:      N's NV opens only in a boot in which N was let in.
 * -DNO_… takes one defence away; `make prove` shows that each then fails.
 * (A secret that came back on another connection would break none of these
 * claims: it still proves the AK. The server refuses it all the same.) */

#define N 0
#define M 1
#define T 2
#define NODES 3
#define AK_N 0 /* in N's TPM; AK_M, AK_T likewise */
#define AK_M 1
#define AK_T 2
#define AK_S 3 /* in nobody's TPM */
#define NONE 9

#ifndef CONNS
#define CONNS 3
#endif
#ifndef BOOTS
#define BOOTS 2
#endif

/* what the PCRs say */
#define OFF 0
#define GOOD 1
#define OLD 2 /* an image that was accepted once */
#define BAD 3
#define CAPPED 4

/* ---- N's TPM ---------------------------------------------------------- */
byte pcr = OFF;
byte boot = 0;         /* resetCount */
byte image = OFF;      /* what this boot started */
bool rooted = false;   /* the running system is the attacker's */
bool let_in[4] = false;

/* ---- connections ------------------------------------------------------ */
byte conns = 0; /* ever opened */
byte owner[CONNS] = NONE;    /* N: N's honest client; M: the attacker */
bool open[CONNS] = false;
/* the quote that N's honest client sent on it, known to the attacker too */
bool quoted[CONNS] = false;
byte q_pcr[CONNS] = OFF;
byte q_boot[CONNS] = 0;
/* the server's side */
byte challenged[CONNS] = NONE; /* AK */
byte ch_node[CONNS] = NONE;
byte activated[CONNS] = NONE;  /* AK */
byte ac_node[CONNS] = NONE;
byte released[CONNS] = 0;

/* ---- the parent ------------------------------------------------------- */
byte record[NODES] = NONE; /* the AK on record */
byte accepted = OLD;       /* OLD is retired once */
bool approval[16] = false; /* pcr + 4 * boot, for N; public */

inline has_record(n, yes) { yes = (n == N || n == M) }

/* One attest request on connection `on`: node with AK ak; a quote by
 * `signer` over exporter `over`, PCR state, resetCount. It verifies only if signer == ak. */
inline attest(on, node, ak, signer, over, state, reset)
{
        bool known;
        has_record(node, known);
        if
        :: !known || signer != ak -> skip
#ifndef NO_EXPORTER
        :: known && signer == ak && over != on -> skip
        :: known && signer == ak && over == on ->
#else
        :: known && signer == ak ->
#endif
                if
#ifndef NO_ACTIVATION
                :: record[node] != ak && !(activated[on] == ak && ac_node[on] == node) ->
                        challenged[on] = ak;
                        ch_node[on] = node;
#endif
#ifdef NO_ACTIVATION
                :: true ->
#else
                :: record[node] == ak || (activated[on] == ak && ac_node[on] == node) ->
#endif
                        record[node] = ak;
                        if
#ifdef NO_PCR_CHECK
                        :: true ->
#else
                        :: state != accepted -> skip
                        :: state == accepted ->
#endif
                                released[on]++;
                                if
                                :: node == N ->
                                        /* release */
#ifdef REACHED
                                        assert(owner[on] != N); /* honest nodes are let in */
#endif
                                        assert(owner[on] == N);
                                        assert(quoted[on] && q_pcr[on] == accepted);
                                        assert(released[on] == 1);
                                        let_in[q_boot[on]] = true;
#ifdef NO_RESET_COUNT
                                        approval[state] = true;
                                        approval[state + 4] = true;
                                        approval[state + 8] = true;
#else
                                        approval[state + 4 * (reset - 1)] = true;
#endif
                                :: else -> skip
                                fi
                        fi
                fi
        fi;
        node = NONE
}

/* The secret of connection `from`'s challenge comes back on `to`: only the TPM that holds
 * the EK of the challenged node and that very AK could open it. */
inline activate(from, to)
{
        if
        :: from == to && challenged[from] != NONE ->
                ac_node[to] = ch_node[from];
#ifdef NO_AK_NAME
                activated[to] = AK_S; /* whatever AK it now says */
#else
                activated[to] = challenged[from];
#endif
                challenged[from] = NONE
        :: else -> skip
        fi
}

/* ---- node N: its boots, its honest client ------------------------------ */
proctype Node()
{
        byte c, i, n;

again:
        if
        :: boot < BOOTS ->
                atomic {
                        boot++;
                        rooted = false;
                        /* connections of the boot before are gone */
                        i = 0;
                        do
                        :: i < CONNS ->
                                if
                                :: owner[i] == N -> open[i] = false
                                :: else -> skip
                                fi;
                                i++
                        :: i == CONNS -> break
                        od;
                        if
                        :: pcr = GOOD
                        :: pcr = OLD
                        :: pcr = BAD
                        fi;
                        image = pcr
                }
        :: else -> goto done
        fi;
        if
        :: pcr == BAD -> goto again /* the attacker's machine from here on */
        :: else -> skip
        fi;
        if
        :: atomic { conns < CONNS ->
                        c = conns;
                        conns++;
                        owner[c] = N;
                        open[c] = true;
                        quoted[c] = true;
                        q_pcr[c] = pcr;
                        q_boot[c] = boot
                }
                atomic { n = N; attest(c, n, AK_N, AK_N, c, q_pcr[c], q_boot[c]) };
                if
                :: challenged[c] == AK_N && ch_node[c] == N ->
                        atomic { activate(c, c) };
                        atomic { n = N; attest(c, n, AK_N, AK_N, c, q_pcr[c], q_boot[c]) }
                :: else -> skip
                fi
        :: else -> skip
        fi;
        atomic {
#ifndef NO_CAP
                if
                :: released[c] > 0 && owner[c] == N && q_boot[c] == boot -> pcr = CAPPED
                :: else -> skip
                fi;
#endif
                /* let in: the image runs, and root on it may be anyone's */
                rooted = let_in[boot]
        };
        goto again;
done:
        skip
}

/* ---- the attacker ------------------------------------------------------ */
proctype Attacker()
{
        byte c, x, n, k, s, p, b, steps;

        do
        :: atomic { steps < STEPS && conns < CONNS -> steps++; owner[conns] = M; open[conns] = true; conns++ }
        :: steps < STEPS ->
                /* says anything on a connection of their own */
                atomic {
                        steps++;
                        c = 0;
                        do
                        :: c < CONNS - 1 -> c++
                        :: break
                        od;
                        if
                        :: open[c] && owner[c] == M -> skip
                        :: else -> goto spent
                        fi;
                        x = 0;
                        do
                        :: x < CONNS - 1 -> x++
                        :: break
                        od;
                        if :: n = N :: n = M :: n = T fi;
                        if
                        :: quoted[x] -> s = AK_N; p = q_pcr[x]; b = q_boot[x] /* what N sent once */
                        :: pcr == BAD || rooted -> s = AK_N; p = pcr; b = boot /* N's TPM, from a machine of theirs */
                        :: s = AK_M; b = 1; if :: p = GOOD :: p = OLD fi
                        :: s = AK_T; b = 1; p = GOOD
                        :: s = AK_S; b = 1; if :: p = GOOD :: p = OLD fi
                        fi;
                        k = s;
                        attest(c, n, k, s, x, p, b)
                }
        :: steps < STEPS ->
                /* a challenge, carried to whatever TPM they reach */
                atomic {
                        steps++;
                        c = 0;
                        do
                        :: c < CONNS - 1 -> c++
                        :: break
                        od;
                        x = 0;
                        do
                        :: x < CONNS - 1 -> x++
                        :: break
                        od;
                        if
                        :: open[c] && owner[c] == M && challenged[c] != NONE && open[x] && owner[x] == M &&
                           ((ch_node[c] == M && challenged[c] == AK_M) ||
                            (ch_node[c] == N && challenged[c] == AK_N && (pcr == BAD || rooted))) -> activate(c, x)
                        :: else -> skip
                        fi
                }
        :: steps < STEPS ->
                /* N's NV, with any approval there ever was */
                atomic {
                        steps++;
                        if
                        :: boot > 0 && pcr != CAPPED && pcr != OFF && pcr != BAD && approval[pcr + 4 * (boot - 1)] ->
                                assert(let_in[boot])
                        :: else -> skip
                        fi
                }
spent:          skip
        :: steps < STEPS && accepted == OLD -> atomic { steps++; accepted = GOOD } /* the admin rolls an update */
        :: break
        od
}

init
{
        atomic { run Node(); run Attacker() }
}
