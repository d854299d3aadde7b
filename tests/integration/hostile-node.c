/* SPDX-License-Identifier: Apache-2.0 */
/* hostile-node.c - a node whose TPM is software it controls, to tell musterd
 * lies that no real TPM tells.
 *
 *   hostile-node files DIR      writes DIR/r9.efi and DIR/snponly.efi
 *   hostile-node talk CA PORT   does what standard input says, a line each,
 *                               and prints one line for each answer
 *
 *   dial N             a new connection N (0-3)
 *   attest N [LIE]     lies: pcrs signature log capped reset binding
 *   activate N [LIE]   answers the last challenge; lies: wrong, empty
 *   send N PATH        no body's worth: {} to PATH
 *   burst N MOST LIE   attests until another answer comes; prints how many did
 *   hang N             an attest without waiting for its answer, then closes
 *   leave N            the same with an activation
 *   ak                 another AK
 *   ek                 another EK, and AK
 */
#include "../unit/fixture_evidence.c"

#include "http.h"
#include "pki.h"
#include "tls.h"
#include "tpmcrypt.h"
#include "wire_verdict.h"

#include <openssl/hmac.h>

#define LINKS 4

static struct fixture f;
static X509 *ca;
static unsigned port;
static struct link {
        struct http *http;
        uint8_t exporter[DIGEST_LEN];
} links[LINKS];
static struct verdict challenge;

static void save(const char *dir, const char *name, const struct buf *b)
{
        char path[512];
        FILE *out;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        out = fopen(path, "w");
        FX(out && fwrite(b->p, 1, b->len, out) == b->len && fclose(out) == 0);
}

/* ---- TPM2_ActivateCredential, by an ECC EK ------------------------------- */

static void kdfa128(const uint8_t seed[32], const uint8_t *name, size_t n, uint8_t ret[32])
{
        uint8_t b[64];
        struct wbuf w = wb_of(b, sizeof(b));

        wb_u32be(&w, 1);
        wb_put(&w, "STORAGE", 8);
        wb_put(&w, name, n);
        wb_u32be(&w, 128);
        FX(w.err == 0 && HMAC(EVP_sha256(), seed, 32, b, w.len, ret, NULL));
}

static void seed_of(const struct buf *wire, uint8_t ret[32])
{
        uint8_t b[128];
        uint8_t z[32];
        uint8_t x[32];
        uint8_t y[32];
        uint8_t point[65] = {4};
        struct wbuf w = wb_of(b, sizeof(b));
        EVP_PKEY *peer = EVP_PKEY_new();
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(f.ek, NULL);
        size_t n = sizeof(z);

        FX(wire->len == 70);
        memcpy(point + 1, wire->p + 4, 32);
        memcpy(point + 33, wire->p + 38, 32);
        FX(EVP_PKEY_copy_parameters(peer, f.ek) == 1 && EVP_PKEY_set1_encoded_public_key(peer, point, 65) == 1);
        FX(EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1);
        FX(EVP_PKEY_derive(ctx, z, &n) == 1 && pki_p256_xy(f.ek, x, y) == 0);
        wb_u32be(&w, 1);
        wb_put(&w, z, 32);
        wb_put(&w, "IDENTITY", 9);
        wb_put(&w, point + 1, 32);
        wb_put(&w, x, 32);
        fx_hash(b, w.len, ret);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(peer);
}

static void activate_credential(uint8_t ret[32])
{
        static const uint8_t iv[16];
        EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        uint8_t seed[32];
        uint8_t key[32];
        uint8_t plain[34];
        int n = 0;

        FX(challenge.credential_blob.len == 2 + 2 + 32 + 34);
        seed_of(&challenge.secret, seed);
        kdfa128(seed, evidence_ak_name(f.evidence), POLICY_NAME_LEN, key);
        FX(EVP_DecryptInit_ex(c, EVP_aes_128_cfb128(), NULL, key, iv) == 1);
        FX(EVP_DecryptUpdate(c, plain, &n, challenge.credential_blob.p + 36, 34) == 1 && n == 34);
        EVP_CIPHER_CTX_free(c);
        memcpy(ret, plain + 2, 32);
}

/* ---- talking ------------------------------------------------------------- */

static void dial(struct link *l)
{
        struct tls_trust trust = {ca, time(NULL)};
        struct stream *tcp = NULL;
        struct stream *tls = NULL;
        char why[TLS_WHY];

        http_free(l->http);
        l->http = NULL;
        FX(stream_open_tcp("127.0.0.1", (uint16_t)port, 5000, &tcp) == 0);
        FX(tls_connect(tcp, "127.0.0.1", &trust, &tls, why) == 0);
        FX(tls_exporter(tls, l->exporter) == 0 && http_new(tls, "127.0.0.1", &l->http) == 0);
}

/* What came back, as one word or two. */
static void post(struct link *l, const char *path, const struct buf *body, char ret[32])
{
        struct verdict v = {0};
        struct http_reply reply;
        struct buf answer = {0};
        char err[JTAB_ERR];

        (void)snprintf(ret, 32, "closed");
        if (!l->http || http_call(l->http, "POST", path, NULL, body->p, body->len, 1 << 20, &reply, &answer) < 0) {
                http_free(l->http);
                l->http = NULL;
                return;
        }
        (void)snprintf(ret, 32, "HTTP %u", reply.status);
        if (wire_verdict_parse(answer.p, answer.len, &v, err) == 0) {
                static const char *const names[] = {[VERDICT_OK] = "ok", [VERDICT_CHALLENGE] = "challenge",
                                                    [VERDICT_PENDING] = "pending"};

                (void)snprintf(ret, 32, "%s", v.code[0] ? v.code : names[v.kind]);
                if (v.kind == VERDICT_CHALLENGE) {
                        verdict_wipe(&challenge);
                        challenge = v;
                } else {
                        verdict_wipe(&v);
                }
        }
        buf_wipe(&answer);
}

static void build(const struct link *l, const char *lie)
{
        bool capped = strcmp(lie, "capped") == 0;
        uint32_t reset = f.reset_count;

        f.knobs = (struct fx_knobs){.lie_about_pcrs = strcmp(lie, "pcrs") == 0,
                                    .other_key = strcmp(lie, "signature") == 0,
                                    .drop_event = strcmp(lie, "log") == 0 ? 3 : 0};
        memcpy(f.exporter, l->exporter, DIGEST_LEN);
        f.exporter[0] ^= strcmp(lie, "binding") == 0;
        f.reset_count = strcmp(lie, "reset") == 0 ? 1 : reset;
        if (capped)
                fixture_event(&f, 15, EV_IPL, NULL, "manifest", 8);
        fixture_build(&f);
        if (capped)
                fixture_remove(&f, &f.ev[f.n - 1]);
        f.reset_count = reset;
}

static void burst(struct link *l, int most, const char *lie)
{
        char answer[32] = "";
        char first[32] = "";
        int n = 0;

        for (; n < most && strcmp(first, answer) == 0; n++) {
                build(l, lie);
                post(l, "/v1/attest", &f.body, answer);
                if (n == 0)
                        memcpy(first, answer, sizeof(first));
        }
        (void)printf("%s %d, then %s\n", first, n - 1, answer);
}

static void send_and_leave(struct link *l, const char *path, const struct buf *body)
{
        FX(http_send(l->http, "POST", path, "application/json", body->p, body->len, 0) == 0);
        (void)usleep(500000);
        http_free(l->http);
        l->http = NULL;
}

static void activate(struct link *l, const char *lie)
{
        struct buf body = {0};
        char answer[32];
        uint8_t secret[32] = {0};

        if (challenge.credential_blob.len > 0)
                activate_credential(secret);
        secret[31] ^= strcmp(lie, "wrong") == 0;
        FX(wire_activate_build(secret, strcmp(lie, "empty") == 0 ? 0 : 32, &body) == 0);
        if (strcmp(lie, "leave") == 0) {
                send_and_leave(l, "/v1/activate", &body);
                buf_wipe(&body);
                return;
        }
        post(l, "/v1/activate", &body, answer);
        (void)printf("%s\n", answer);
        buf_wipe(&body);
}

static void obey(const char *verb, unsigned n, const char *more)
{
        struct buf empty = {(uint8_t *)(uintptr_t) "{}", 2};
        struct link *l = &links[n % LINKS];
        char answer[32];

        if (strcmp(verb, "dial") == 0) {
                dial(l);
        } else if (strcmp(verb, "attest") == 0) {
                build(l, more);
                post(l, "/v1/attest", &f.body, answer);
                (void)printf("%s\n", answer);
        } else if (strcmp(verb, "activate") == 0) {
                activate(l, more);
        } else if (strcmp(verb, "send") == 0) {
                post(l, more, &empty, answer);
                (void)printf("%s\n", answer);
        } else if (strcmp(verb, "hang") == 0) {
                build(l, "");
                send_and_leave(l, "/v1/attest", &f.body);
        } else if (strcmp(verb, "leave") == 0) {
                activate(l, "leave");
        } else {
                FX(!"a known command");
        }
}

int main(int argc, char **argv)
{
        struct buf pem = {malloc(8192), 0};
        char line[1024];
        FILE *in;

        setlinebuf(stdout);
        fixture_init(&f);
        if (argc == 3 && strcmp(argv[1], "files") == 0) {
                save(argv[2], FX_FILE, &f.uki);
                save(argv[2], "snponly.efi", &f.ipxe_file);
                return 0;
        }
        if (argc != 4 || strcmp(argv[1], "talk") != 0)
                return 2;
        in = fopen(argv[2], "r");
        FX(in && pem.p && (pem.len = fread(pem.p, 1, 8192, in)) > 0 && fclose(in) == 0);
        FX(pki_cert_from_pem(pem.p, pem.len, &ca) == 0);
        port = (unsigned)atoi(argv[3]);
        while (fgets(line, sizeof(line), stdin)) {
                char verb[16] = "";
                char more[512] = "";
                unsigned n = 0;
                int count = 0;

                line[strcspn(line, "\n")] = '\0';
                if (strcmp(line, "ak") == 0 || strcmp(line, "ek") == 0)
                        EVP_PKEY_free(f.ak), f.ak = fx_key();
                if (strcmp(line, "ek") == 0)
                        EVP_PKEY_free(f.ek), f.ek = fx_key();
                if (sscanf(line, "burst %u %d %511s", &n, &count, more) == 3)
                        burst(&links[n % LINKS], count, more);
                else if (sscanf(line, "%15s %u %511s", verb, &n, more) >= 2)
                        obey(verb, n, more);
        }
        for (size_t i = 0; i < LINKS; i++)
                http_free(links[i].http);
        verdict_wipe(&challenge);
        X509_free(ca);
        buf_wipe(&pem);
        fixture_free(&f);
        return 0;
}
