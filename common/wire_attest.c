/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_attest.h"

#include "digest.h"
#include "jout.h"

#define LABEL "muster attest v1"
#define TPM2B_MAX 1024
#define QUOTE_MAX 2048
#define SIGNATURE_MAX 1024
#define SECRET_MAX 64

#define STR(s, field, length)                                                                                          \
        {                                                                                                              \
#field, JT_STR, offsetof(s, field), length, JF_REQUIRED                                                \
        }

static const struct jfield facts_tab[] = {
        STR(struct attest_facts, vendor, WIRE_FACT_MAX),
        STR(struct attest_facts, product, WIRE_FACT_MAX),
        STR(struct attest_facts, serial, WIRE_FACT_MAX),
        STR(struct attest_facts, uuid, WIRE_FACT_MAX),
        STR(struct attest_facts, firmware, WIRE_FACT_MAX),
        {"macs", JT_STRS, offsetof(struct attest_facts, macs), WIRE_FACT_MAX, JF_REQUIRED, WIRE_MACS},
        STR(struct attest_facts, client, WIRE_FACT_MAX),
        STR(struct attest_facts, tpm, WIRE_TPM_MAX),
};

struct nv_text {
        char ssh[16];
        char tls[16];
};

static const struct jfield nv_tab[] = {
        STR(struct nv_text, ssh, 15),
        STR(struct nv_text, tls, 15),
};

/* What has no place in attest_request lives beside it while parsing. */
struct parsed {
        struct attest_request r;
        int64_t version;
        struct nv_text nv;
};

#define AT(field) offsetof(struct parsed, r.field)

static const struct jfield request_tab[] = {
        {"version", JT_INT, offsetof(struct parsed, version), 1, JF_REQUIRED},
        {"node", JT_HEX, AT(node), DIGEST_LEN, JF_REQUIRED},
        {"ek_public", JT_B64, AT(ek_public), TPM2B_MAX, JF_REQUIRED},
        {"ek_certificates", JT_B64S, AT(ek_certs), WIRE_EK_CERT_MAX, JF_REQUIRED, WIRE_EK_CERTS},
        {"ak_public", JT_B64, AT(ak_public), TPM2B_MAX, JF_REQUIRED},
        {"pcrs", JT_HEXS, AT(pcrs), DIGEST_LEN, JF_REQUIRED, POLICY_PCRS},
        {"eventlog", JT_B64, AT(eventlog), WIRE_EVENTLOG_MAX, JF_REQUIRED},
        {"nv", JT_OBJ, offsetof(struct parsed, nv), 0, JF_REQUIRED, 0, nv_tab, ELEMENTSOF(nv_tab)},
        {"former", JT_STR, AT(former), WIRE_CODE_MAX, JF_REQUIRED},
        {"policy", JT_HEX, AT(policy), DIGEST_LEN, JF_REQUIRED},
        {"facts", JT_OBJ, AT(facts), 0, JF_REQUIRED, 0, facts_tab, ELEMENTSOF(facts_tab)},
};

struct outer {
        char *request;
        struct buf quote, signature;
};

static const struct jfield outer_tab[] = {
        {"request", JT_STRDUP, offsetof(struct outer, request), WIRE_ATTEST_MAX, JF_REQUIRED},
        {"quote", JT_B64, offsetof(struct outer, quote), QUOTE_MAX, JF_REQUIRED},
        {"signature", JT_B64, offsetof(struct outer, signature), SIGNATURE_MAX, JF_REQUIRED},
};

static const char *const nv_names[] = {
        [NV_STATE_ABSENT] = "absent",         [NV_STATE_PRESENT] = "present", [NV_STATE_ALTERED] = "altered",
        [NV_STATE_UNREADABLE] = "unreadable", [NV_STATE_NONE] = "none",
};

const char *nv_state_name(enum nv_state s)
{
        return (size_t)s < ELEMENTSOF(nv_names) ? nv_names[s] : "none";
}

static int nv_state_of(const char *text, enum nv_state *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(nv_names); i++)
                if (strcmp(text, nv_names[i]) == 0) {
                        *ret = (enum nv_state)i;
                        return 0;
                }
        return -EBADMSG;
}

bool wire_code_ok(const char *code)
{
        size_t n = strlen(code);

        return n >= 4 && n <= WIRE_CODE_MAX && (code[0] == 'E' || code[0] == 'M') && code[1] == '-' &&
               strspn(code + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n - 2;
}

static bool printable(const char *s)
{
        while (*s > 0x20 && *s < 0x7f)
                s++;
        return *s == '\0';
}

static void outer_wipe(struct outer *o)
{
        jtab_wipe(outer_tab, ELEMENTSOF(outer_tab), o);
}

void attest_request_wipe(struct attest_request *r)
{
        buf_wipe(&r->ek_public);
        jbufs_free(&r->ek_certs);
        buf_wipe(&r->ak_public);
        buf_wipe(&r->eventlog);
        buf_wipe(&r->quote);
        buf_wipe(&r->signature);
        attest_facts_wipe(&r->facts);
        *r = (struct attest_request){0};
}

static int parse_request(const char *text, struct parsed *p, char err[JTAB_ERR])
{
        int r = jtab_parse(text, strlen(text), WIRE_ATTEST_MAX, request_tab, ELEMENTSOF(request_tab), p, err);

        if (r < 0)
                return r;
        if (p->version != 1) {
                (void)snprintf(err, JTAB_ERR, "member \"version\": this parent speaks version 1");
                return -EBADMSG;
        }
        if (nv_state_of(p->nv.ssh, &p->r.nv_ssh) < 0 || nv_state_of(p->nv.tls, &p->r.nv_tls) < 0) {
                (void)snprintf(err, JTAB_ERR, "member \"nv\": not one of the states of the protocol");
                return -EBADMSG;
        }
        if (p->r.former[0] && !wire_code_ok(p->r.former)) {
                (void)snprintf(err, JTAB_ERR, "member \"former\": not the code of a failure");
                return -EBADMSG;
        }
        if (!printable(p->r.facts.tpm)) {
                (void)snprintf(err, JTAB_ERR, "member \"facts.tpm\": not the name of a manufacturer");
                return -EBADMSG;
        }
        return digest_sha256(text, strlen(text), p->r.digest);
}

int wire_attest_parse(const void *body, size_t len, struct attest_request *ret, char err[JTAB_ERR])
{
        _cleanup_(outer_wipe) struct outer o = {0};
        _cleanup_(freep) struct parsed *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        r = jtab_parse(body, len, WIRE_ATTEST_MAX, outer_tab, ELEMENTSOF(outer_tab), &o, err);
        if (r < 0)
                return r;
        r = parse_request(o.request, p, err);
        if (r < 0) {
                attest_request_wipe(&p->r);
                return r;
        }
        p->r.quote = o.quote;
        p->r.signature = o.signature;
        o.quote = o.signature = (struct buf){0};
        *ret = p->r;
        return 0;
}

void wire_facts_out(struct jout *o, const char *key, const struct attest_facts *f)
{
        jout_obj(o, key);
        jout_str(o, "vendor", f->vendor);
        jout_str(o, "product", f->product);
        jout_str(o, "serial", f->serial);
        jout_str(o, "uuid", f->uuid);
        jout_str(o, "firmware", f->firmware);
        jout_arr(o, "macs");
        for (size_t i = 0; i < f->macs.n; i++)
                jout_str(o, NULL, f->macs.v[i]);
        jout_end(o, ']');
        jout_str(o, "client", f->client);
        jout_str(o, "tpm", f->tpm);
        jout_end(o, '}');
}

int wire_facts_parse(const void *text, size_t len, struct attest_facts *ret, char err[JTAB_ERR])
{
        struct attest_facts f = {0};
        int r = jtab_parse(text, len, WIRE_ATTEST_MAX, facts_tab, ELEMENTSOF(facts_tab), &f, err);

        if (r < 0)
                return r;
        *ret = f;
        return 0;
}

void attest_facts_wipe(struct attest_facts *f)
{
        jtab_wipe(facts_tab, ELEMENTSOF(facts_tab), f);
}

int wire_request_build(const struct attest_request *r, struct buf *ret_text, uint8_t ret_digest[DIGEST_LEN])
{
        struct jout o = {0};
        struct buf text = {0};
        int rc;

        jout_obj(&o, NULL);
        jout_int(&o, "version", 1);
        jout_hex(&o, "node", r->node, DIGEST_LEN);
        jout_b64(&o, "ek_public", r->ek_public.p, r->ek_public.len);
        jout_arr(&o, "ek_certificates");
        for (size_t i = 0; i < r->ek_certs.n; i++)
                jout_b64(&o, NULL, r->ek_certs.v[i].p, r->ek_certs.v[i].len);
        jout_end(&o, ']');
        jout_b64(&o, "ak_public", r->ak_public.p, r->ak_public.len);
        jout_arr(&o, "pcrs");
        for (size_t i = 0; i < POLICY_PCRS; i++)
                jout_hex(&o, NULL, r->pcrs[i], DIGEST_LEN);
        jout_end(&o, ']');
        jout_b64(&o, "eventlog", r->eventlog.p, r->eventlog.len);
        jout_obj(&o, "nv");
        jout_str(&o, "ssh", nv_state_name(r->nv_ssh));
        jout_str(&o, "tls", nv_state_name(r->nv_tls));
        jout_end(&o, '}');
        jout_str(&o, "former", r->former);
        jout_hex(&o, "policy", r->policy, DIGEST_LEN);
        wire_facts_out(&o, "facts", &r->facts);
        jout_end(&o, '}');
        rc = jout_take(&o, &text);
        if (rc < 0)
                return rc;
        if (digest_sha256(text.p, text.len, ret_digest) < 0) {
                buf_wipe(&text);
                return -EIO;
        }
        *ret_text = text;
        return 0;
}

int wire_attest_build(const struct buf *text, const struct buf *quote, const struct buf *signature,
                      struct buf *ret_body)
{
        struct jout o = {0};

        jout_obj(&o, NULL);
        jout_strn(&o, "request", (const char *)text->p, text->len);
        jout_b64(&o, "quote", quote->p, quote->len);
        jout_b64(&o, "signature", signature->p, signature->len);
        jout_end(&o, '}');
        return jout_take(&o, ret_body);
}

int wire_qualifying_data(const uint8_t exporter[DIGEST_LEN], const uint8_t request[DIGEST_LEN], uint8_t ret[DIGEST_LEN])
{
        uint8_t in[sizeof(LABEL) - 1 + 2 * DIGEST_LEN];

        memcpy(in, LABEL, sizeof(LABEL) - 1);
        memcpy(in + sizeof(LABEL) - 1, exporter, DIGEST_LEN);
        memcpy(in + sizeof(LABEL) - 1 + DIGEST_LEN, request, DIGEST_LEN);
        return digest_sha256(in, sizeof(in), ret);
}

int wire_activate_build(const void *secret, size_t len, struct buf *ret_body)
{
        struct jout o = {0};

        jout_obj(&o, NULL);
        jout_b64(&o, "secret", secret, len);
        jout_end(&o, '}');
        return jout_take(&o, ret_body);
}

int wire_activate_parse(const void *body, size_t len, struct buf *ret_secret, char err[JTAB_ERR])
{
        static const struct jfield tab[] = {{"secret", JT_B64, 0, SECRET_MAX, JF_REQUIRED | JF_SECRET}};
        struct buf secret = {0};
        int r = jtab_parse(body, len, WIRE_ACTIVATE_MAX, tab, ELEMENTSOF(tab), &secret, err);

        if (r < 0)
                return r;
        *ret_secret = secret;
        return 0;
}
