/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs that signatures are made in a process of their own, for
 * tests/bench/part-signer: JSON on standard output, operations per second of
 * wall time, in the same process and through the signer with its log on
 * /dev/null: rounds.h. */
#include "../unit/fixture_ak.h"
#include "rounds.h"
#include "signer_impl.h"

#include <fcntl.h>

#define MUST(x) \
        do { \
                if (!(x)) { \
                        (void)fprintf(stderr, "signer_bench: line %d: %s\n", __LINE__, #x); \
                        exit(1); \
                } \
        } while (0)

static struct signing here;
static struct signer *there;
static char dir[] = "/tmp/muster-signer-bench.XXXXXX";
static const char *const files[] = { "ca.key", "policy.key", "ssh_ca", "store.key", "ca.pem" };
static const uint8_t pcrs[POLICY_PCRS][DIGEST_LEN];
static const uint8_t node[DIGEST_LEN];
static const uint8_t header[64];
static const struct image_ref image = { "base", header, header };
static uint8_t wrapped[WRAPPED_LEN];
static struct ak_quote quoted;
static uint8_t token[SIGNER_TOKEN];
static struct buf node_key;

static void put(const char *name, const struct buf *b)
{
        char path[128];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        MUST(fd >= 0 && write(fd, b->p, b->len) == (ssize_t)b->len && close(fd) == 0);
}

static void make_key(const char *name, enum pki_type type, EVP_PKEY **ret)
{
        _cleanup_(buf_wipe) struct buf pem = { 0 };

        MUST(pki_key_new(type, ret) == 0 && pki_key_to_pem(*ret, &pem) == 0);
        put(name, &pem);
}

static void setup(void)
{
        EVP_PKEY *keys[4] = { NULL };
        struct buf store = { (uint8_t *)(uintptr_t)header, STORE_KEY_LEN };
        struct buf pem = { 0 };
        struct fail f = { 0 };
        struct conf conf;
        struct signer_public public = { 0 };
        X509 *cert = NULL;

        MUST(mkdtemp(dir));
        make_key("ca.key", PKI_P256, &keys[0]);
        make_key("policy.key", PKI_P256, &keys[1]);
        make_key("ssh_ca", PKI_ED25519, &keys[2]);
        put("store.key", &store);
        MUST(pki_ca_new(keys[0], "bench", time(NULL), &cert) == 0 && pki_cert_to_pem(cert, &pem) == 0);
        put("ca.pem", &pem);
        MUST(pki_key_new(PKI_P256, &keys[3]) == 0 && pki_public_to_der(keys[3], &node_key) == 0);
        conf_defaults(&conf);
        (void)snprintf(conf.pki_dir, sizeof(conf.pki_dir), "%s", dir);
        (void)snprintf(conf.user, sizeof(conf.user), "nobody");
        (void)snprintf(conf.group, sizeof(conf.group), "nogroup");
        MUST(signer_start(&conf, &there, &public, &f) == 0);
        MUST(signer_keys_load(dir, &here.keys, &f) == 0);
        here.life_max = conf.cert_days * 86400u;
        MUST(signer_wrap(there, &image, header, wrapped) == 0);
        ak_quotes(&(struct ak_wish){ .key = keys[3], .pcrs = pcrs }, &quoted);
        MUST(signer_token(here.keys.token_key, node, quoted.name, token) == 0);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                EVP_PKEY_free(keys[i]);
        EVP_PKEY_free(public.policy[0]);
        X509_free(cert);
        buf_wipe(&pem);
}

static void local(union signer_request *q, size_t n)
{
        union signer_answer a;
        size_t len;

        MUST(signer_answer(&here, time(NULL), q, n, &a, &len) == 0 && a.done.error == 0);
}

static void release_here(void)
{
        union signer_request q = { .release = { .head.op = SIGNER_RELEASE, .name = "base", .ak_len = (uint32_t)quoted.area_len,
                                                .quote_len = (uint32_t)quoted.quote_len,
                                                .signature_len = (uint32_t)quoted.signature_len } };

        memcpy(q.release.wrapped, wrapped, sizeof(wrapped));
        memcpy(q.release.token, token, sizeof(token));
        memcpy(q.release.ak, quoted.area, sizeof(quoted.area));
        memcpy(q.release.quote, quoted.quote, sizeof(quoted.quote));
        memcpy(q.release.signature, quoted.signature, sizeof(quoted.signature));
        local(&q, sizeof(q.release));
}

static void release_there(void)
{
        const struct buf area = { quoted.area, quoted.area_len };
        const struct buf quote = { quoted.quote, quoted.quote_len };
        const struct buf signature = { quoted.signature, quoted.signature_len };
        const struct signer_wish wish = { .node = node, .token = token, .ak_public = &area, .quote = &quote,
                                          .signature = &signature, .pcrs = pcrs, .image = image, .wrapped = wrapped };
        struct signer_let_in in;

        MUST(signer_release(there, &wish, &in) == 0);
}

static void tls_here(void)
{
        union signer_request q = { .tls = { .head.op = SIGNER_TLS, .life = 3600, .name = "r1n001" } };

        memcpy(q.tls.point, node_key.p + node_key.len - PKI_POINT_LEN, PKI_POINT_LEN);
        local(&q, sizeof(q.tls));
}

static void tls_there(void)
{
        struct signer_issued i = { 0 };

        MUST(signer_tls(there, node, "r1n001", "", &node_key, 3600, &i) == 0);
        buf_wipe(&i.cert);
}

/* in this process, then through the signer */
static struct figure figures[] = {
        { "release", release_here },     { "release", release_there },
        { "tls_certificate", tls_here }, { "tls_certificate", tls_there },
};

int main(void)
{
        char path[128];

        MUST(freopen("/dev/null", "w", stderr));
        log_init("bench", LOG_LVL_INFO);
        setup();
        rounds_measure(figures, ELEMENTSOF(figures), CLOCK_MONOTONIC);
        (void)printf("{\"rounds\":%d", ROUNDS);
        for (size_t i = 0; i < ELEMENTSOF(figures); i += 2) {
                double process = rounds_median(&figures[i]);
                double signer = rounds_median(&figures[i + 1]);

                (void)printf(",\"%s\":{\"same_process\":%.0f,\"signer\":%.0f,\"ratio\":%.3f,\"added_us\":%.1f}", figures[i].name,
                             process, signer, rounds_ratio(&figures[i + 1], &figures[i]), 1e6 / signer - 1e6 / process);
        }
        (void)printf("}\n");
        signer_stop(there);
        signer_keys_wipe(&here.keys);
        buf_wipe(&node_key);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
                (void)unlink(path);
        }
        return rmdir(dir) == 0 ? 0 : 1;
}
