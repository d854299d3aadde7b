/* SPDX-License-Identifier: Apache-2.0 */
#include "places.h"

#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/rand.h>

#define KEY 17 /* an address as IPv6 has it, and 1 if it stands for its /64 */
#define LEAST 256 /* a power of two */

struct place {
        uint8_t key[KEY];
        unsigned count; /* 0: nobody is here */
};

/* True: it has a /64 around it, ret_net. */
static bool key_of(const char *address, uint8_t ret[KEY], uint8_t ret_net[KEY])
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

        memset(ret, 0, KEY);
        memset(ret_net, 0, KEY);
        if (inet_pton(AF_INET, address, ret + 12) == 1) {
                memcpy(ret, mapped, sizeof(mapped));
                return false;
        }
        if (inet_pton(AF_INET6, address, ret) != 1 || memcmp(ret, mapped, sizeof(mapped)) == 0)
                return false;
        memcpy(ret_net, ret, 8);
        ret_net[16] = 1;
        return true;
}

/* Where it is, or where it would be. */
static struct place *find(const struct places *p, const uint8_t key[KEY])
{
        uint64_t w[2];
        uint64_t h;

        memcpy(w, key, 16);
        h = (w[0] ^ p->salt[0]) * 0x9e3779b97f4a7c15u;
        h = ((h ^ (h >> 29)) + (w[1] ^ p->salt[1]) + key[16]) * 0xbf58476d1ce4e5b9u;
        h = (h ^ (h >> 32)) * 0x94d049bb133111ebu;
        for (size_t i = (size_t)(h >> 32);; i++) {
                struct place *at = &p->v[i & (p->cap - 1)];

                if (at->count == 0 || memcmp(at->key, key, KEY) == 0)
                        return at;
        }
}

/* At most half of the table is in use. */
static int grow(struct places *p)
{
        struct places more = *p;

        if (p->cap > 0 && p->n + 2 <= p->cap / 2)
                return 0;
        if (p->cap == 0 && RAND_bytes((unsigned char *)more.salt, sizeof(more.salt)) != 1)
                return -EIO;
        more.cap = p->cap ? 2 * p->cap : LEAST;
        more.v = calloc(more.cap, sizeof(*more.v));
        if (!more.v)
                return -ENOMEM;
        for (size_t i = 0; i < p->cap; i++)
                if (p->v[i].count > 0)
                        *find(&more, p->v[i].key) = p->v[i];
        free(p->v);
        *p = more;
        return 0;
}

static void one_more(struct places *p, const uint8_t key[KEY])
{
        struct place *at = find(p, key);

        if (at->count++ > 0)
                return;
        memcpy(at->key, key, KEY);
        p->n++;
}

int places_add(struct places *p, const char *address)
{
        uint8_t key[KEY];
        uint8_t net[KEY];
        int r = grow(p);

        if (r < 0)
                return r;
        if (key_of(address, key, net))
                one_more(p, net);
        one_more(p, key);
        return 0;
}

bool places_full(const struct places *p, const char *address, unsigned most)
{
        uint8_t key[KEY];
        uint8_t net[KEY];
        bool has_net = key_of(address, key, net);

        if (p->cap == 0)
                return most == 0;
        return find(p, key)->count >= most || (has_net && find(p, net)->count / PLACES_NET >= most);
}

void places_clear(struct places *p)
{
        if (p->v)
                memset(p->v, 0, p->cap * sizeof(*p->v));
        p->n = 0;
}

void places_free(struct places *p)
{
        free(p->v);
        *p = (struct places){ 0 };
}
