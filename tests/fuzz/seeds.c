/* SPDX-License-Identifier: Apache-2.0 */
/* seeds DIR: writes one well-formed input for each fuzz target that needs
 * more than chance to get anywhere, to DIR/TARGET/seed-… */
#include "fuzz.h"

#include "../unit/fixture_evidence.c"

#include "nvdata.h"
#include "seal.h"
#include "wire_verdict.h"

#include <sys/stat.h>

static const char *top;

static void put(const char *target, const char *name, const void *p, size_t n)
{
        _cleanup_(fclosep) FILE *f = NULL;
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/%s", top, target);
        (void)mkdir(path, 0755);
        (void)snprintf(path, sizeof(path), "%s/%s/seed-%s", top, target, name);
        f = fopen(path, "wbe");
        HOLDS(f && fwrite(p, 1, n, f) == n);
}

static void text(const char *target, const char *name, const char *s)
{
        put(target, name, s, strlen(s));
}

static void verdicts(void)
{
        static char *urls[] = { (char *)"http://10.1.0.1:8080/image/base.img" };
        struct verdict v = { .kind = VERDICT_OK, .image_urls = { urls, 1 } };
        struct manifest m = { .plain_size = 100 };
        struct seal_header h;
        struct buf out = { 0 };
        uint8_t some[108] = { 1 };

        (void)snprintf(m.name, sizeof(m.name), "base");
        HOLDS(seal_header_make(100, m.header) == 0 && seal_header_parse(m.header, 64, &h) == 0);
        m.size = (int64_t)h.sealed_size;
        HOLDS(wire_manifest_build(&m, &v.manifest) == 0);
        (void)snprintf(v.name, sizeof(v.name), "r1n001");
        (void)snprintf(v.boot, sizeof(v.boot), "0123456789abcdef");
        v.approval_nv = v.approval_bundle = v.cert_ssh = v.cert_tls = (struct buf){ some, 70 };
        v.ca = (char *)"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        v.has_bundle = true;
        v.bundle.public_area = v.bundle.duplicate = v.bundle.seed = (struct buf){ some, 80 };
        v.bundle.data = (struct buf){ some, sizeof(some) };
        if (wire_verdict_build(&v, &out) == 0)
                put("verdict", "ok", out.p, out.len);
        buf_wipe(&out);
        free(v.manifest);
        for (enum verdict_kind k = VERDICT_CHALLENGE; k <= VERDICT_BUSY; k++) {
                static const char *const names[] = { [VERDICT_CHALLENGE] = "challenge", [VERDICT_PENDING] = "pending",
                                                     [VERDICT_REFUSED] = "refused", [VERDICT_MALFORMED] = "malformed",
                                                     [VERDICT_BUSY] = "busy" };
                struct verdict w = { .kind = k, .code = "M-CMDLINE", .incident = "0123456789abcdef", .retry_after = 3,
                                     .credential_blob = { some, 70 }, .secret = { some, 80 } };

                HOLDS(wire_verdict_build(&w, &out) == 0);
                put("verdict", names[k], out.p, out.len);
                buf_wipe(&out);
        }
}

static void evidence(void)
{
        static struct fixture f;
        struct buf json = { 0 };
        uint8_t quote[1024];

        fixture_init(&f);
        fixture_build(&f);
        put("attest", "good", f.body.p, f.body.len);
        put("eventlog", "good", f.req.eventlog.p, f.req.eventlog.len);
        put("tpmpub", "ek", f.req.ek_public.p, f.req.ek_public.len);
        put("tpmpub", "ak", f.req.ak_public.p, f.req.ak_public.len);
        put("uki", "uki", f.uki.p, f.uki.len);
        put("uki", "ipxe", f.ipxe_file.p, f.ipxe_file.len);
        quote[0] = (uint8_t)(f.req.quote.len >> 8);
        quote[1] = (uint8_t)f.req.quote.len;
        memcpy(quote + 2, f.req.quote.p, f.req.quote.len);
        memcpy(quote + 2 + f.req.quote.len, f.req.signature.p, f.req.signature.len);
        put("quote", "good", quote, 2 + f.req.quote.len + f.req.signature.len);
        HOLDS(profile_json_build(&f.profile, &json) == 0);
        put("profile", "good", json.p, json.len);
        buf_wipe(&json);
        put("decide", "same", "", 1);
        put("decide", "events", "\x80\x04\x83\x03" "abc\x89\x0d\x02" "xy", 10);
        fixture_free(&f);
}

static void sealed(void)
{
        uint8_t in[1 + SEAL_HEADER_LEN + DIGEST_LEN + 200] = { 0 };

        HOLDS(seal_header_make(180, in + 1) == 0);
        put("seal", "file", in, 1 + SEAL_HEADER_LEN + DIGEST_LEN + 180 + SEAL_TAG_LEN);
        put("seal", "changed", "\x01\x50\x01hello sealed world", 21);
}

static void nv(void)
{
        uint8_t content[NV_SIZE_MAX];
        uint8_t key[NV_KEY_LEN] = { 9 };

        for (int p = NV_SSH; p <= NV_TLS; p++) {
                HOLDS(nvdata_make((enum nv_purpose)p, key, key, sizeof(key), content, nvdata_size((enum nv_purpose)p)) == 0);
                put("nv", p == NV_SSH ? "ssh" : "tls", content, nvdata_size((enum nv_purpose)p));
        }
}

static void activation(void)
{
        static const uint8_t secret[32] = { 7 };
        struct buf out = { 0 };

        HOLDS(wire_activate_build(secret, sizeof(secret), &out) == 0);
        put("attest", "activate", out.p, out.len);
        buf_wipe(&out);
}

int main(int argc, char **argv)
{
        HOLDS(argc == 2);
        top = argv[1];
        (void)mkdir(top, 0755);
        evidence();
        verdicts();
        sealed();
        nv();
        activation();
        text("json", "all", "{\"word\":\"a\",\"text\":\"\\ud83d\\udcbb \xc3\xa9 \\n\",\"id\":\"00ff10ab\",\"blob\":\"AAEC\",\"n\":100,\"yes\":true,"
                             "\"list\":[\"a\",\"b\"],\"lengths\":[[\"one\",3],[\"two\",0]],\"in\":{\"he\\u00e9\":\"x\"}}");
        text("json", "null", "{\"in\" : null , \"n\" : 0 }");
        text("http", "reply", "\x40HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\nContent-Range: bytes 5-7/8\r\n"
                              "Connection: keep-alive\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        text("noderange", "range", "r[1-2]n[01-10,15],login1");
        text("conf", "musterd", "[musterd]\nboot-listen = 0.0.0.0:8080\nattest-listen = [::]:8443\npublic-url = http://10.1.0.1:8080\n");
        text("conf", "endpoint", "[::1]:8443");
        text("conf", "cmdline", "root=muster ip=dhcp rd.shell=0");
        text("nodeconf", "conf", "[muster]\nparents = https://p1:9000 https://10.0.0.2\nhosts = p1=10.0.0.1\n"
                                 "ca = /a\npolicy-key = /b\nnot-before = 1700000000\n");
        text("nodeconf", "url", "https://[fd00::1]:8443/v1?x=1");
        text("nodeconf", "cmdline", "quiet rd.muster.onfail=reboot");
        text("pcrs", "json", "\x03\x02{\"sha256\":{\"0\":\"0000000000000000000000000000000000000000000000000000000000000000\","
                             "\"1\":\"0000000000000000000000000000000000000000000000000000000000000000\","
                             "\"9\":\"0000000000000000000000000000000000000000000000000000000000000000\"}}");
        return 0;
}
