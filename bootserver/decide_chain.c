/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence_impl.h"

/* Judged by digest alone: the event's type is not authenticated. */
const uint8_t separator_digests[2][DIGEST_LEN] = {
        /* of 00000000 */
        {0xdf, 0x3f, 0x61, 0x98, 0x04, 0xa9, 0x2f, 0xdb, 0x40, 0x57, 0x19, 0x2d, 0xc4, 0x3d, 0xd7, 0x48,
         0xea, 0x77, 0x8a, 0xdc, 0x52, 0xbc, 0x49, 0x8c, 0xe8, 0x05, 0x24, 0xc0, 0x14, 0xb8, 0x11, 0x19},
        /* of ffffffff */
        {0xad, 0x95, 0x13, 0x1b, 0xc0, 0xb7, 0x99, 0xc0, 0xb1, 0xaf, 0x47, 0x7f, 0xb1, 0x4f, 0xcf, 0x26,
         0xa6, 0xa9, 0xf7, 0x60, 0x79, 0xe4, 0x8b, 0xf0, 0x90, 0xac, 0xb7, 0xe8, 0x36, 0x7b, 0xfd, 0x0e},
};

/* Words of the firmware about what it is doing; they stand for no code. */
const uint8_t action_digests[2][DIGEST_LEN] = {
        /* of "Calling EFI Application from Boot Option" */
        {0x3d, 0x67, 0x72, 0xb4, 0xf8, 0x4e, 0xd4, 0x75, 0x95, 0xd7, 0x2a, 0x2c, 0x4c, 0x5f, 0xfd, 0x15,
         0xf5, 0xbb, 0x72, 0xc7, 0x50, 0x7f, 0xe2, 0x6f, 0x2a, 0xae, 0xe2, 0xc6, 0x9d, 0x56, 0x33, 0xba},
        /* of "Returning from EFI Application from Boot Option" */
        {0x70, 0x44, 0xf0, 0x63, 0x03, 0xe5, 0x4f, 0xa9, 0x6c, 0x3f, 0xcd, 0x1a, 0x0f, 0x11, 0x04, 0x7c,
         0x03, 0xd2, 0x09, 0x07, 0x44, 0x70, 0xb1, 0xfd, 0x60, 0x46, 0x0c, 0x9f, 0x00, 0x7e, 0x28, 0xa6},
};

static bool one_of(const uint8_t set[2][DIGEST_LEN], const uint8_t digest[DIGEST_LEN])
{
        return same_bytes(set[0], DIGEST_LEN, digest, DIGEST_LEN) || same_bytes(set[1], DIGEST_LEN, digest, DIGEST_LEN);
}

bool separator_digest(const uint8_t digest[DIGEST_LEN])
{
        return one_of(separator_digests, digest);
}

static enum chain_token token_of(const uint8_t digest[DIGEST_LEN], const struct boot_ref *const *boots, size_t n_boots,
                                 const struct ipxe_set *ipxe)
{
        if (ipxe && ipxe_set_find(ipxe, digest))
                return CHAIN_IPXE;
        for (size_t i = 0; i < n_boots; i++) {
                if (!boots[i]->complete)
                        continue;
                if (same_bytes(boots[i]->uki, DIGEST_LEN, digest, DIGEST_LEN))
                        return CHAIN_UKI;
                if (same_bytes(boots[i]->kernel, DIGEST_LEN, digest, DIGEST_LEN))
                        return CHAIN_KERNEL;
        }
        return CHAIN_DIGEST;
}

int chain_build(const struct evidence *ev, const struct boot_ref *const *boots, size_t n_boots,
                const struct ipxe_set *ipxe, struct chain *ret)
{
        bool after = false;

        ret->n = 0;
        for (size_t i = 0; i < ev->log.n_events; i++) {
                const struct evlog_event *e = &ev->log.events[i];
                const uint8_t *digest = evidence_digest(ev, e);
                struct chain_event *c = &ret->v[ret->n];

                if (e->pcr != 4 || !digest || (after && one_of(action_digests, digest)))
                        continue;
                if (ret->n == CHAIN_MAX)
                        return -E2BIG;
                *c = (struct chain_event){CHAIN_DIGEST, i, digest};
                if (after) {
                        c->token = token_of(digest, boots, n_boots, ipxe);
                } else if (separator_digest(digest)) {
                        c->token = CHAIN_SEPARATOR;
                        ret->separator = ret->n;
                        after = true;
                }
                ret->n++;
        }
        if (!after)
                ret->separator = ret->n;
        return 0;
}

int chain_steps(const struct chain *c, struct chain_step ret[PROFILE_SEQ_MAX], size_t *ret_n)
{
        size_t n = 0;

        for (size_t i = 0; i < c->n; i++) {
                enum chain_token t = c->v[i].token;

                if (n > 0 && ret[n - 1].token == t && (t == CHAIN_IPXE || t == CHAIN_UKI))
                        continue;
                if (n == PROFILE_SEQ_MAX)
                        return -E2BIG;
                ret[n] = (struct chain_step){.token = t};
                if (t == CHAIN_DIGEST)
                        memcpy(ret[n].digest, c->v[i].digest, DIGEST_LEN);
                n++;
        }
        *ret_n = n;
        return 0;
}
