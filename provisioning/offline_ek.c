/* SPDX-License-Identifier: Apache-2.0 */
/* muster ek: the node id of an endorsement key, and whether its certificate
 * chains to a CA in a directory. */
#include "ek_input.h"
#include "ekcert.h"
#include "hex.h"
#include "offline_util.h"
#include "table.h"

DEFINE_CLEANUP(struct ekca *, ekca_free)

enum { OPT_CA = CLI_LONG };

static const struct cli_option ek_options[] = {
        { "ca", OPT_CA, "DIR", "check that the certificate chains to a CA in this directory" },
        { 0 },
};
static const struct cli_command ek_command = {
        "ek", "FILE", "Shows the node id of an EK certificate or public key", ek_options,
};

struct ek {
        struct ekcert cert; /* .cert is NULL for a bare public key */
        EVP_PKEY *key;      /* borrowed from cert, or owned */
        uint8_t id[DIGEST_LEN];
        enum ek_chain chain;
        const char *why; /* why it does not hold, else NULL */
};

static void ek_wipe(struct ek *e)
{
        if (!e->cert.cert)
                EVP_PKEY_free(e->key);
        ekcert_free(&e->cert);
}

static bool may_be_cert(const struct buf *b)
{
        return memmem(b->p, b->len, "-----BEGIN CERTIFICATE", 22) != NULL || b->p[0] == 0x30 ||
               (b->len > 1 && b->p[0] == 0x10 && b->p[1] == 0x01);
}

static int read_ek(const struct buf *b, const char *path, struct ek *e)
{
        const char *why = "it is neither a certificate nor a public key";
        struct tpmpub pub;
        bool has_pub;
        int r;

        if (b->len == 0)
                return offline_bad("read the EK", path, "it is empty", "check the file");
        r = offline_key(b, &e->key, &pub, &has_pub);
        if (r == 0) {
                if (has_pub && (pub.attributes & (TPMA_RESTRICTED | TPMA_DECRYPT)) != (TPMA_RESTRICTED | TPMA_DECRYPT))
                        e->why = "its attributes are not those of an endorsement key";
                if (pkey_id(e->key, e->id) == 0)
                        return OFFLINE_OK;
        }
        if (may_be_cert(b) && ekcert_parse(b->p, b->len, &e->cert, &why) == 0) {
                e->key = e->cert.key;
                memcpy(e->id, e->cert.id, DIGEST_LEN);
                e->why = e->cert.not_ek;
                return OFFLINE_OK;
        }
        return offline_bad("read the EK", path, why, "give a certificate or public key, in DER, PEM or a TPM's format");
}

/* One bad file keeps no other CA from being used, and is named. */
static void say_unused(void *ctx, const char *file, const char *why)
{
        char shown[256];

        (void)fprintf(stderr, "muster: warning: %s/%s is not used as a CA: %s\n", (const char *)ctx,
                      log_escape(file, strlen(file), shown, sizeof(shown)), why);
}

static int check_chain(struct ek *e, const char *dir)
{
        _cleanup_(ekca_freep) struct ekca *ca = NULL;
        const char *why = NULL;
        int n;

        if (ekca_new(&ca) < 0)
                return offline_bad("read the CAs in", dir, "out of memory", "");
        n = ekca_load_dir(ca, dir, say_unused, (void *)(uintptr_t)dir);
        if (n == -ENOENT && access(dir, F_OK) == 0)
                return offline_bad("read the CAs in", dir, "it holds no certificate (*.pem, *.crt, *.cer, *.der)",
                                   "put the TPM makers' CA certificates there");
        if (n < 0)
                return offline_bad("read the CAs in", dir, strerror(-n), "check the path and its permissions");
        if (n == 0)
                return offline_bad("read the CAs in", dir, "none of its files is a CA certificate",
                                   "repair or remove the files that the lines before name");
        e->chain = ekcert_chain(e->cert.cert ? &e->cert : NULL, ca, NULL, &why);
        if (e->chain == EK_CHAIN_NONE)
                why = "it is a bare public key: there is no certificate to check";
        if (e->chain != EK_CHAIN_OK && !e->why)
                e->why = why;
        return OFFLINE_OK;
}

static int print_ek(const struct ek *e, const char *path)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        char kind[16], id[HEX_LEN(DIGEST_LEN)];

        hex_encode(e->id, DIGEST_LEN, id);
        if (cli_json()) {
                o = json_object_new_object();
                json_add_text(o, "file", path);
                json_add_text(o, "id", id);
                json_add_text(o, "key", pkey_kind(e->key, kind));
                json_add_text(o, "chain", ek_chain_name(e->chain));
                json_add(o, "certificate", json_object_new_boolean(e->cert.cert != NULL));
                json_add_text(o, "reason", e->why);
                return cli_print_json(o);
        }
        show_line("Node id", "%s", id);
        show_line("Key", "%s%s", pkey_kind(e->key, kind), e->cert.oaep ? " (RSAES-OAEP in the certificate)" : "");
        show_line("Certificate", "%s", e->cert.cert ? "yes" : "no, a bare public key");
        show_line("Chain", "%s", ek_chain_name(e->chain));
        if (e->why)
                show_line("Refused", "%s", e->why);
        return OFFLINE_OK;
}

int cmd_ek(int argc, char **argv)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        _cleanup_(ek_wipe) struct ek e = { .chain = EK_CHAIN_NONE };
        const char *dir = NULL;
        const char *why = NULL;
        int v, rc = 0;

        while ((v = cli_next(&ek_command, argc, argv, &rc)) != 0) {
                if (v < 0)
                        return rc;
                dir = optarg;
        }
        rc = cli_count(&ek_command, argc, argv, 1, 1);
        if (rc == 0)
                rc = offline_read("read the EK", argv[optind], EKCERT_MAX, &b);
        if (rc == 0 && ek_input_decode(&b, &why) < 0)
                rc = offline_bad("read the EK", argv[optind], why ? why : "out of memory",
                                 "give a certificate in DER, PEM, base64, or the JSON that a maker's service sends");
        if (rc == 0)
                rc = read_ek(&b, argv[optind], &e);
        if (rc == 0 && dir)
                rc = check_chain(&e, dir);
        if (rc == 0)
                rc = print_ek(&e, argv[optind]);
        return rc != 0 ? rc : e.why ? OFFLINE_FALSE : OFFLINE_OK;
}
