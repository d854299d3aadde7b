/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_verdict.h"

#include "wire_frame.h"

#define TPM2B_MAX 2048
#define CERT_MAX 4096
#define CA_MAX 32768
#define RETRY_MAX 3600

static const char *const kind_names[] = {
        [VERDICT_OK] = "ok",           [VERDICT_CHALLENGE] = "challenge", [VERDICT_PENDING] = "pending",
        [VERDICT_REFUSED] = "refused", [VERDICT_MALFORMED] = "malformed", [VERDICT_BUSY] = "busy",
};

struct parsed {
        struct jlengths octets;
        struct verdict v;
        char kind[16];
};

#define AT(field) offsetof(struct parsed, v.field)
#define KIND                                                                                                           \
        {                                                                                                              \
                "verdict", JT_STR, offsetof(struct parsed, kind), 15, JF_REQUIRED                                      \
        }

static const struct jfield challenge_tab[] = {KIND, FRAME_OCTETS};
static const struct jfield pending_tab[] = {
        KIND,
        {"id", JT_HEX, AT(node), DIGEST_LEN, JF_REQUIRED},
        {"retry_after", JT_INT, AT(retry_after), RETRY_MAX, JF_REQUIRED},
        FRAME_OCTETS,
};
static const struct jfield refused_tab[] = {
        KIND,
        {"code", JT_STR, AT(code), 15, JF_REQUIRED},
        {"incident", JT_STR, AT(incident), 16, JF_REQUIRED},
        {"retry_after", JT_INT, AT(retry_after), RETRY_MAX, JF_REQUIRED},
        FRAME_OCTETS,
};
static const struct jfield ok_tab[] = {
        KIND,
        {"node", JT_HEX, AT(node), DIGEST_LEN, JF_REQUIRED},
        {"name", JT_STR, AT(name), 63, JF_REQUIRED},
        {"boot", JT_STR, AT(boot), 16, JF_REQUIRED},
        {"image_urls", JT_STRS, AT(image_urls), WIRE_URL_MAX, JF_REQUIRED, WIRE_URLS},
        FRAME_OCTETS,
};

#define IN(field) offsetof(struct verdict, field)
#define BLOB(name, field, max)                                                                                         \
        {                                                                                                              \
                name, OCTET_BUF, IN(field), max                                                                        \
        }
/* The bundle and its approval are there together or not at all. */
#define OPTIONAL(name, field)                                                                                          \
        {                                                                                                              \
                name, OCTET_BUF, IN(field), TPM2B_MAX, .optional = true                                                \
        }

static const struct octet challenge_octets[] = {
        BLOB("credential_blob", credential_blob, TPM2B_MAX),
        BLOB("secret", secret, TPM2B_MAX),
};
static const struct octet ok_octets[] = {
        {"manifest", OCTET_TEXT, IN(manifest), WIRE_MANIFEST_MAX},
        {"image_key", OCTET_FIXED, IN(image_key), sizeof(((struct verdict *)0)->image_key)},
        BLOB("approval_nv", approval_nv, TPM2B_MAX),
        OPTIONAL("approval_bundle", approval_bundle),
        BLOB("certificate_ssh", cert_ssh, CERT_MAX),
        BLOB("certificate_tls", cert_tls, CERT_MAX),
        {"ca", OCTET_TEXT, IN(ca), CA_MAX},
        OPTIONAL("bundle_public", bundle.public_area),
        OPTIONAL("bundle_duplicate", bundle.duplicate),
        OPTIONAL("bundle_seed", bundle.seed),
        OPTIONAL("bundle_data", bundle.data),
};

#define FRAME(tab, octets_, n)                                                                                         \
        {                                                                                                              \
                .max = WIRE_VERDICT_MAX, .head = tab, .n_head = ELEMENTSOF(tab), .at = offsetof(struct parsed, v),     \
                .octets = octets_, .n_octets = n                                                                       \
        }

static const struct {
        struct frame_kind frame;
        unsigned status;
} kinds[] = {
        [VERDICT_OK] = {FRAME(ok_tab, ok_octets, ELEMENTSOF(ok_octets)), 200},
        [VERDICT_CHALLENGE] = {FRAME(challenge_tab, challenge_octets, ELEMENTSOF(challenge_octets)), 200},
        [VERDICT_PENDING] = {FRAME(pending_tab, NULL, 0), 200},
        [VERDICT_REFUSED] = {FRAME(refused_tab, NULL, 0), 403},
        [VERDICT_MALFORMED] = {FRAME(refused_tab, NULL, 0), 400},
        [VERDICT_BUSY] = {FRAME(refused_tab, NULL, 0), 503},
};

unsigned wire_verdict_status(enum verdict_kind kind)
{
        return kind > VERDICT_NONE && (size_t)kind < ELEMENTSOF(kinds) ? kinds[kind].status : 500;
}

void verdict_wipe(struct verdict *v)
{
        buf_wipe(&v->credential_blob);
        buf_wipe(&v->secret);
        free(v->manifest);
        free(v->ca);
        jstrs_free(&v->image_urls);
        buf_wipe(&v->approval_nv);
        buf_wipe(&v->approval_bundle);
        buf_wipe(&v->cert_ssh);
        buf_wipe(&v->cert_tls);
        buf_wipe(&v->bundle.public_area);
        buf_wipe(&v->bundle.duplicate);
        buf_wipe(&v->bundle.seed);
        buf_wipe(&v->bundle.data);
        wipe(v, sizeof(*v));
}

bool wire_name_ok(const char *name)
{
        size_t n = strlen(name);

        return n > 0 && n <= 63 && name[0] != '-' && name[n - 1] != '-' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

bool wire_name_like_id(const char *text)
{
        size_t n = strlen(text);

        return n >= 8 && n <= 64 && strspn(text, "0123456789abcdef") == n;
}

static bool hex16(const char *s)
{
        return strlen(s) == 16 && strspn(s, "0123456789abcdef") == 16;
}

static bool code_ok(const char *s)
{
        return strncmp(s, "M-", 2) == 0 && s[2] && strspn(s + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(s + 2);
}

static bool urls_ok(const struct jstrs *urls)
{
        for (size_t i = 0; i < urls->n; i++) {
                const char *u = urls->v[i];

                if (strncmp(u, "http://", 7) != 0 && strncmp(u, "https://", 8) != 0)
                        return false;
                for (; *u; u++)
                        if (*u <= 0x20 || *u >= 0x7f)
                                return false;
        }
        return urls->n > 0 && urls->n <= WIRE_URLS;
}

/* What an `ok` needs beyond types, the same for builder and parser; NULL
 * when all is well. */
static const char *ok_fault(const struct verdict *v)
{
        if (!wire_name_ok(v->name))
                return "member \"name\": no node name";
        if (!hex16(v->boot))
                return "member \"boot\": not 16 hexadecimal digits";
        if (!v->manifest || !*v->manifest || !v->ca || !*v->ca)
                return "octets \"manifest\", \"ca\": must not be empty";
        if (!urls_ok(&v->image_urls))
                return "member \"image_urls\": not 1 to 16 http URLs";
        if (v->approval_nv.len == 0 || v->cert_ssh.len == 0 || v->cert_tls.len == 0)
                return "octets \"approval_nv\", \"certificate_*\": must not be empty";
        if (v->has_bundle != (v->approval_bundle.len > 0) || v->has_bundle != (v->bundle.public_area.len > 0) ||
            v->has_bundle != (v->bundle.duplicate.len > 0) || v->has_bundle != (v->bundle.seed.len > 0))
                return "octets \"bundle_*\", \"approval_bundle\": all of them are there, or none";
        return NULL;
}

static const char *fault(const struct verdict *v)
{
        switch (v->kind) {
        case VERDICT_OK:
                return ok_fault(v);
        case VERDICT_CHALLENGE:
                return v->credential_blob.len == 0 || v->secret.len == 0 ? "the challenge is empty" : NULL;
        case VERDICT_PENDING:
                return v->retry_after < 0 || v->retry_after > RETRY_MAX ? "retry_after is out of range" : NULL;
        case VERDICT_REFUSED:
        case VERDICT_MALFORMED:
        case VERDICT_BUSY:
                if (!code_ok(v->code) || !hex16(v->incident))
                        return "members \"code\", \"incident\": not a code and 16 hexadecimal digits";
                return v->retry_after < 0 || v->retry_after > RETRY_MAX ? "retry_after is out of range" : NULL;
        case VERDICT_NONE:
                break;
        }
        return "member \"verdict\": not one of the protocol's verdicts";
}

static void ok_out(struct jout *o, const struct verdict *v)
{
        jout_hex(o, "node", v->node, DIGEST_LEN);
        jout_str(o, "name", v->name);
        jout_str(o, "boot", v->boot);
        jout_arr(o, "image_urls");
        for (size_t i = 0; i < v->image_urls.n; i++)
                jout_str(o, NULL, v->image_urls.v[i]);
        jout_end(o, ']');
}

int wire_verdict_build(const struct verdict *v, struct buf *ret_body)
{
        struct jout o = {0};

        if (fault(v))
                return -EINVAL;
        jout_obj(&o, NULL);
        jout_str(&o, "verdict", kind_names[v->kind]);
        if (v->kind == VERDICT_OK) {
                ok_out(&o, v);
        } else if (v->kind == VERDICT_PENDING) {
                jout_hex(&o, "id", v->node, DIGEST_LEN);
                jout_int(&o, "retry_after", v->retry_after);
        } else if (v->kind != VERDICT_CHALLENGE) {
                jout_str(&o, "code", v->code);
                jout_str(&o, "incident", v->incident);
                jout_int(&o, "retry_after", v->retry_after);
        }
        return frame_build(&kinds[v->kind].frame, &o, v, ret_body);
}

static enum verdict_kind kind_of(const char *name)
{
        for (size_t i = VERDICT_OK; i < ELEMENTSOF(kind_names); i++)
                if (strcmp(kind_names[i], name) == 0)
                        return (enum verdict_kind)i;
        return VERDICT_NONE;
}

int wire_verdict_parse(const void *body, size_t len, struct verdict *ret, char err[JTAB_ERR])
{
        struct parsed p = {0};
        const char *why;
        char name[16];
        enum verdict_kind kind;
        int r = frame_peek(body, len, WIRE_VERDICT_MAX, "verdict", name, sizeof(name), err);

        if (r < 0)
                return r;
        kind = kind_of(name);
        if (kind == VERDICT_NONE) {
                (void)snprintf(err, JTAB_ERR, "%s", fault(&p.v));
                return -EBADMSG;
        }
        r = frame_parse(body, len, &kinds[kind].frame, &p, err);
        if (r < 0)
                return r;
        p.v.kind = kind;
        p.v.has_bundle = p.v.bundle.data.len > 0;
        why = fault(&p.v);
        if (why) {
                (void)snprintf(err, JTAB_ERR, "%s", why);
                frame_wipe(&kinds[kind].frame, &p);
                return -EBADMSG;
        }
        *ret = p.v;
        wipe(&p, sizeof(p));
        return 0;
}
