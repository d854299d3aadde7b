/* SPDX-License-Identifier: Apache-2.0 */
/* Who a node is and what it quoted, by the signer's own judgement: the
 * network process, which reads what anyone sends, is not asked. */
#include "cursor.h"
#include "digest.h"
#include "eventlog.h"
#include "quote.h"
#include "signer_impl.h"
#include "tpmcrypt.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>

#define TICKET_SECONDS 60 /* the network process waits for 30 */
#define CAP (POLICY_PCRS - 1) /* PCR 15, the last of policy_pcrs[] */

static int mac(const uint8_t key[SIGNER_TOKEN], const struct wbuf *w, uint8_t ret[SIGNER_TOKEN])
{
        unsigned n = 0;

        return HMAC(EVP_sha256(), key, SIGNER_TOKEN, w->p, w->len, ret, &n) && n == SIGNER_TOKEN ? 0 : -EIO;
}

int signer_token(const uint8_t key[SIGNER_TOKEN], const uint8_t node[DIGEST_LEN], const uint8_t name[POLICY_NAME_LEN],
                 uint8_t ret[SIGNER_TOKEN])
{
        static const char label[] = "ak token";
        uint8_t text[sizeof(label) + DIGEST_LEN + POLICY_NAME_LEN];
        struct wbuf w = wb_of(text, sizeof(text));

        wb_put(&w, label, sizeof(label));
        wb_put(&w, node, DIGEST_LEN);
        wb_put(&w, name, POLICY_NAME_LEN);
        return mac(key, &w, ret);
}

int signer_ticket(const uint8_t key[SIGNER_TOKEN], const uint8_t node[DIGEST_LEN], const uint8_t name[POLICY_NAME_LEN],
                  const uint8_t secret[SIGNER_SECRET], int64_t until, uint8_t ret[SIGNER_TICKET])
{
        static const char label[] = "ticket";
        uint8_t text[sizeof(label) + DIGEST_LEN + POLICY_NAME_LEN + DIGEST_LEN + 8];
        struct wbuf w = wb_of(text, sizeof(text));
        struct wbuf head = wb_of(ret, 8);
        uint8_t digest[DIGEST_LEN];

        if (digest_sha256(secret, SIGNER_SECRET, digest) < 0)
                return -EIO;
        wb_put(&w, label, sizeof(label));
        wb_put(&w, node, DIGEST_LEN);
        wb_put(&w, name, POLICY_NAME_LEN);
        wb_put(&w, digest, sizeof(digest));
        wb_u64be(&w, (uint64_t)until);
        wb_u64be(&head, (uint64_t)until);
        return mac(key, &w, ret + 8);
}

static int take_ak(const uint8_t *p, size_t size, uint32_t len, struct tpmpub *ret, uint8_t ret_name[POLICY_NAME_LEN])
{
        uint8_t name[TPMPUB_NAME_MAX];
        const char *why = NULL;
        size_t n = 0;

        if (len > size || tpmpub_parse_2b(p, len, ret) < 0 || tpmpub_is_ak(ret, &why) < 0 || tpmpub_name(ret, name, &n) < 0 ||
            n != POLICY_NAME_LEN)
                return -EINVAL;
        memcpy(ret_name, name, POLICY_NAME_LEN);
        return 0;
}

/* The node id is that of this EK: nobody gets a token for another's. */
static int take_ek(const struct signer_challenge *q, struct tpmpub *ret)
{
        uint8_t id[DIGEST_LEN];
        const char *why = NULL;

        return q->ek_len <= sizeof(q->ek) && tpmpub_parse_2b(q->ek, q->ek_len, ret) == 0 && tpmpub_is_ek(ret, &why) == 0 &&
                               tpmpub_id(ret, id) == 0 && same_bytes(id, sizeof(id), q->head.node, sizeof(q->head.node))
                       ? 0
                       : -EINVAL;
}

int signer_make_challenge(const struct signing *s, const struct signer_challenge *q, struct signer_challenged *a)
{
        _cleanup_(buf_wipe) struct buf blob = { 0 };
        _cleanup_(buf_wipe) struct buf seed = { 0 };
        uint8_t name[POLICY_NAME_LEN];
        uint8_t secret[SIGNER_SECRET];
        struct tpmpub ek;
        struct tpmpub ak;
        int r = take_ek(q, &ek);

        if (r == 0)
                r = take_ak(q->ak, sizeof(q->ak), q->ak_len, &ak, name);
        if (r < 0)
                return r;
        if (RAND_priv_bytes(secret, sizeof(secret)) != 1)
                return -EIO;
        r = tpmcrypt_make_credential(&ek, name, secret, &blob, &seed);
        if (r == 0)
                r = signer_ticket(s->keys.token_key, q->head.node, name, secret, s->uptime + TICKET_SECONDS, a->ticket);
        wipe(secret, sizeof(secret));
        if (r < 0)
                return r;
        if (blob.len > sizeof(a->blob) || seed.len > sizeof(a->secret))
                return -EINVAL;
        memset(a->blob, 0, sizeof(a->blob));
        memset(a->secret, 0, sizeof(a->secret));
        memcpy(a->blob, blob.p, blob.len);
        memcpy(a->secret, seed.p, seed.len);
        a->blob_len = (uint32_t)blob.len;
        a->secret_len = (uint32_t)seed.len;
        return 0;
}

int signer_take_secret(const struct signing *s, const struct signer_activate *q, struct signer_activated *a)
{
        uint8_t want[SIGNER_TICKET];
        struct cursor c = cur_of(q->ticket, 8);
        uint64_t until = 0;
        int r;

        if (q->zero[0] || q->zero[1] || cur_u64be(&c, &until) < 0)
                return -EINVAL;
        if (until < (uint64_t)s->uptime || until > (uint64_t)s->uptime + TICKET_SECONDS)
                return -EKEYREJECTED;
        r = signer_ticket(s->keys.token_key, q->head.node, q->ak_name, q->secret, (int64_t)until, want);
        if (r < 0)
                return r;
        if (!same_bytes(q->ticket, sizeof(q->ticket), want, sizeof(want)))
                return -EKEYREJECTED;
        return signer_token(s->keys.token_key, q->head.node, q->ak_name, a->token);
}

/* By whichever store key the token was given. */
static int check_token(const struct signing *s, const struct signer_release *q, const uint8_t name[POLICY_NAME_LEN],
                       uint8_t ret_token[SIGNER_TOKEN])
{
        uint8_t want[SIGNER_TOKEN];
        int r = signer_token(s->keys.token_key, q->head.node, name, ret_token);

        if (r < 0 || same_bytes(q->token, sizeof(q->token), ret_token, SIGNER_TOKEN))
                return r;
        if (!s->keys.token_previous)
                return -EACCES;
        r = signer_token(s->keys.token_previous, q->head.node, name, want);
        if (r < 0)
                return r;
        return same_bytes(q->token, sizeof(q->token), want, sizeof(want)) ? 0 : -EACCES;
}

static int check_signature(const struct quote *quote, const struct quote_sig *sig, const struct tpmpub *ak)
{
        static const struct quote_scheme pinned = { TPM_ALG_ECDSA, TPM_SHA256 };
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;

        return tpmpub_pkey(ak, &key) == 0 && quote_verify(quote, sig, key, pinned) == QUOTE_OK ? 0 : -EINVAL;
}

int signer_check_quote(const struct signing *s, const struct signer_release *q, struct policy_boot *ret, uint8_t ret_token[SIGNER_TOKEN])
{
        static const uint8_t zero[DIGEST_LEN];
        uint8_t name[POLICY_NAME_LEN];
        struct tpmpub ak;
        struct quote quote;
        struct quote_sig sig;
        uint32_t mask = 0;
        int r = take_ak(q->ak, sizeof(q->ak), q->ak_len, &ak, name);

        if (r == 0)
                r = check_token(s, q, name, ret_token);
        if (r < 0)
                return r;
        for (size_t i = 0; i < POLICY_PCRS; i++)
                mask |= UINT32_C(1) << policy_pcrs[i];
        if (q->quote_len > sizeof(q->quote) || q->signature_len > sizeof(q->signature) ||
            quote_parse(q->quote, q->quote_len, &quote) != QUOTE_OK ||
            quote_sig_parse(q->signature, q->signature_len, &sig) != QUOTE_OK ||
            quote_signer_is_endorsed(&quote, name) != QUOTE_OK || quote_selects(&quote, TPM_SHA256, mask) != QUOTE_OK ||
            quote_pcrs_are(&quote, TPM_SHA256, q->pcrs, sizeof(q->pcrs)) != QUOTE_OK ||
            memcmp(q->pcrs[CAP], zero, sizeof(zero)) != 0)
                return -EINVAL;
        r = check_signature(&quote, &sig, &ak);
        if (r == 0)
                *ret = (struct policy_boot){ quote.reset_count, quote.restart_count };
        return r;
}
