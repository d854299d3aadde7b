/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_verdict.h"

#include "hex.h"
#include "jout.h"

#define TPM2B_MAX 2048
#define CERT_MAX 4096
#define RETRY_MAX 3600

static const char *const kind_names[] = {
        [VERDICT_OK] = "ok",           [VERDICT_CHALLENGE] = "challenge", [VERDICT_PENDING] = "pending",
        [VERDICT_REFUSED] = "refused", [VERDICT_MALFORMED] = "malformed", [VERDICT_BUSY] = "busy",
};

/* null, absent and empty differ here, so the parser has its own struct. */
struct parsed {
        struct verdict v;
        char kind[16];
        struct buf key;
        enum jstate has_bundle;
        enum jstate has_approval;
};

#define AT(field) offsetof(struct parsed, v.field)
#define B64(name, field, max)                                                                                          \
        {                                                                                                              \
                name, JT_B64, AT(field), max, JF_REQUIRED                                                              \
        }
#define KIND                                                                                                           \
        {                                                                                                              \
                "verdict", JT_STR, offsetof(struct parsed, kind), 15, JF_REQUIRED                                      \
        }

static const struct jfield challenge_tab[] = {
        KIND,
        B64("credential_blob", credential_blob, TPM2B_MAX),
        B64("secret", secret, TPM2B_MAX),
};
static const struct jfield pending_tab[] = {
        KIND,
        {"id", JT_HEX, AT(node), DIGEST_LEN, JF_REQUIRED},
        {"retry_after", JT_INT, AT(retry_after), RETRY_MAX, JF_REQUIRED},
};
static const struct jfield refused_tab[] = {
        KIND,
        {"code", JT_STR, AT(code), 15, JF_REQUIRED},
        {"incident", JT_STR, AT(incident), 16, JF_REQUIRED},
        {"retry_after", JT_INT, AT(retry_after), RETRY_MAX, JF_REQUIRED},
};

#define BUNDLE_AT(field) offsetof(struct wire_bundle, field)
static const struct jfield bundle_tab[] = {
        {"public", JT_B64, BUNDLE_AT(public_area), TPM2B_MAX, JF_REQUIRED},
        {"duplicate", JT_B64, BUNDLE_AT(duplicate), TPM2B_MAX, JF_REQUIRED},
        {"seed", JT_B64, BUNDLE_AT(seed), TPM2B_MAX, JF_REQUIRED},
        {"data", JT_B64, BUNDLE_AT(data), TPM2B_MAX, JF_REQUIRED},
};
static const struct jfield approvals_tab[] = {
        B64("nv", approval_nv, TPM2B_MAX),
        {"bundle", JT_B64, AT(approval_bundle), TPM2B_MAX, JF_STATE, .state = offsetof(struct parsed, has_approval)},
};
static const struct jfield certs_tab[] = {
        B64("ssh", cert_ssh, CERT_MAX),
        B64("tls", cert_tls, CERT_MAX),
};
static const struct jfield ok_tab[] = {
        KIND,
        {"node", JT_HEX, AT(node), DIGEST_LEN, JF_REQUIRED},
        {"name", JT_STR, AT(name), 63, JF_REQUIRED},
        {"boot", JT_STR, AT(boot), 16, JF_REQUIRED},
        {"manifest", JT_STRDUP, AT(manifest), WIRE_MANIFEST_MAX, JF_REQUIRED},
        {"image_key", JT_B64, offsetof(struct parsed, key), 32, JF_REQUIRED | JF_SECRET},
        {"image_urls", JT_STRS, AT(image_urls), WIRE_URL_MAX, JF_REQUIRED, WIRE_URLS},
        {"approvals", JT_OBJ, 0, 0, JF_REQUIRED, 0, approvals_tab, ELEMENTSOF(approvals_tab)},
        {"certificates", JT_OBJ, 0, 0, JF_REQUIRED, 0, certs_tab, ELEMENTSOF(certs_tab)},
        {"ca", JT_STRDUP, AT(ca), WIRE_VERDICT_MAX, JF_REQUIRED},
        {"bundle", JT_OBJ, AT(bundle), 0, JF_REQUIRED | JF_NULL | JF_STATE, 0, bundle_tab, ELEMENTSOF(bundle_tab),
         offsetof(struct parsed, has_bundle)},
};

static const struct {
        const struct jfield *tab;
        size_t n;
        unsigned status;
} kinds[] = {
        [VERDICT_OK] = {ok_tab, ELEMENTSOF(ok_tab), 200},
        [VERDICT_CHALLENGE] = {challenge_tab, ELEMENTSOF(challenge_tab), 200},
        [VERDICT_PENDING] = {pending_tab, ELEMENTSOF(pending_tab), 200},
        [VERDICT_REFUSED] = {refused_tab, ELEMENTSOF(refused_tab), 403},
        [VERDICT_MALFORMED] = {refused_tab, ELEMENTSOF(refused_tab), 400},
        [VERDICT_BUSY] = {refused_tab, ELEMENTSOF(refused_tab), 503},
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
                return "members \"manifest\", \"ca\": must not be empty";
        if (!urls_ok(&v->image_urls))
                return "member \"image_urls\": not 1 to 16 http URLs";
        if (v->approval_nv.len == 0 || v->cert_ssh.len == 0 || v->cert_tls.len == 0)
                return "members \"approvals\", \"certificates\": must not be empty";
        if (v->has_bundle != (v->approval_bundle.len > 0))
                return "member \"approvals.bundle\": has to be there exactly when there is a bundle";
        if (v->has_bundle && (v->bundle.public_area.len == 0 || v->bundle.duplicate.len == 0 ||
                              v->bundle.seed.len == 0 || v->bundle.data.len == 0))
                return "member \"bundle\": a part is empty";
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
        jout_str(o, "manifest", v->manifest);
        jout_b64(o, "image_key", v->image_key, sizeof(v->image_key));
        jout_arr(o, "image_urls");
        for (size_t i = 0; i < v->image_urls.n; i++)
                jout_str(o, NULL, v->image_urls.v[i]);
        jout_end(o, ']');
        jout_obj(o, "approvals");
        jout_b64(o, "nv", v->approval_nv.p, v->approval_nv.len);
        if (v->has_bundle)
                jout_b64(o, "bundle", v->approval_bundle.p, v->approval_bundle.len);
        jout_end(o, '}');
        jout_obj(o, "certificates");
        jout_b64(o, "ssh", v->cert_ssh.p, v->cert_ssh.len);
        jout_b64(o, "tls", v->cert_tls.p, v->cert_tls.len);
        jout_end(o, '}');
        jout_str(o, "ca", v->ca);
        if (!v->has_bundle) {
                jout_null(o, "bundle");
                return;
        }
        jout_obj(o, "bundle");
        jout_b64(o, "public", v->bundle.public_area.p, v->bundle.public_area.len);
        jout_b64(o, "duplicate", v->bundle.duplicate.p, v->bundle.duplicate.len);
        jout_b64(o, "seed", v->bundle.seed.p, v->bundle.seed.len);
        jout_b64(o, "data", v->bundle.data.p, v->bundle.data.len);
        jout_end(o, '}');
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
        } else if (v->kind == VERDICT_CHALLENGE) {
                jout_b64(&o, "credential_blob", v->credential_blob.p, v->credential_blob.len);
                jout_b64(&o, "secret", v->secret.p, v->secret.len);
        } else if (v->kind == VERDICT_PENDING) {
                jout_hex(&o, "id", v->node, DIGEST_LEN);
                jout_int(&o, "retry_after", v->retry_after);
        } else {
                jout_str(&o, "code", v->code);
                jout_str(&o, "incident", v->incident);
                jout_int(&o, "retry_after", v->retry_after);
        }
        jout_end(&o, '}');
        return jout_take(&o, ret_body);
}

static void parsed_wipe(struct parsed *p)
{
        buf_wipe(&p->key);
        verdict_wipe(&p->v);
}

static enum verdict_kind kind_of(const char *name)
{
        for (size_t i = VERDICT_OK; i < ELEMENTSOF(kind_names); i++)
                if (strcmp(kind_names[i], name) == 0)
                        return (enum verdict_kind)i;
        return VERDICT_NONE;
}

/* The checks that need to know null from absent. */
static const char *parsed_fault(struct parsed *p)
{
        if (p->v.kind != VERDICT_OK)
                return NULL;
        if (p->key.len != sizeof(p->v.image_key))
                return "member \"image_key\": has to be 32 bytes";
        memcpy(p->v.image_key, p->key.p, sizeof(p->v.image_key));
        p->v.has_bundle = p->has_bundle == JS_SET;
        if ((p->has_approval == JS_SET) != p->v.has_bundle)
                return "member \"approvals.bundle\": has to be there exactly when there is a bundle";
        return NULL;
}

int wire_verdict_parse(const void *body, size_t len, struct verdict *ret, char err[JTAB_ERR])
{
        _cleanup_(parsed_wipe) struct parsed p = {0};
        const char *why;
        char name[16];
        enum verdict_kind kind;
        int r = jtab_peek(body, len, WIRE_VERDICT_MAX, "verdict", name, sizeof(name), err);

        if (r < 0)
                return r;
        kind = kind_of(name);
        if (kind == VERDICT_NONE) {
                (void)snprintf(err, JTAB_ERR, "%s", fault(&p.v));
                return -EBADMSG;
        }
        r = jtab_parse(body, len, WIRE_VERDICT_MAX, kinds[kind].tab, kinds[kind].n, &p, err);
        if (r < 0)
                return r;
        p.v.kind = kind;
        why = parsed_fault(&p);
        if (!why)
                why = fault(&p.v);
        if (why) {
                (void)snprintf(err, JTAB_ERR, "%s", why);
                return -EBADMSG;
        }
        *ret = p.v;
        p.v = (struct verdict){0};
        return 0;
}
