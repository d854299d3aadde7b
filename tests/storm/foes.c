/* SPDX-License-Identifier: Apache-2.0 */
#include "storm.h"

#include <openssl/rand.h>
#include <sys/socket.h>

#define AGAIN_US 2000000 /* after it was cut off */
#define PATIENT_US 600000000
#define DRIP_US 300000

static struct buf seen; /* the last request of an honest node */

const char *foe_name(enum foe f)
{
        static const char *const names[FOES] = {"", "idle", "garbage", "half a handshake", "a body that drips", "a forged quote",
                                                "a replayed request", "a challenge unanswered"};

        return names[f];
}

void foes_init(unsigned nodes, unsigned foes)
{
        for (unsigned i = 0; i < foes; i++) {
                struct node *n = &fleet[nodes + i];
                unsigned victim = i % nodes;

                *n = fleet[victim];
                n->foe = (enum foe)(F_IDLE + i % (FOES - F_IDLE));
                /* of another model it would be refused for that */
                if (n->foe == F_FORGE || n->foe == F_CHALLENGE)
                        tpm_swap(n, &fleet[(victim + CLASSES) % nodes], n->foe == F_CHALLENGE);
        }
}

void foe_saw(const struct buf *request)
{
        if (opt.foes == 0 || seen.p)
                return;
        seen.p = malloc(request->len);
        if (!seen.p)
                abort();
        memcpy(seen.p, request->p, request->len);
        seen.len = request->len;
}

bool foe_connected(struct node *n)
{
        uint8_t noise[200];

        if (n->foe != F_IDLE && n->foe != F_GARBAGE)
                return false;
        (void)RAND_bytes(noise, sizeof(noise));
        if (n->foe == F_GARBAGE && send(n->fd, noise, sizeof(noise), MSG_NOSIGNAL) < 0)
                foe_lost(n);
        n->due = now_us() + PATIENT_US;
        return true;
}

static struct buf copy(const struct buf *b)
{
        struct buf c = {malloc(b->len), b->len};

        if (!c.p)
                abort();
        memcpy(c.p, b->p, b->len);
        return c;
}

void foe_asks(struct node *n)
{
        uint8_t exporter[DIGEST_LEN];

        if (!link_exporter(n, exporter) || (n->foe == F_REPLAY && !seen.p))
                foe_lost(n);
        else if (n->foe == F_REPLAY)
                link_post(n, "/v2/attest", copy(&seen));
        else
                link_post(n, "/v2/attest", tpm_request(n, exporter));
}

/* Sixteen bytes of its body at a time. */
void foe_drips(struct node *n)
{
        size_t k = n->out.len - n->sent < 16 ? n->out.len - n->sent : 16;

        if (k > 0 && SSL_write(n->ssl, n->out.p + n->sent, (int)k) > 0)
                n->sent += k;
        n->due = now_us() + DRIP_US;
}

void foe_verdict(struct node *n, const struct verdict *v)
{
        tally.foe_answers++;
        if (v->kind == VERDICT_OK)
                tally.foe_released++;
        foe_lost(n);
}

void foe_lost(struct node *n)
{
        link_close(n);
        n->stage = S_LATER;
        n->due = now_us() + AGAIN_US;
}
