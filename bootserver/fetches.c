/* SPDX-License-Identifier: Apache-2.0 */
#include "fetches.h"

#include "hex.h"
#include "mem.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>

#define SLOTS FETCHES_MAX /* a power of two */
#define WAYS 8

static struct {
        pthread_mutex_t lock;
        struct slot {
                uint64_t key; /* ids are hashes: their beginning tells them apart */
                int64_t when : 63; /* 0: free */
                bool answered : 1;
                int64_t step_when;
                struct in6_addr from; /* zero: unknown */
                uint8_t step;         /* enum fetch_step */
                uint8_t alert;
        } slot[SLOTS];
        uint32_t by_address[SLOTS]; /* a slot's place and 1; 0: none. Addresses that meet share it: the newer one counts. */
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* IPv4 as it is mapped into IPv6. False: neither. */
static bool address_of(const struct sockaddr *sa, struct in6_addr *ret)
{
        memset(ret, 0, sizeof(*ret));
        if (sa && sa->sa_family == AF_INET6) {
                *ret = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
        } else if (sa && sa->sa_family == AF_INET) {
                memset(ret->s6_addr + 10, 0xff, 2);
                memcpy(ret->s6_addr + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
        } else {
                return false;
        }
        return true;
}

/* Addresses of one network differ in their last octets. */
static uint32_t *place_of(const struct in6_addr *a)
{
        uint32_t h = 2166136261U; /* FNV-1a */

        for (size_t i = 0; i < sizeof(a->s6_addr); i++)
                h = (h ^ a->s6_addr[i]) * 16777619U;
        return &table.by_address[(h ^ h >> 16) % SLOTS];
}

static uint64_t key_of(const char *id)
{
        uint8_t raw[8] = { 0 };
        uint64_t key;

        (void)hex_decode(id, strnlen(id, 16), raw, sizeof(raw), &(size_t){ 0 });
        memcpy(&key, raw, sizeof(key));
        return be64toh(key); /* their order is the ids' */
}

static struct slot *find(uint64_t key)
{
        struct slot *first = &table.slot[key % SLOTS & ~(uint64_t)(WAYS - 1)];

        for (struct slot *s = first; s < first + WAYS; s++)
                if (s->when && s->key == key)
                        return s;
        return NULL;
}

static struct slot *oldest(uint64_t key)
{
        struct slot *first = &table.slot[key % SLOTS & ~(uint64_t)(WAYS - 1)];
        struct slot *old = first;

        for (struct slot *s = first + 1; s < first + WAYS; s++)
                if (s->when < old->when)
                        old = s;
        return old;
}

void fetch_note(const char *id, const struct sockaddr *from, int64_t now)
{
        uint64_t key = key_of(id);
        struct in6_addr address;
        bool known = address_of(from, &address);
        struct slot *s;

        (void)pthread_mutex_lock(&table.lock);
        s = find(key);
        if (!s)
                s = oldest(key);
        *s = (struct slot){ .key = key, .when = now, .step_when = now, .from = address };
        if (known)
                *place_of(&address) = (uint32_t)(s - table.slot) + 1;
        (void)pthread_mutex_unlock(&table.lock);
}

void fetch_step(const struct sockaddr *from, enum fetch_step step, unsigned alert, int64_t now)
{
        struct in6_addr address;
        struct slot *s;
        uint32_t place;

        if (!address_of(from, &address))
                return;
        (void)pthread_mutex_lock(&table.lock);
        place = *place_of(&address);
        s = place ? &table.slot[place - 1] : NULL;
        if (s && s->when && memcmp(&s->from, &address, sizeof(address)) == 0 && step >= s->step) {
                s->step = (uint8_t)step;
                s->alert = (uint8_t)alert;
                s->step_when = now;
        }
        (void)pthread_mutex_unlock(&table.lock);
}

bool fetch_trace(const char *id, struct fetch_trace *ret)
{
        struct in6_addr none = { 0 };
        struct in6_addr from = { 0 };
        const struct slot *s;

        (void)pthread_mutex_lock(&table.lock);
        s = find(key_of(id));
        if (s) {
                *ret = (struct fetch_trace){ .asked = s->when, .when = s->step_when, .step = s->step, .alert = s->alert };
                from = s->from;
        }
        (void)pthread_mutex_unlock(&table.lock);
        if (s && memcmp(&from, &none, sizeof(none)) != 0) {
                bool four = IN6_IS_ADDR_V4MAPPED(&from);

                (void)inet_ntop(four ? AF_INET : AF_INET6, four ? &from.s6_addr[12] : from.s6_addr, ret->from, sizeof(ret->from));
        }
        return s;
}

const char *fetch_step_name(enum fetch_step step)
{
        static const char *const names[] = { [FETCH_SCRIPT] = "script", [FETCH_UKI_PART] = "uki-part", [FETCH_UKI] = "uki",
                                             [FETCH_CONNECTED] = "connected", [FETCH_DISTRUST] = "distrust" };

        return (size_t)step < ELEMENTSOF(names) ? names[step] : "script";
}

int64_t fetch_last(const char *id)
{
        struct slot *s;
        int64_t when;

        (void)pthread_mutex_lock(&table.lock);
        s = find(key_of(id));
        when = s ? s->when : 0;
        (void)pthread_mutex_unlock(&table.lock);
        return when;
}

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct fetch *)a)->prefix, ((const struct fetch *)b)->prefix);
}

int fetch_open(int64_t when, const char *after, struct fetch **ret, size_t *ret_n)
{
        uint64_t from = key_of(after);
        struct fetch *f;
        size_t n = 0;
        size_t i = 0;

        (void)pthread_mutex_lock(&table.lock);
        for (const struct slot *s = table.slot; s < table.slot + SLOTS; s++)
                n += s->when && s->when < when && !s->answered && (!*after || s->key > from);
        f = calloc(n ? n : 1, sizeof(*f));
        for (const struct slot *s = table.slot; s < table.slot + SLOTS && f; s++)
                if (s->when && s->when < when && !s->answered && (!*after || s->key > from)) {
                        (void)snprintf(f[i].prefix, sizeof(f[i].prefix), "%016" PRIx64, s->key);
                        f[i++].when = s->when;
                }
        (void)pthread_mutex_unlock(&table.lock);
        if (!f)
                return -ENOMEM;
        qsort(f, n, sizeof(*f), compare);
        *ret = f;
        *ret_n = n;
        return 0;
}

void fetch_answered(const struct fetch *f)
{
        struct slot *s;

        (void)pthread_mutex_lock(&table.lock);
        s = find(key_of(f->prefix));
        if (s && s->when == f->when)
                s->answered = true;
        (void)pthread_mutex_unlock(&table.lock);
}
