/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_attest.h"

#include "digest.h"
#include "wire_frame.h"

#define LABEL "muster attest v2"
#define VERSION 2
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

/* As the store keeps them: those of version 1 did not name the TPM's maker. */
static const struct jfield stored_tab[] = {
        STR(struct attest_facts, vendor, WIRE_FACT_MAX),
        STR(struct attest_facts, product, WIRE_FACT_MAX),
        STR(struct attest_facts, serial, WIRE_FACT_MAX),
        STR(struct attest_facts, uuid, WIRE_FACT_MAX),
        STR(struct attest_facts, firmware, WIRE_FACT_MAX),
        {"macs", JT_STRS, offsetof(struct attest_facts, macs), WIRE_FACT_MAX, JF_REQUIRED, WIRE_MACS},
        STR(struct attest_facts, client, WIRE_FACT_MAX),
        {"tpm", JT_STR, offsetof(struct attest_facts, tpm), WIRE_TPM_MAX, 0},
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
        struct jlengths octets;
        struct attest_request r;
        int64_t version;
        struct nv_text nv;
};

#define AT(field) offsetof(struct parsed, r.field)

static const struct jfield request_tab[] = {
        {"version", JT_INT, offsetof(struct parsed, version), VERSION, JF_REQUIRED},
        {"node", JT_HEX, AT(node), DIGEST_LEN, JF_REQUIRED},
        {"nv", JT_OBJ, offsetof(struct parsed, nv), 0, JF_REQUIRED, 0, nv_tab, ELEMENTSOF(nv_tab)},
        {"former", JT_STR, AT(former), WIRE_CODE_MAX, JF_REQUIRED},
        {"policy", JT_HEX, AT(policy), DIGEST_LEN, JF_REQUIRED},
        {"facts", JT_OBJ, AT(facts), 0, JF_REQUIRED, 0, facts_tab, ELEMENTSOF(facts_tab)},
        FRAME_OCTETS,
};

#define IN(field) offsetof(struct attest_request, field)

static const struct octet request_octets[] = {
        {"ek_public", OCTET_BUF, IN(ek_public), TPM2B_MAX},
        {"ek_certificate", OCTET_BUFS, IN(ek_certs), WIRE_EK_CERT_MAX, WIRE_EK_CERTS},
        {"ak_public", OCTET_BUF, IN(ak_public), TPM2B_MAX},
        {"pcrs", OCTET_FIXED, IN(pcrs), sizeof(((struct attest_request *)0)->pcrs)},
        {"eventlog", OCTET_BUF, IN(eventlog), WIRE_EVENTLOG_MAX},
};

static const struct frame_kind request_kind = {
        .max = WIRE_ATTEST_MAX,
        .head = request_tab,
        .n_head = ELEMENTSOF(request_tab),
        .at = offsetof(struct parsed, r),
        .octets = request_octets,
        .n_octets = ELEMENTSOF(request_octets),
        .quote_max = QUOTE_MAX,
        .quote = IN(quote),
        .signature_max = SIGNATURE_MAX,
        .signature = IN(signature),
        .digest = IN(digest),
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

/* What the tables do not say. NULL: nothing is wrong. */
static const char *fault(struct parsed *p)
{
        if (p->version != VERSION)
                return "member \"version\": this parent speaks version 2";
        if (nv_state_of(p->nv.ssh, &p->r.nv_ssh) < 0 || nv_state_of(p->nv.tls, &p->r.nv_tls) < 0)
                return "member \"nv\": not one of the states of the protocol";
        if (p->r.former[0] && !wire_code_ok(p->r.former))
                return "member \"former\": not the code of a failure";
        if (!printable(p->r.facts.tpm))
                return "member \"facts.tpm\": not the name of a manufacturer";
        return NULL;
}

int wire_attest_parse(const void *body, size_t len, struct attest_request *ret, char err[JTAB_ERR])
{
        _cleanup_(freep) struct parsed *p = calloc(1, sizeof(*p));
        const char *why;
        int r;

        if (!p)
                return -ENOMEM;
        r = frame_parse(body, len, &request_kind, p, err);
        if (r < 0)
                return r;
        why = fault(p);
        if (why) {
                (void)snprintf(err, JTAB_ERR, "%s", why);
                frame_wipe(&request_kind, p);
                return -EBADMSG;
        }
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
        int r = jtab_parse(text, len, WIRE_ATTEST_MAX, stored_tab, ELEMENTSOF(stored_tab), &f, err);

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
        jout_int(&o, "version", VERSION);
        jout_hex(&o, "node", r->node, DIGEST_LEN);
        jout_obj(&o, "nv");
        jout_str(&o, "ssh", nv_state_name(r->nv_ssh));
        jout_str(&o, "tls", nv_state_name(r->nv_tls));
        jout_end(&o, '}');
        jout_str(&o, "former", r->former);
        jout_hex(&o, "policy", r->policy, DIGEST_LEN);
        wire_facts_out(&o, "facts", &r->facts);
        rc = frame_build(&request_kind, &o, r, &text);
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
        return frame_build_signed(&request_kind, text, quote, signature, ret_body);
}

int wire_qualifying_data(const uint8_t exporter[DIGEST_LEN], const uint8_t request[DIGEST_LEN], uint8_t ret[DIGEST_LEN])
{
        uint8_t in[sizeof(LABEL) - 1 + 2 * DIGEST_LEN];

        memcpy(in, LABEL, sizeof(LABEL) - 1);
        memcpy(in + sizeof(LABEL) - 1, exporter, DIGEST_LEN);
        memcpy(in + sizeof(LABEL) - 1 + DIGEST_LEN, request, DIGEST_LEN);
        return digest_sha256(in, sizeof(in), ret);
}

/* ---- the answer to a challenge ------------------------------------------------- */

struct activation {
        struct jlengths octets;
        struct buf secret;
};

static const struct jfield activation_tab[] = {FRAME_OCTETS};
static const struct octet activation_octets[] = {{"secret", OCTET_BUF, 0, SECRET_MAX}};
static const struct frame_kind activation_kind = {
        .max = WIRE_ACTIVATE_MAX,
        .head = activation_tab,
        .n_head = ELEMENTSOF(activation_tab),
        .at = offsetof(struct activation, secret),
        .octets = activation_octets,
        .n_octets = ELEMENTSOF(activation_octets),
};

int wire_activate_build(const void *secret, size_t len, struct buf *ret_body)
{
        const struct buf from = {(uint8_t *)(uintptr_t)secret, len};
        struct jout o = {0};

        jout_obj(&o, NULL);
        return frame_build(&activation_kind, &o, &from, ret_body);
}

int wire_activate_parse(const void *body, size_t len, struct buf *ret_secret, char err[JTAB_ERR])
{
        struct activation a = {0};
        int r = frame_parse(body, len, &activation_kind, &a, err);

        if (r < 0)
                return r;
        *ret_secret = a.secret;
        return 0;
}
