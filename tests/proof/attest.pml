/* SPDX-License-Identifier: Apache-2.0 */
/* attest.pml - attest, activate, release of PROTOCOL.md against an attacker.
 *
 * The attacker owns the network, any number of connections of their own, an
 * enrolled node M (with a genuine TPM, booted as they like), a TPM T that is
 * not enrolled, a software key S, every quote that node N ever sent, every
 * approval ever given, what N boots (a good image, a retired one, or their
 * own), how N's TPM starts (TPM Reset, or TPM Restart after
 * TPM2_Shutdown(STATE)), and root on N once it runs. They do not own N's TPM,
 * the parent, or a certificate of the cluster CA: TLS is a channel whose
 * exporter is its number, with N's honest client or the attacker at the far
 * end. More of them in runs of their own:
 *  -DCLEAR  N's TPM is cleared once: a new AK, counters that start over;
 *  -DCOPY   N's TPM was copied: copy and original boot in turns;
 *  -DTAKEN  the parent's network process is theirs from the start, and asks
 *           the signer for what it likes.
 *
 * Claims, as assertions:
 *  RELEASE: N's keys go only to a channel whose far end is N's own client,
 *           on which N's TPM quoted in this very channel, in a state that is
 *           accepted now (agreement on node and channel);
 *  BOOT:    and what was quoted is the boot that N is in (freshness);
 *  ONCE:    one channel is released to at most once for one quote;
 *  BACK:    what N is let in with goes up (resetCount, restartCount, clock),
 *           but for another AK than last time, which was activated;
 *  OPEN:    N's secrets open only in a boot in which N was let in; with
 *           -DTAKEN in one in which N's TPM quoted what its PCRs still say;
 *  NODE:    M's secrets open only in a state in which M was let in;
 *  CAP:     N's secrets never open after the cap;
 *  SIGNED:  (-DTAKEN) an approval is for values and counters that the TPM of
 *           its node quoted, so there is none to keep for later boots.
 * -DNO_… takes one defence away and -DONLY=… leaves one claim: `make prove`
 * shows that it then fails. -DREACHED=… asks for something that has to be
 * possible. Two limits, which it shows to be limits: counters that TPM2_Clear
 * or a copied state takes back fit the approvals of then (-DLIMIT).
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
#define AK_NEW 4 /* in N's TPM after TPM2_Clear */
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
#define STATES 5

/* resetCount and restartCount as one number: a boot restarts fewer than BOOTS times */
#define COUNTERS(reset, restart) ((reset) * BOOTS + (restart))
#define AFTER_RESET(c) (((c) / BOOTS + 1) * BOOTS)
#define AFTER_RESTART(c) ((c) + 1)
#define M_COUNTERS COUNTERS(1, 0)

/* claims and what has to be reached */
#define RELEASE 1
#define BOOT 2
#define ONCE 3
#define BACK 4
#define OPEN 5
#define NODE 6
#define CAP 7
#define SIGNED 8
#ifdef REACHED
#define claim(which, x) skip
#define reached(what) assert(REACHED != what)
#else
#ifdef ONLY
#define claim(which, x) assert(ONLY != which || (x))
#else
#define claim(which, x) assert(x)
#endif
#define reached(what) skip
#endif
#define LET_IN 1
#define LET_IN_AFTER_RESTART 2
#define LET_IN_AFTER_CLEAR 3
#define LET_IN_BOTH 4 /* the TPM and its copy */
#define OPENED 5
#define OPENED_M 6
#define SIGNED_N 7

/* ---- N's TPM ---------------------------------------------------------- */
byte pcr = OFF;
byte counters = 0;
byte clock = 0;        /* how often it quoted */
byte ak = AK_N;
byte copied = 0, copy_clock; /* the counters of its copy; 0: there is none */
byte boot = 0;         /* which boot it is, whatever the counters say */
bool rooted = false;   /* the running system is the attacker's */
bool let_in[BOOTS + 1] = false;
bool restarted = false, cleared = false, swapped = false;
byte quoted_now = OFF; /* what it quoted last in this boot */
short quotes[STATES] = 0; /* which counters it quoted this state with; public */

/* ---- connections ------------------------------------------------------ */
byte conns = 0; /* ever opened */
byte owner[CONNS] = NONE;    /* N: N's honest client; M: the attacker */
bool live[CONNS] = false;
/* the quote that N's honest client sent on it, known to the attacker too */
bool quoted[CONNS] = false;
byte q_pcr[CONNS] = OFF;
byte q_ak[CONNS] = NONE;
byte q_counters[CONNS] = 0;
byte q_clock[CONNS] = 0;
byte q_boot[CONNS] = 0;
/* the server's side */
byte challenged[CONNS] = NONE; /* AK */
byte ch_node[CONNS] = NONE;
byte activated[CONNS] = NONE;  /* AK */
byte ac_node[CONNS] = NONE;
byte released[CONNS] = 0;

/* ---- the parent ------------------------------------------------------- */
byte record[NODES] = NONE; /* the AK on record */
byte proved = 0;           /* a bit for each AK that was activated for N */
byte accepted = OLD;       /* OLD is retired once */
byte last_ak = NONE, last_counters, last_clock; /* of N, as it was let in last */
short approval[2 * STATES] = 0; /* for N and M, these PCRs: a bit for each counters; public */
short m_let_in = 0;        /* the states in which M was let in */

/* ---- the signer, for who has taken over the network process ------------ */
#ifdef TAKEN
byte t_node[2] = NONE, t_ak[2] = NONE; /* tickets of two challenges */
bool t_known[2] = false;               /* whose secrets they know */
short token[2] = 0;                    /* for N and M: a bit for each AK */
#endif

inline has_record(n, yes) { yes = (n == N || n == M) }

/* Whether a policy of `node`'s TPM is satisfied by some approval, with these PCRs and counters. */
#ifdef NO_NODE_REF
#define given(node, state) (approval[state] | approval[STATES + state])
#else
#define given(node, state) approval[(node) * STATES + state]
#endif
#ifdef NO_RESET_COUNT
#define opens(node, state, c) (given(node, state) != 0)
#else
#ifdef NO_RESTART_COUNT
#define opens(node, state, c) (((given(node, state) >> ((c) - (c) % BOOTS)) & ((1 << BOOTS) - 1)) != 0)
#else
#define opens(node, state, c) (((given(node, state) >> (c)) & 1) != 0)
#endif
#endif

/* what the parent has on record of N's counters does not forbid these */
#ifdef NO_COUNTERS
#define goes_up(k, c, time) true
#else
#ifdef NO_CLOCK
#define goes_up(k, c, time) (last_ak != k || c >= last_counters)
#else
#define goes_up(k, c, time) (last_ak != k || c > last_counters || (c == last_counters && time > last_clock))
#endif
#endif

/* One attest request on connection `on`: node with AK key; a quote by `signer`
 * over exporter `over`, PCR state, counters, clock. It verifies only if signer == key. */
inline attest(on, node, key, signer, over, state, counts, time)
{
        bool known;
        has_record(node, known);
        if
        :: !known || signer != key -> skip
#ifndef NO_EXPORTER
        :: known && signer == key && over != on -> skip
        :: known && signer == key && over == on ->
#else
        :: known && signer == key ->
#endif
                if
#ifndef NO_ACTIVATION
                :: record[node] != key && !(activated[on] == key && ac_node[on] == node) ->
                        challenged[on] = key;
                        ch_node[on] = node;
#endif
#ifdef NO_ACTIVATION
                :: true ->
#else
                :: record[node] == key || (activated[on] == key && ac_node[on] == node) ->
#endif
                        record[node] = key;
                        if
#ifdef NO_PCR_CHECK
                        :: true ->
#else
                        :: state != accepted -> skip
                        :: node == N && !goes_up(key, counts, time) -> skip
                        :: state == accepted && (node != N || goes_up(key, counts, time)) ->
#endif
                                released[on]++;
                                if
                                :: node == N ->
                                        reached(LET_IN);
                                        if :: restarted -> reached(LET_IN_AFTER_RESTART) :: else fi;
                                        if :: cleared && last_ak == AK_N -> reached(LET_IN_AFTER_CLEAR) :: else fi;
                                        if :: swapped && last_ak == AK_N -> reached(LET_IN_BOTH) :: else fi;
                                        claim(RELEASE, owner[on] == N);
                                        claim(RELEASE, quoted[on] && q_pcr[on] == accepted);
                                        claim(BOOT, over < CONNS && q_boot[over] == boot && counts == counters);
                                        claim(ONCE, released[on] == 1);
                                        claim(BACK, last_ak == NONE || counts > last_counters || (counts == last_counters && time > last_clock) ||
                                              (key != last_ak && ((proved >> key) & 1)));
                                        last_ak = key;
                                        last_counters = counts;
                                        last_clock = time;
                                        let_in[q_boot[on]] = true
                                :: else -> m_let_in = m_let_in | (1 << state)
                                fi;
                                approval[node * STATES + state] = approval[node * STATES + state] | (1 << (counts))
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
                if :: ac_node[to] == N -> proved = proved | (1 << activated[to]) :: else fi;
                challenged[from] = NONE
        :: else -> skip
        fi
}

/* N's TPM quotes what it is in now. */
inline quote()
{
        quoted_now = pcr;
#ifdef TAKEN
        quotes[pcr] = quotes[pcr] | (1 << counters)
#endif
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
                        quoted_now = OFF;
                        /* connections of the boot before are gone */
                        i = 0;
                        do
                        :: i < CONNS ->
                                if
                                :: owner[i] == N -> live[i] = false
                                :: else -> skip
                                fi;
                                i++
                        :: i == CONNS -> break
                        od;
#ifdef COPY
                        if
                        :: copied == 0 && boot > 1 -> copied = counters; copy_clock = clock
                        :: copied != 0 -> /* now the other machine boots; n is free */
                                n = copied;
                                copied = counters;
                                counters = n;
                                n = copy_clock;
                                copy_clock = clock;
                                clock = n;
                                swapped = true
                        :: true -> skip
                        fi;
#endif
#ifdef CLEAR
                        if
                        :: !cleared && boot > 1 -> cleared = true; ak = AK_NEW; counters = 0; clock = 0
                        :: true -> skip
                        fi;
#endif
                        if
                        :: counters = AFTER_RESET(counters); restarted = false
                        :: boot > 1 -> counters = AFTER_RESTART(counters); restarted = true
                        fi;
                        if
                        :: pcr = GOOD
                        :: pcr = OLD
                        :: pcr = BAD
                        fi
                }
        :: else -> goto done
        fi;
        if
        :: pcr == BAD -> goto again /* the attacker's machine from here on */
        :: else -> skip
        fi;
#ifdef TAKEN
        if
        :: atomic {
                quote();
                /* whatever they answer: it is their word that starts an image, after the cap */
                if
                :: skip
                :: true ->
#ifndef NO_CAP
                        pcr = CAPPED;
#endif
                        rooted = true
                fi
           }
        :: skip
        fi;
#else
        if
        :: atomic { conns < CONNS ->
                        c = conns;
                        conns++;
                        owner[c] = N;
                        live[c] = true;
                        clock++;
                        quote();
                        quoted[c] = true;
                        q_pcr[c] = pcr;
                        q_ak[c] = ak;
                        q_counters[c] = counters;
                        q_clock[c] = clock;
                        q_boot[c] = boot
                }
                atomic { n = N; attest(c, n, q_ak[c], q_ak[c], c, q_pcr[c], q_counters[c], q_clock[c]) };
                if
                :: challenged[c] == ak && ch_node[c] == N ->
                        atomic { activate(c, c) };
                        atomic { n = N; attest(c, n, q_ak[c], q_ak[c], c, q_pcr[c], q_counters[c], q_clock[c]) }
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
#endif
        goto again;
done:
        skip
}

/* ---- the attacker ------------------------------------------------------ */
#define any_connection(c) c = 0; do :: c < CONNS - 1 -> c++ :: break od
#define has_n (pcr == BAD || rooted) /* N's TPM, from a machine of theirs */

proctype Attacker()
{
        byte c, x, n, k, s, p, b, d, steps;

        do
#ifndef TAKEN
        :: atomic { steps < STEPS && conns < CONNS -> steps++; owner[conns] = M; live[conns] = true; conns++ }
        :: steps < STEPS ->
                /* says anything on a connection of their own */
                atomic {
                        steps++;
                        any_connection(c);
                        if
#ifdef NO_TLS
                        :: live[c] -> skip
#else
                        :: live[c] && owner[c] == M -> skip
#endif
                        :: else -> goto spent
                        fi;
                        any_connection(x);
                        if :: n = N :: n = M :: n = T fi;
                        if
                        :: quoted[x] -> s = q_ak[x]; p = q_pcr[x]; b = q_counters[x]; d = q_clock[x] /* what N sent once */
                        :: has_n -> s = ak; p = pcr; b = counters; d = clock + 1
                        :: s = AK_M; b = M_COUNTERS; if :: p = GOOD :: p = OLD fi
                        :: s = AK_T; b = M_COUNTERS; p = GOOD
                        :: s = AK_S; b = M_COUNTERS; if :: p = GOOD :: p = OLD fi
                        fi;
                        k = s;
                        attest(c, n, k, s, x, p, b, d);
                        k = 0; s = 0; p = 0; b = 0; d = 0
                }
        :: steps < STEPS ->
                /* a challenge, carried to whatever TPM they reach */
                atomic {
                        steps++;
                        any_connection(c);
                        any_connection(x);
                        if
                        :: live[c] && owner[c] == M && challenged[c] != NONE && live[x] && owner[x] == M &&
                           ((ch_node[c] == M && challenged[c] == AK_M) ||
                            (ch_node[c] == N && challenged[c] == ak && has_n)) -> activate(c, x)
                        :: else -> skip
                        fi
                }
        :: steps < STEPS ->
                /* M's secrets, with any approval there ever was */
                atomic {
                        steps++;
                        if :: p = GOOD :: p = OLD fi;
                        if
                        :: opens(M, p, M_COUNTERS) ->
                                reached(OPENED_M);
                                claim(NODE, (m_let_in >> p) & 1)
                        :: else -> skip
                        fi;
                        p = 0
                }
        :: steps < STEPS && accepted == OLD -> atomic { steps++; accepted = GOOD } /* the admin rolls an update */
#else
        :: steps < STEPS ->
                /* a challenge for N or M, an EK and an AK: the secret becomes known where a TPM opens it */
                atomic {
                        steps++;
                        if :: x = 0 :: x = 1 fi;
                        if :: n = N :: n = M fi;
                        if :: k = AK_N :: k = AK_M :: k = AK_S fi;
                        if
                        :: b = N
                        :: b = M
#ifdef NO_EK_ID
                        :: b = T /* an EK of their own, which opens for any AK */
#endif
                        fi;
                        if
#ifndef NO_EK_ID
                        :: b != n -> skip /* the EK is not the node's */
                        :: b == n ->
#else
                        :: true ->
#endif
                                t_node[x] = n;
                                t_ak[x] = k;
                                t_known[x] = (b == N && k == AK_N) || (b == M && k == AK_M) || b == T
                        fi;
                        x = 0; n = 0; k = 0; b = 0
                }
        :: steps < STEPS ->
                /* a secret that they know comes with a ticket */
                atomic {
                        steps++;
                        if :: x = 0 :: x = 1 fi;
                        if :: c = 0 :: c = 1 fi;
                        if
#ifdef NO_SECRET
                        :: t_node[x] != NONE && t_known[c] ->
#else
                        :: t_node[x] != NONE && t_known[c] && c == x ->
#endif
                                token[t_node[x]] = token[t_node[x]] | (1 << t_ak[x])
                        :: else -> skip
                        fi;
                        x = 0; c = 0
                }
        :: steps < STEPS && has_n -> atomic { steps++; quote() }
        :: steps < STEPS ->
                /* a release for N or M, with whatever quote they have */
                atomic {
                        steps++;
                        if :: n = N :: n = M fi;
                        if :: p = GOOD :: p = BAD :: p = CAPPED fi;
                        b = BOOTS;
                        do :: b < COUNTERS(BOOTS, 0) -> b++ :: break od;
                        if
                        :: s = AK_N
                        :: s = AK_M /* M quotes what they like */
                        :: s = AK_S
                        fi;
                        k = s;
#ifndef SIGNER_BLIND
                        if
                        :: s == AK_N && !((quotes[p] >> b) & 1) -> goto refused
                        :: else -> skip
                        fi;
#endif
#ifndef NO_TOKEN
                        if
                        :: !((token[n] >> k) & 1) -> goto refused
                        :: else -> skip
                        fi;
#endif
#ifndef NO_CAP_CHECK
                        if
                        :: p == CAPPED -> goto refused
                        :: else -> skip
                        fi;
#endif
                        if
                        :: n == N ->
                                reached(SIGNED_N);
                                claim(SIGNED, (quotes[p] >> b) & 1)
                        :: else -> skip
                        fi;
                        approval[n * STATES + p] = approval[n * STATES + p] | (1 << b);
refused:                n = 0; p = 0; b = 0; s = 0; k = 0
                }
#endif
        :: steps < STEPS ->
                /* N's secrets, with any approval there ever was */
                atomic {
                        steps++;
                        if
                        :: boot > 0 && pcr != OFF && opens(N, pcr, counters) ->
                                reached(OPENED);
                                claim(CAP, pcr != CAPPED);
#ifdef TAKEN
                                claim(OPEN, quoted_now == pcr)
#else
#ifdef LIMIT
                                claim(OPEN, let_in[boot])
#else
                                claim(OPEN, let_in[boot] || cleared || swapped)
#endif
#endif
                        :: else -> skip
                        fi
                }
spent:          skip
        :: break
        od
}

init
{
        atomic { record[M] = AK_M; run Node(); run Attacker() }
}
