/* SPDX-License-Identifier: Apache-2.0 */
/* fixture_signer.h - a signer with keys of its own, and requests that are in
 * order. Static: for one test program each. setup() and teardown() are
 * cmocka's for the group; good() fills `q`, answer() asks and fills `a`. */
#ifndef MUSTER_FIXTURE_SIGNER_H
#define MUSTER_FIXTURE_SIGNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "signer_impl.h"
#include "sshcert.h"

#define NOW ((int64_t)1800000000)
#define LIFE_MAX 86400u

static struct signing sg;
static union signer_request q;
static union signer_answer a;
static size_t len;
static uint8_t point[PKI_POINT_LEN] = { 4 };
static uint8_t ssh_ca[SSH_KEY_LEN];
static const uint8_t image_key[32] = { 9 };

static const size_t size_of[SIGNER_OPS] = {
        [SIGNER_RELEASE] = sizeof(q.release), [SIGNER_TLS] = sizeof(q.tls), [SIGNER_SSH] = sizeof(q.ssh),
        [SIGNER_WRAP] = sizeof(q.wrap), [SIGNER_REWRAP] = sizeof(q.rewrap),
};

static int setup(void **state)
{
        EVP_PKEY *node = NULL;

        (void)state;
        if (pki_key_new(PKI_P256, &sg.keys.ca.key) < 0 || pki_key_new(PKI_P256, &sg.keys.policy) < 0 ||
            pki_key_new(PKI_ED25519, &sg.keys.ssh_ca) < 0 || pki_key_new(PKI_P256, &node) < 0 ||
            pki_ca_new(sg.keys.ca.key, "Muster test", (time_t)NOW, &sg.keys.ca.certificate) < 0 ||
            pki_p256_xy(node, point + 1, point + 1 + PKI_RAW_LEN) < 0 || ssh_public_from_pkey(sg.keys.ssh_ca, ssh_ca) < 0)
                return -1;
        EVP_PKEY_free(node);
        sg.keys.store_key = OPENSSL_secure_zalloc(STORE_KEY_LEN);
        sg.life_max = LIFE_MAX;
        return sg.keys.store_key ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        signer_keys_wipe(&sg.keys);
        return 0;
}

/* A request that is in order. */
static void good(enum signer_op op)
{
        memset(&q, 0, sizeof(q));
        q.head.op = op;
        q.head.seq = 7;
        switch (op) {
        case SIGNER_RELEASE:
                q.release.reset_count = 41;
                q.release.restart_count = 3;
                memset(q.head.node, 0x4e, sizeof(q.head.node));
                q.release.purposes = SIGNER_BUNDLE;
                memset(q.release.pcrs, 0x5a, sizeof(q.release.pcrs) - DIGEST_LEN);
                memcpy(q.release.name, "base-1.0", 8);
                assert_int_equal(image_key_wrap(sg.keys.store_key, "base-1.0", q.release.header, image_key, q.release.wrapped), 0);
                break;
        case SIGNER_TLS:
                q.tls.life = LIFE_MAX;
                memcpy(q.tls.name, "r1n001", 6);
                memcpy(q.tls.point, point, sizeof(point));
                break;
        case SIGNER_SSH:
                q.ssh.life = LIFE_MAX;
                memcpy(q.ssh.name, "r1n001", 6);
                memset(q.ssh.key, 3, sizeof(q.ssh.key));
                break;
        default:
                memcpy(q.wrap.name, "base-1.0", 8);
                memset(q.wrap.key, 9, sizeof(q.wrap.key));
        }
}

static __attribute__((unused)) int answer(void)
{
        memset(&a, 0xee, sizeof(a));
        assert_int_equal(signer_answer(&sg, NOW, &q, size_of[q.head.op], &a, &len), 0);
        assert_int_equal(a.done.op, q.head.op);
        assert_int_equal(a.done.seq, q.head.seq);
        if (a.done.error < 0)
                assert_int_equal(len, sizeof(a.done));
        return a.done.error;
}

#endif
