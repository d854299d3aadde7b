/* SPDX-License-Identifier: Apache-2.0 */
/* unseal REQUEST VERDICT POLICY.PEM: what somebody does who is root on a node, has the client's own code, and has written
 * down a boot's request and the parent's answer: opens the bundle with that boot's approval, on the TPM that MUSTER_TCTI
 * names or else the machine's. Says how far it came, a word a line:
 *   RECORDED    both files are what they should be
 *   SIGNED      the TPM took the parent's signature for that boot's PCR values and counters
 *   UNSEALED    the TPM gave the bundle's key
 * and why it came no further on standard error. Exit status 0: unsealed. What needs every step but the last to succeed
 * is a test of the last one. */
#include "quote.h"
#include "tpm_bundle.h"
#include "tpm_keys.h"
#include "tpm_session.h"
#include "tpmpub.h"
#include "wire_attest.h"

#include <openssl/pem.h>
#include <stdio.h>

static EVP_PKEY *policy_key(const char *path)
{
        FILE *in = fopen(path, "re");
        EVP_PKEY *key = in ? PEM_read_PUBKEY(in, NULL, NULL, NULL) : NULL;

        if (in)
                (void)fclose(in);
        return key;
}

static int file_get(const char *path, struct buf *ret)
{
        FILE *in = fopen(path, "re");

        ret->p = in ? malloc(1 << 20) : NULL;
        ret->len = ret->p ? fread(ret->p, 1, 1 << 20, in) : 0;
        if (in)
                (void)fclose(in);
        return ret->len > 0 ? 0 : -1;
}

static int recorded(char **argv, struct attest_request *req, struct verdict *v, struct quote *q)
{
        static struct buf file[2];
        char err[JTAB_ERR] = "";

        for (int i = 0; i < 2; i++)
                if (file_get(argv[1 + i], &file[i]) < 0)
                        return fprintf(stderr, "read %s\n", argv[1 + i]), -1;
        if (wire_attest_parse(file[0].p, file[0].len, req, err) < 0 || wire_verdict_parse(file[1].p, file[1].len, v, err) < 0)
                return fprintf(stderr, "parse: %s\n", err), -1;
        if (quote_parse(req->quote.p, req->quote.len, q) < 0 || !v->has_bundle)
                return fprintf(stderr, "no quote, or no bundle was sent in that boot\n"), -1;
        return 0;
}

static int unseal(const struct attest_request *req, const struct verdict *v, const struct quote *q, const EVP_PKEY *key,
                  struct fail *f)
{
        struct tpm *t = NULL;
        struct tpm_key ek = { .tr = ESYS_TR_NONE };
        struct tpm_ek_certs certs = { 0 };
        struct tpm_approval approval;
        struct tpm_obj session;
        uint8_t k[BUNDLE_K_LEN];
        int r = tpm_open(getenv("MUSTER_TCTI"), &t, f);

        if (r == 0)
                r = tpm_ek_open(t, &ek, &certs, f);
        if (r == 0)
                r = tpm_approval_verify(t, key, POLICY_BUNDLE, req->node, req->pcrs,
                                        (struct policy_boot){ q->reset_count, q->restart_count }, &v->approval_bundle, &approval, f);
        if (r == 0)
                (void)puts("SIGNED");
        if (r == 0)
                r = tpm_session_policy(t, ek.tr, TPM_SECRET_NONE, &session, f);
        if (r == 0) {
                r = tpm_bundle_unseal(&ek, &session, &v->bundle, &approval, k, f);
                tpm_obj_flush(&session);
        }
        tpm_ek_certs_free(&certs);
        tpm_key_close(&ek);
        tpm_close(t);
        return r;
}

int main(int argc, char **argv)
{
        static struct attest_request req;
        static struct verdict v;
        struct quote q;
        struct fail f = { 0 };
        EVP_PKEY *key = argc == 4 ? policy_key(argv[3]) : NULL;

        if (!key || recorded(argv, &req, &v, &q) < 0)
                return 2;
        (void)puts("RECORDED");
        if (unseal(&req, &v, &q, key, &f) < 0) {
                (void)fprintf(stderr, "%s: %s\n", f.code, f.what);
                return 1;
        }
        (void)puts("UNSEALED");
        return 0;
}
