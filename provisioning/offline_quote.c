/* SPDX-License-Identifier: Apache-2.0 */
/* muster quote verify: a TPM quote, as tpm2_quote -m -s -o writes it. */
#include "eventlog.h"
#include "hex.h"
#include "offline_pcrs.h"
#include "offline_util.h"
#include "quote.h"
#include "table.h"

#include <inttypes.h>

enum { OPT_KEY = CLI_LONG, OPT_ATTEST, OPT_SIGNATURE, OPT_QUALIFICATION, OPT_PCRS };

static const struct cli_option verify_options[] = {
        { "key", OPT_KEY, "FILE", "the AK's public key: PEM, DER, TPM2B_PUBLIC or TPMT_PUBLIC" },
        { "attest", OPT_ATTEST, "FILE", "the TPMS_ATTEST (tpm2_quote -m)" },
        { "signature", OPT_SIGNATURE, "FILE", "the TPMT_SIGNATURE, or a plain one (tpm2_quote -s)" },
        { "qualification", OPT_QUALIFICATION, "HEX", "the nonce that the quote must carry" },
        { "pcrs", OPT_PCRS, "FILE", "the PCR values it must be over (tpm2_quote -o, or JSON)" },
        { 0 },
};
static const struct cli_command verify_command = {
        "quote verify", "--key F --attest F --signature F --qualification HEX",
        "Verifies a TPM quote: signature, nonce and PCR values", verify_options,
};

struct job {
        const char *key_path, *attest_path, *sig_path, *nonce_hex, *pcrs_path;
        struct buf key_file, attest_file, sig_file, pcrs_file;
        uint8_t nonce[128];
        size_t nonce_len;
        EVP_PKEY *key;
        struct tpmpub pub;
        bool has_pub;
        struct quote quote;
        bool parsed;
        const char *reason;
};

static void job_wipe(struct job *j)
{
        buf_wipe(&j->key_file);
        buf_wipe(&j->attest_file);
        buf_wipe(&j->sig_file);
        buf_wipe(&j->pcrs_file);
        EVP_PKEY_free(j->key);
}

static int read_options(struct job *j, int argc, char **argv)
{
        int v, rc = 0;

        while ((v = cli_next(&verify_command, argc, argv, &rc)) != 0) {
                if (v < 0)
                        return rc ? rc : -1; /* help was printed */
                if (v == OPT_KEY)
                        j->key_path = optarg;
                else if (v == OPT_ATTEST)
                        j->attest_path = optarg;
                else if (v == OPT_SIGNATURE)
                        j->sig_path = optarg;
                else if (v == OPT_QUALIFICATION)
                        j->nonce_hex = optarg;
                else
                        j->pcrs_path = optarg;
        }
        rc = cli_count(&verify_command, argc, argv, 0, 0);
        if (rc != 0)
                return rc;
        if (!j->key_path || !j->attest_path || !j->sig_path || !j->nonce_hex)
                return cli_usage(&verify_command, "%s is missing",
                                 !j->key_path      ? "--key"
                                 : !j->attest_path ? "--attest"
                                 : !j->sig_path    ? "--signature"
                                                   : "--qualification");
        if (hex_decode(j->nonce_hex, strlen(j->nonce_hex), j->nonce, sizeof(j->nonce), &j->nonce_len) < 0)
                return cli_usage(&verify_command, "--qualification takes up to 128 bytes in hex");
        return 0;
}

static int read_files(struct job *j)
{
        int rc = offline_read("read the key", j->key_path, 65536, &j->key_file);

        if (rc == 0)
                rc = offline_read("read the attestation", j->attest_path, 65536, &j->attest_file);
        if (rc == 0)
                rc = offline_read("read the signature", j->sig_path, 65536, &j->sig_file);
        if (rc == 0 && j->pcrs_path)
                rc = offline_read("read the PCR values", j->pcrs_path, 1 << 20, &j->pcrs_file);
        if (rc == 0 && offline_key(&j->key_file, &j->key, &j->pub, &j->has_pub) < 0)
                rc = offline_bad("read the key", j->key_path, "it is no public key that can sign quotes",
                                 "give the AK as tpm2_createak -u wrote it, in PEM or as TPM2B_PUBLIC");
        return rc;
}

/* The hash that made the pcrDigest is the signature's, says TPM2_Quote. */
static uint16_t hash_of_quote(const struct quote *q)
{
        switch (q->pcr_digest_len) {
        case 48:
                return TPM_SHA384;
        case 64:
                return TPM_SHA512;
        default:
                return TPM_SHA256;
        }
}

/* A bare signature has the shape of its key's, which no TPMT has. */
static bool is_plain(const struct job *j)
{
        const struct buf *s = &j->sig_file;

        if (EVP_PKEY_get_base_id(j->key) == EVP_PKEY_RSA)
                return s->len == (size_t)EVP_PKEY_get_size(j->key);
        return s->len > 8 && s->p[0] == 0x30;
}

/* One scheme per key: the one in its public area; of a bare key, the one
 * the signature names, if it is one for such a key. */
static enum quote_err read_signature(struct job *j, struct quote_sig *sig, struct quote_scheme *pinned)
{
        bool rsa = EVP_PKEY_get_base_id(j->key) == EVP_PKEY_RSA;
        bool fixed = j->has_pub && quote_scheme_of(&j->pub, pinned) == QUOTE_OK;
        enum quote_err e;

        if (is_plain(j)) {
                if (!fixed)
                        *pinned = (struct quote_scheme){ rsa ? TPM_ALG_RSASSA : TPM_ALG_ECDSA,
                                                         hash_of_quote(&j->quote) };
                return quote_sig_plain(j->sig_file.p, j->sig_file.len, *pinned, sig);
        }
        e = quote_sig_parse(j->sig_file.p, j->sig_file.len, sig);
        if (e == QUOTE_OK && !fixed)
                *pinned = sig->scheme;
        return e;
}

static int outcome(struct job *j, enum quote_err e)
{
        if (e != QUOTE_OK)
                j->reason = quote_strerror(e);
        switch (e) {
        case QUOTE_OK:
                return OFFLINE_OK;
        case QUOTE_E_STRUCT:
        case QUOTE_E_MAGIC:
        case QUOTE_E_TRAILING:
        case QUOTE_E_SIG_STRUCT:
        case QUOTE_E_SIG_TRAILING:
        case QUOTE_E_INTERNAL:
                return OFFLINE_BAD;
        case QUOTE_E_TYPE:
        case QUOTE_E_SCHEME:
        case QUOTE_E_SIGNATURE:
        case QUOTE_E_QUALIFICATION:
        case QUOTE_E_SELECTION:
        case QUOTE_E_PCR_DIGEST:
        case QUOTE_E_SIGNER:
        default:
                return OFFLINE_FALSE;
        }
}

static int check_pcrs(struct job *j, uint16_t hash)
{
        _cleanup_(freep) uint8_t *values = malloc(OFFLINE_PCRS_MAX);
        size_t n;
        int r;

        if (!values)
                return outcome(j, QUOTE_E_INTERNAL);
        r = offline_pcrs(&j->pcrs_file, &j->quote, values, &n, &j->reason);
        if (r < 0)
                return r == -ENOENT ? OFFLINE_FALSE : OFFLINE_BAD;
        return outcome(j, quote_pcrs_are(&j->quote, hash, values, n));
}

static int verify(struct job *j)
{
        struct quote_scheme pinned = { 0 };
        struct quote_sig sig;
        enum quote_err e = quote_parse(j->attest_file.p, j->attest_file.len, &j->quote);

        if (e != QUOTE_OK)
                return outcome(j, e);
        j->parsed = true;
        e = read_signature(j, &sig, &pinned);
        if (e == QUOTE_OK)
                e = quote_verify(&j->quote, &sig, j->key, pinned);
        if (e == QUOTE_OK)
                e = quote_extra_is(&j->quote, j->nonce, j->nonce_len);
        if (e != QUOTE_OK)
                return outcome(j, e);
        return j->pcrs_path ? check_pcrs(j, pinned.hash) : OFFLINE_OK;
}

static struct json_object *selection_json(const struct quote *q)
{
        struct json_object *o = json_object_new_object();
        char alg[7];

        for (size_t i = 0; i < q->n_banks; i++) {
                struct json_object *a = json_object_new_array();

                for (int n = 0; n < 32; n++)
                        if (q->banks[i].mask & 1u << n)
                                (void)json_object_array_add(a, json_object_new_int(n));
                json_add(o, evlog_alg_name(q->banks[i].alg, alg), a);
        }
        return o;
}

static void print_json(const struct job *j, int rc)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        const struct quote *q = &j->quote;

        json_add(o, "ok", json_object_new_boolean(rc == OFFLINE_OK));
        json_add_text(o, "reason", j->reason ? j->reason : quote_strerror(QUOTE_OK));
        if (!j->parsed) {
                json_add(o, "pcr_digest", NULL);
                json_add(o, "reset_count", NULL);
                (void)cli_print_json(o);
                return;
        }
        json_add_hex(o, "pcr_digest", q->pcr_digest, q->pcr_digest_len);
        json_add(o, "reset_count", json_object_new_int64(q->reset_count));
        json_add(o, "restart_count", json_object_new_int64(q->restart_count));
        json_add(o, "clock", json_object_new_uint64(q->clock));
        json_add(o, "safe", json_object_new_boolean(q->safe));
        json_add(o, "firmware_version", json_object_new_uint64(q->firmware));
        json_add_hex(o, "qualification", q->extra, q->extra_len);
        json_add_hex(o, "qualified_signer", q->signer, q->signer_len);
        json_add(o, "selection", selection_json(q));
        json_add(o, "pcrs_checked", json_object_new_boolean(j->pcrs_path != NULL));
        (void)cli_print_json(o);
}

static void print_text(const struct job *j, int rc)
{
        const struct quote *q = &j->quote;
        char digest[HEX_LEN(64)], alg[7];

        show_line("Result", "%s", rc == OFFLINE_OK ? "ok" : "REFUSED");
        show_line("Reason", "%s", j->reason ? j->reason : quote_strerror(QUOTE_OK));
        if (!j->parsed)
                return;
        for (size_t i = 0; i < q->n_banks; i++) {
                char list[128] = "";
                size_t at = 0;

                for (int n = 0; n < 32; n++)
                        if (q->banks[i].mask & 1u << n)
                                at += (size_t)snprintf(list + at, sizeof(list) - at, " %d", n);
                show_line("PCRs", "%s:%s", evlog_alg_name(q->banks[i].alg, alg), at ? list : " none");
        }
        hex_encode(q->pcr_digest, q->pcr_digest_len, digest);
        show_line("PCR digest", "%s%s", digest, j->pcrs_path ? "" : " (no --pcrs to compare)");
        show_line("Reset count", "%" PRIu32, q->reset_count);
        show_line("Clock", "%" PRIu64 " ms%s", q->clock, q->safe ? "" : " (not safe)");
}

int cmd_quote(int argc, char **argv)
{
        _cleanup_(job_wipe) struct job j = { 0 };
        int rc;

        if (argc > 1 && strcmp(argv[1], "verify") == 0) {
                argc--;
                argv++;
        } else if (argc < 2 || (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0)) {
                return cli_usage(&verify_command, "quote knows one thing to do: verify");
        }
        rc = read_options(&j, argc, argv);
        if (rc != 0)
                return rc < 0 ? OFFLINE_OK : rc;
        rc = read_files(&j);
        if (rc != 0)
                return rc;
        rc = verify(&j);
        if (cli_json())
                print_json(&j, rc);
        else
                print_text(&j, rc);
        return rc;
}
