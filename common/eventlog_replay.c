/* SPDX-License-Identifier: Apache-2.0 */
#include "eventlog.h"

#include "digest.h"

static int extend(EVP_MD_CTX *ctx, const EVP_MD *md, uint8_t *value, size_t size, const uint8_t *digest)
{
        return EVP_DigestInit_ex(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, value, size) == 1 &&
               EVP_DigestUpdate(ctx, digest, size) == 1 && EVP_DigestFinal_ex(ctx, value, NULL) == 1 ? 0 : -EIO;
}

int evlog_replay(const struct evlog *log, uint16_t alg, struct evlog_pcrs *ret)
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        struct evlog_pcrs v = { .alg = alg };
        const EVP_MD *md = digest_md(alg);
        int bank = evlog_bank(log, alg);

        if (bank < 0)
                return bank;
        if (!md)
                return -ENOTSUP;
        if (!ctx)
                return -ENOMEM;
        v.size = log->banks[bank].size;
        if (log->startup_locality > 0)
                v.value[0][v.size - 1] = (uint8_t)log->startup_locality;
        else if (log->startup_locality < 0 && log->hcrtm)
                v.value[0][v.size - 1] = 4;

        for (size_t i = 0; i < log->n_events; i++) {
                const struct evlog_event *e = &log->events[i];

                if (e->type == EV_NO_ACTION || !e->digest[bank])
                        continue;
                if (e->pcr >= EVLOG_PCRS)
                        return -EBADMSG;
                if (extend(ctx, md, v.value[e->pcr], v.size, e->digest[bank]) < 0)
                        return -EIO;
                v.extended |= 1u << e->pcr;
        }
        *ret = v;
        return 0;
}

/* Types whose digest the PFP defines as that of the logged data. Firmware
 * blobs, images, IPL and tags are not: there the data only describes. */
static bool digest_is_of_data(uint32_t type)
{
        switch (type) {
        case EV_SEPARATOR:
        case EV_ACTION:
        case EV_S_CRTM_VERSION:
        case EV_EFI_VARIABLE_DRIVER_CONFIG:
        case EV_EFI_VARIABLE_BOOT2:
        case EV_EFI_VARIABLE_AUTHORITY:
        case EV_EFI_GPT_EVENT:
        case EV_EFI_ACTION:
                return true;
        default:
                return false;
        }
}

int evlog_data_matches(const struct evlog *log, const struct evlog_event *e, uint16_t alg)
{
        uint8_t h[EVP_MAX_MD_SIZE];
        unsigned n;
        int bank = evlog_bank(log, alg);

        if (bank < 0 || !e->digest[bank])
                return -ENODATA;
        if (!digest_is_of_data(e->type) || !digest_md(alg))
                return -ENOTSUP;
        if (EVP_Digest(e->data, e->size, h, &n, digest_md(alg), NULL) != 1)
                return -EIO;
        return same_bytes(h, n, e->digest[bank], log->banks[bank].size);
}
