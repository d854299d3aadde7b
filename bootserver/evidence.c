/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence_impl.h"

#include "cursor.h"
#include "digest.h"

const uint8_t zero_digest[DIGEST_LEN];

static void parse_keys(struct evidence *ev)
{
        const struct buf *ek = &ev->req->ek_public;
        const struct buf *ak = &ev->req->ak_public;
        uint8_t name[TPMPUB_NAME_MAX];
        size_t len = 0;

        ev->has_ek = tpmpub_parse_2b(ek->p, ek->len, &ev->ek) == 0 &&
                     digest_sha256(ev->ek.raw, ev->ek.raw_len, ev->ek_digest) == 0;
        ev->has_ak = tpmpub_parse_2b(ak->p, ak->len, &ev->ak) == 0 && tpmpub_name(&ev->ak, name, &len) == 0 &&
                     len == POLICY_NAME_LEN;
        if (ev->has_ak)
                memcpy(ev->ak_name, name, POLICY_NAME_LEN);
}

static int parse_log(struct evidence *ev)
{
        const struct buf *b = &ev->req->eventlog;
        size_t offset = 0;
        int r = evlog_parse(b->p, b->len, &ev->log, &ev->log_why, &offset);

        if (r == -ENOMEM || r == -EIO)
                return r;
        if (r < 0)
                return 0;
        ev->bank = evlog_bank(&ev->log, TPM_SHA256);
        r = ev->bank < 0 ? ev->bank : evlog_replay(&ev->log, TPM_SHA256, &ev->replay);
        if (r == -ENOMEM || r == -EIO)
                return r;
        if (r < 0) {
                ev->log_why = "it carries no SHA-256 digests";
                return 0;
        }
        ev->has_log = true;
        return 0;
}

int evidence_read_log(struct evidence *ev)
{
        if (!ev->log_read) {
                ev->log_read = true;
                ev->log_err = parse_log(ev);
        }
        return ev->log_err;
}

int evidence_parse(const struct attest_request *req, struct evidence **ret)
{
        _cleanup_(evidence_freep) struct evidence *ev = calloc(1, sizeof(*ev));

        if (!ev)
                return -ENOMEM;
        ev->req = req;
        ev->log_why = "it does not parse";
        parse_keys(ev);
        ev->quote_err = quote_parse(req->quote.p, req->quote.len, &ev->quote);
        ev->sig_err = quote_sig_parse(req->signature.p, req->signature.len, &ev->sig);
        *ret = take_ptr(ev);
        return 0;
}

void evidence_free(struct evidence *ev)
{
        if (!ev)
                return;
        evlog_free(&ev->log);
        quote_verifier_free(&ev->ak_ready);
        free(ev);
}

const struct attest_request *evidence_request(const struct evidence *ev)
{
        return ev->req;
}

const struct tpmpub *evidence_ek(const struct evidence *ev)
{
        return ev->has_ek ? &ev->ek : NULL;
}

const struct tpmpub *evidence_ak(const struct evidence *ev)
{
        return ev->has_ak ? &ev->ak : NULL;
}

const uint8_t *evidence_ak_name(const struct evidence *ev)
{
        return ev->has_ak ? ev->ak_name : NULL;
}

struct policy_boot evidence_counters(const struct evidence *ev)
{
        struct policy_boot none = { 0 };

        return ev->quote_err == QUOTE_OK ? (struct policy_boot){ ev->quote.reset_count, ev->quote.restart_count } : none;
}

uint64_t evidence_tpm_firmware(const struct evidence *ev)
{
        return ev->quote_err == QUOTE_OK ? ev->quote.firmware : 0;
}

uint64_t evidence_clock(const struct evidence *ev)
{
        return ev->quote_err == QUOTE_OK ? ev->quote.clock : 0;
}

bool evidence_clock_safe(const struct evidence *ev)
{
        return ev->quote_err == QUOTE_OK && ev->quote.safe;
}

const uint8_t *evidence_pcr(const struct evidence *ev, unsigned pcr)
{
        for (size_t i = 0; i < POLICY_PCRS; i++)
                if (policy_pcrs[i] == pcr)
                        return ev->req->pcrs[i];
        return NULL;
}

const uint8_t *evidence_digest(const struct evidence *ev, const struct evlog_event *e)
{
        return e->type == EV_NO_ACTION ? NULL : e->digest[ev->bank];
}

bool evidence_data_is_genuine(const struct evidence *ev, const struct evlog_event *e)
{
        const uint8_t *digest = evidence_digest(ev, e);
        uint8_t got[DIGEST_LEN];

        return digest && digest_sha256(e->data, e->size, got) == 0 && same_bytes(got, DIGEST_LEN, digest, DIGEST_LEN);
}

size_t evidence_nth(const struct evidence *ev, unsigned pcr, size_t nth)
{
        if (!ev->has_log)
                return SIZE_MAX;
        for (size_t i = 0; i < ev->log.n_events; i++)
                if (ev->log.events[i].pcr == pcr && evidence_digest(ev, &ev->log.events[i]) && nth-- == 0)
                        return i;
        return SIZE_MAX;
}

/* UEFI_VARIABLE_DATA of the global variable SecureBoot, value 1. */
static bool says_secure_boot(struct cursor c)
{
        static const uint8_t guid[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                         0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
        static const uint8_t name[] = {'S', 0, 'e', 0, 'c', 0, 'u', 0, 'r', 0, 'e', 0, 'B', 0, 'o', 0, 'o', 0, 't', 0};
        const uint8_t *p;
        uint64_t name_len;
        uint64_t data_len;

        if (cur_take(&c, sizeof(guid), &p) < 0 || memcmp(p, guid, sizeof(guid)) != 0)
                return false;
        if (cur_u64le(&c, &name_len) < 0 || cur_u64le(&c, &data_len) < 0 || name_len != sizeof(name) / 2 ||
            data_len != 1)
                return false;
        if (cur_take(&c, sizeof(name), &p) < 0 || memcmp(p, name, sizeof(name)) != 0)
                return false;
        return cur_take(&c, 1, &p) == 0 && p[0] == 1 && cur_end(&c) == 0;
}

bool evidence_secure_boot(const struct evidence *ev)
{
        if (!ev->has_log)
                return false;
        for (size_t i = 0; i < ev->log.n_events; i++) {
                const struct evlog_event *e = &ev->log.events[i];
                const uint8_t *digest = evidence_digest(ev, e);

                if (e->pcr == 7 && digest && separator_digest(digest))
                        return false; /* what comes after it is not the firmware's word about its settings */
                if (e->pcr == 7 && says_secure_boot(cur_of(e->data, e->size)) && evidence_data_is_genuine(ev, e))
                        return true;
        }
        return false;
}
