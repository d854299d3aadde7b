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

#include "fixture_ak.h"
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
static EVP_PKEY *ek, *ak; /* of a node */
static uint8_t ek_area[TPMPUB_MAX + 2];
static size_t ek_len;
static uint8_t node_id[DIGEST_LEN]; /* that of `ek` */
static uint8_t good_pcrs[POLICY_PCRS][DIGEST_LEN]; /* PCR 15 zero */
static struct ak_wish wish;      /* what the node quotes */
static struct ak_quote quoted;   /* as put into q.release by quote_again() */

static const size_t size_of[SIGNER_OPS] = {
        [SIGNER_RELEASE] = sizeof(q.release), [SIGNER_TLS] = sizeof(q.tls), [SIGNER_SSH] = sizeof(q.ssh),
        [SIGNER_WRAP] = sizeof(q.wrap), [SIGNER_REWRAP] = sizeof(q.rewrap),
        [SIGNER_CHALLENGE] = sizeof(q.challenge), [SIGNER_ACTIVATE] = sizeof(q.activate),
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
        sg.uptime = NOW;
        if (!sg.keys.store_key || signer_keys_derive(&sg.keys) < 0 || pki_key_new(PKI_P256, &ek) < 0 ||
            pki_key_new(PKI_P256, &ak) < 0 || pkey_id(ek, node_id) < 0 || tpmpub_ek_from_pkey(ek, ek_area + 2, &ek_len) < 0)
                return -1;
        ek_area[0] = (uint8_t)(ek_len >> 8);
        ek_area[1] = (uint8_t)ek_len;
        ek_len += 2;
        memset(good_pcrs, 0x5a, sizeof(good_pcrs) - DIGEST_LEN);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        signer_keys_wipe(&sg.keys);
        EVP_PKEY_free(ek);
        EVP_PKEY_free(ak);
        return 0;
}

/* What `wish` says, quoted and signed, with its token. */
static void quote_again(void)
{
        ak_quotes(&wish, &quoted);
        memcpy(q.release.ak, quoted.area, quoted.area_len);
        memcpy(q.release.quote, quoted.quote, quoted.quote_len);
        memcpy(q.release.signature, quoted.signature, quoted.signature_len);
        memcpy(q.release.pcrs, wish.pcrs, sizeof(q.release.pcrs));
        q.release.ak_len = (uint32_t)quoted.area_len;
        q.release.quote_len = (uint32_t)quoted.quote_len;
        q.release.signature_len = (uint32_t)quoted.signature_len;
        assert_int_equal(signer_token(sg.keys.token_key, q.head.node, quoted.name, q.release.token), 0);
}

/* A request that is in order. */
static void good(enum signer_op op)
{
        memset(&q, 0, sizeof(q));
        q.head.op = op;
        q.head.seq = 7;
        switch (op) {
        case SIGNER_RELEASE:
                memcpy(q.head.node, node_id, sizeof(q.head.node));
                q.release.purposes = SIGNER_BUNDLE;
                memcpy(q.release.name, "base-1.0", 8);
                wish = (struct ak_wish){ .key = ak, .boot = { 41, 3 }, .pcrs = good_pcrs };
                quote_again();
                assert_int_equal(image_key_wrap(sg.keys.store_key, &(struct image_ref){ "base-1.0", q.release.header, q.release.list },
                                                image_key, q.release.wrapped), 0);
                break;
        case SIGNER_CHALLENGE:
                memcpy(q.head.node, node_id, sizeof(q.head.node));
                wish = (struct ak_wish){ .key = ak };
                ak_area(&wish, &quoted);
                memcpy(q.challenge.ek, ek_area, ek_len);
                memcpy(q.challenge.ak, quoted.area, quoted.area_len);
                q.challenge.ek_len = (uint32_t)ek_len;
                q.challenge.ak_len = (uint32_t)quoted.area_len;
                break;
        case SIGNER_ACTIVATE:
                memcpy(q.head.node, node_id, sizeof(q.head.node));
                wish = (struct ak_wish){ .key = ak };
                ak_area(&wish, &quoted);
                memcpy(q.activate.ak_name, quoted.name, sizeof(q.activate.ak_name));
                memset(q.activate.secret, 0x61, sizeof(q.activate.secret));
                assert_int_equal(signer_ticket(sg.keys.token_key, node_id, quoted.name, q.activate.secret, NOW + 20, q.activate.ticket), 0);
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
