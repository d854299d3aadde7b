/* SPDX-License-Identifier: Apache-2.0 */
/* growth_fill DB N [EVIDENCE]: adds N nodes to a store, for part-growth, as
 * they are after a boot or two: MACs, EK public area and certificate, sealed
 * bundle, certificates, EVIDENCE bytes (2000) of evidence, two events each.
 * The bytes are filler of the usual sizes. Ids come in order, evenly spread,
 * so that filling is quick and those of other nodes lie between. */
#include "ek_kept.h"
#include "journal.h"

#include <inttypes.h>
#include <openssl/rand.h>

#define LOT 2000 /* nodes in a transaction */
#define OLDEST 1700000000

static uint8_t noise[1 << 20];
static size_t evidence = 2000;

static struct buf some(uint64_t i, size_t len)
{
        struct buf b = { .p = malloc(len), .len = len };

        if (b.p)
                memcpy(b.p, noise + i * 7919 % (sizeof(noise) - len), len);
        return b;
}

static void make(uint64_t i, uint64_t of, struct node *n)
{
        static const size_t bundle[4] = { 118, 214, 134, 742 };
        uint64_t seed = i * 0x9e3779b97f4a7c15u;
        char facts[600];

        *n = (struct node){ .state = i % 10 ? NODE_RELEASED : NODE_ENROLLED, .chain = EK_CHAIN_OK, .first_seen = OLDEST,
                            .last_seen = OLDEST + 1000, .last_ok = OLDEST + 1000, .has_ak = true, .reset_count = 7,
                            .ssh_from = OLDEST, .tls_from = OLDEST, .ssh_to = OLDEST + 2592000, .tls_to = OLDEST + 2592000 };
        (void)snprintf(n->id, sizeof(n->id), "%08x%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%08x",
                       (uint32_t)(((double)i + 0.5) / (double)of * 4294967295.0), seed, ~seed, seed * seed, (uint32_t)i);
        (void)snprintf(n->name, sizeof(n->name), "g%07" PRIu64, i);
        (void)snprintf(n->profile, sizeof(n->profile), "Vendor Inc. Model %" PRIu64, i % 4);
        (void)snprintf(n->boot, sizeof(n->boot), "r9");
        (void)snprintf(n->image, sizeof(n->image), "i");
        (void)snprintf(n->uuid, sizeof(n->uuid), "%08x-%04x-4000-8000-0000%08x", (uint32_t)i, (unsigned)(i % 65536), (uint32_t)i);
        (void)snprintf(facts, sizeof(facts),
                       "{\"vendor\":\"Vendor Inc.\",\"product\":\"Model %" PRIu64 "\",\"serial\":\"SN%08" PRIu64 "\",\"uuid\":\"%s\","
                       "\"bios_vendor\":\"Vendor Inc.\",\"bios_version\":\"2.19.%" PRIu64 "\",\"board\":\"0X1234\",\"client\":\"0.1.0\","
                       "\"kernel\":\"6.1.0-41-amd64\",\"tpm_vendor\":\"STM\",\"tpm_firmware\":\"1.257\"}",
                       i % 4, i, n->uuid, i % 7);
        n->facts = strdup(facts);
        memcpy(n->ak_name, noise + i % 4096, sizeof(n->ak_name));
        memcpy(n->pcr_digest, noise + i % 4096, sizeof(n->pcr_digest));
        n->ek_public = some(i, 122);
        for (size_t k = 0; k < ELEMENTSOF(bundle); k++)
                n->bundle[k] = some(i + k, bundle[k]);
        n->ssh_key = some(i, 32);
        n->tls_key = some(i, 91);
        n->ssh_cert = some(i, 480);
        n->tls_cert = some(i, 560);
}

static int add(struct store *s, uint64_t i, uint64_t of)
{
        _cleanup_(node_wipe) struct node n = { 0 };
        struct buf cert = { .p = noise + i % 4096, .len = 820 };
        const struct jbufs certs = { .v = &cert, .n = 1 };
        char mac[2][18];
        const char *const macs[] = { mac[0], mac[1] };
        struct journal_entry e[] = { { .event = "enrolled", .detail = "{\"uid\":0}" },
                                     { .event = "ok", .detail = "{\"boot_id\":\"0011223344556677\",\"boot\":\"r9\",\"image\":\"i\"}" } };
        int r;

        make(i, of, &n);
        for (unsigned k = 0; k < 2; k++)
                (void)snprintf(mac[k], sizeof(mac[k]), "52:%02x:%02x:%02x:%02x:%02x", k, (unsigned)(i >> 24 & 255),
                               (unsigned)(i >> 16 & 255), (unsigned)(i >> 8 & 255), (unsigned)(i & 255));
        r = s->ops->node_put(s, &n, macs, 2);
        if (r == 0)
                r = s->ops->evidence_put(s, n.id, OLDEST, noise + i % 4096, evidence);
        if (r == 0)
                r = ek_kept_put(s, n.id, &certs);
        for (size_t k = 0; k < ELEMENTSOF(e) && r == 0; k++) {
                e[k].node = n.id;
                e[k].name = n.name;
                r = journal_append(s, OLDEST, &e[k], NULL);
        }
        return r;
}

int main(int argc, char **argv)
{
        _cleanup_(store_closep) struct store *s = NULL;
        struct fail f = { 0 };
        uint64_t of = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

        if (argc > 3)
                evidence = strtoul(argv[3], NULL, 10);
        if (of == 0 || evidence > sizeof(noise) - 4096 || RAND_bytes(noise, sizeof(noise)) != 1) {
                (void)fprintf(stderr, "usage: growth_fill DB N [EVIDENCE]\n");
                return 2;
        }
        if (store_sqlite_open(argv[1], &s, &f) < 0) {
                (void)fprintf(stderr, "growth_fill: %s\n", f.what);
                return 1;
        }
        for (uint64_t i = 0; i < of;) {
                _cleanup_(store_tx_end) struct store_tx tx = { 0 };
                int r = store_tx_begin(&tx, s);

                for (size_t k = 0; k < LOT && i < of && r == 0; k++, i++)
                        r = add(s, i, of);
                if (r < 0 || store_tx_commit(&tx) < 0) {
                        (void)fprintf(stderr, "growth_fill: node %" PRIu64 ": %s\n", i, strerror(-r));
                        return 1;
                }
        }
        return 0;
}
