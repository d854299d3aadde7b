/* SPDX-License-Identifier: Apache-2.0 */
/* hostile - what it is told on standard input; hostile.h. */
#include "hostile.h"

#include "hex.h"
#include "link.h"
#include "pki.h"

#include <openssl/pem.h>
#include <signal.h>

static EVP_PKEY *policy; /* the parent's policy key, public */

static void save(const char *dir, const char *name, const struct buf *b)
{
        char path[512];
        FILE *out;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        out = fopen(path, "w");
        FX(out && fwrite(b->p, 1, b->len, out) == b->len && fclose(out) == 0);
}

/* Of which boot is the approval of this answer? */
static void approvals(struct link *l)
{
        struct said s = link_attest(l, "");
        uint32_t reset = f.reset_count;
        uint8_t now[DIGEST_LEN];
        uint8_t before[DIGEST_LEN];
        uint8_t nv[DIGEST_LEN];
        uint8_t bundle[DIGEST_LEN];

        FX(policy_approved(f.req.pcrs, (struct policy_boot){reset, 0}, now) == 0);
        FX(policy_approved(f.req.pcrs, (struct policy_boot){reset - 1, 0}, before) == 0);
        FX(policy_ref(POLICY_NV, f.req.node, nv) == 0 && policy_ref(POLICY_BUNDLE, f.req.node, bundle) == 0);
#define HOLDS(digest, ref) \
        (policy_approval_verify(policy, digest, ref, s.approval, sizeof(s.approval)) == 0 ? "yes" : "no")
        (void)printf("%u %s, %u %s, nv as bundle %s\n", reset, HOLDS(now, nv), reset - 1, HOLDS(before, nv),
                     HOLDS(now, bundle));
}

/* What came, and the image key in base64. */
static void image_key(struct link *l)
{
        struct said s = link_attest(l, "");
        char text[B64_LEN(sizeof(s.image_key))];

        b64_encode(s.image_key, sizeof(s.image_key), text);
        (void)printf("%s %s\n", s.word, text);
}

/* Attests until the file is there; which answers came. */
static void storm(struct link *l, const char *until)
{
        char words[8][32] = {""};
        size_t n = 0;
        int count = 0;

        for (; access(until, F_OK) < 0; count++) {
                struct said s = link_attest(l, "");
                size_t i = 0;

                while (i < n && strcmp(words[i], s.word) != 0)
                        i++;
                if (i == n && n < ELEMENTSOF(words))
                        memcpy(words[n++], s.word, sizeof(s.word));
                if (!l->http)
                        link_dial(l, l->from);
        }
        (void)printf("%d:", count);
        for (size_t i = 0; i < n; i++)
                (void)printf(" %s", words[i]);
        (void)printf("\n");
}

static void burst(struct link *l, int most, const char *lie)
{
        struct said first = {0};
        struct said last = {0};
        int n = 0;

        for (; n < most && strcmp(first.word, last.word) == 0; n++) {
                if (!l->http)
                        link_dial(l, l->from);
                last = link_attest(l, lie);
                if (n == 0)
                        first = last;
        }
        (void)printf("%s %d, then %s\n", first.word, n - 1, last.word);
}

static void send_and_leave(struct link *l, const char *path, const struct buf *body)
{
        FX(http_send(l->http, "POST", path, "application/x-muster", body->p, body->len, 0) == 0);
        (void)usleep(500000);
        link_close(l);
}

static void activate(struct link *l, const char *lie)
{
        struct buf body = {0};
        uint8_t secret[33] = {0};
        size_t n = strcmp(lie, "empty") == 0 ? 0 : strcmp(lie, "short") == 0 ? 31 : strcmp(lie, "long") == 0 ? 33 : 32;

        if (challenge.credential_blob.len > 0)
                tpm_activate(&challenge.credential_blob, &challenge.secret, secret);
        secret[31] ^= strcmp(lie, "wrong") == 0;
        FX(wire_activate_build(secret, n, &body) == 0);
        if (strcmp(lie, "leave") == 0)
                send_and_leave(l, "/v2/activate", &body);
        else
                (void)printf("%s\n", link_post(l, "/v2/activate", &body).word);
        buf_wipe(&body);
}

/* ---- who it is ------------------------------------------------------------- */

static void new_ak(void)
{
        EVP_PKEY_free(f.ak);
        f.ak = tpm_new_key();
}

static void new_ek(void)
{
        EVP_PKEY_free(f.ek);
        f.ek = tpm_new_key();
        new_ak();
}

static struct {
        EVP_PKEY *ek;
        EVP_PKEY *ak;
} other;

static void make_other(void)
{
        if (!other.ek)
                other.ek = tpm_new_key();
        if (!other.ak)
                other.ak = tpm_new_key();
}

static void swap(EVP_PKEY **a, EVP_PKEY **b)
{
        EVP_PKEY *t;

        make_other();
        t = *a;
        *a = *b;
        *b = t;
}

static void take_certs(char *files)
{
        jbufs_free(&lie_certs);
        lie_certs = (struct jbufs){.v = calloc(WIRE_EK_CERTS, sizeof(struct buf))};
        FX(lie_certs.v);
        for (char *name = strtok(files, " "); name; name = strtok(NULL, " ")) {
                struct buf *b = &lie_certs.v[lie_certs.n++];
                FILE *in = fopen(name, "r");

                b->p = malloc(WIRE_EK_CERT_MAX);
                FX(lie_certs.n <= WIRE_EK_CERTS && in && b->p && (b->len = fread(b->p, 1, WIRE_EK_CERT_MAX, in)) > 0);
                (void)fclose(in);
        }
}

static void take_policy(const char *file)
{
        FILE *in = fopen(file, "r");

        FX(in);
        policy = PEM_read_PUBKEY(in, NULL, NULL, NULL);
        FX(policy && fclose(in) == 0);
}

static void set_fact(char *key)
{
        char *value = strchr(key, ' ');
        char text[WIRE_FACT_MAX + 1] = "";
        size_t n = 0;
        char *to = strncmp(key, "vendor", 6) == 0    ? f.facts.vendor
                   : strncmp(key, "product", 7) == 0 ? f.facts.product
                   : strncmp(key, "uuid", 4) == 0    ? f.facts.uuid
                   : strncmp(key, "client", 6) == 0  ? f.facts.client
                                                     : f.facts.serial;

        for (char *s = value ? value + 1 : key + strlen(key); *s && n < WIRE_FACT_MAX; s++) {
                bool escaped = *s == '\\' && (s[1] == 'n' || s[1] == 'e');

                text[n++] = !escaped ? *s : *++s == 'n' ? '\n' : '\033';
        }
        (void)snprintf(to, WIRE_FACT_MAX + 1, "%s", text);
}

/* ---- orders ---------------------------------------------------------------- */

static void tell(struct link *l, const char *lie)
{
        struct said s = link_attest(l, lie);

        (void)printf("%s %s %d\n", s.word, s.incident[0] ? s.incident : "-", s.members);
}

static void obey_link(const char *verb, unsigned n, const char *more)
{
        struct buf empty = {(uint8_t *)(uintptr_t) "{}", 2};
        struct link *l = &links[n % LINKS];

        if (strcmp(verb, "dial") == 0)
                link_dial(l, more);
        else if (strcmp(verb, "attest") == 0)
                (void)printf("%s\n", link_attest(l, more).word);
        else if (strcmp(verb, "tell") == 0)
                tell(l, more);
        else if (strcmp(verb, "activate") == 0)
                activate(l, more);
        else if (strcmp(verb, "print") == 0)
                (void)printf("%s\n", (link_attest(l, more), last_answer));
        else if (strcmp(verb, "send") == 0)
                (void)printf("%s\n", link_post(l, more, &empty).word);
        else if (strcmp(verb, "approvals") == 0)
                approvals(l);
        else if (strcmp(verb, "key") == 0)
                image_key(l);
        else if (strcmp(verb, "storm") == 0)
                storm(l, more);
        else if (strcmp(verb, "leave") == 0)
                activate(l, "leave");
        else
                FX(!"a known command");
}

static void obey(char *line)
{
        char verb[16] = "";
        char more[512] = "";
        unsigned n = 0;
        int count = 0;

        if (strcmp(line, "ak") == 0)
                new_ak();
        else if (strcmp(line, "ek") == 0)
                new_ek();
        else if (strcmp(line, "other") == 0)
                swap(&f.ek, &other.ek), swap(&f.ak, &other.ak);
        else if (sscanf(line, "wait %u", &n) == 1)
                (void)sleep(n);
        else if (strcmp(line, "swap") == 0)
                swap(&f.ek, &other.ek);
        else if (strcmp(line, "rewind") == 0)
                f.reset_count--;
        else if (strncmp(line, "policy ", 7) == 0)
                take_policy(line + 7);
        else if (strcmp(line, "reboot") == 0)
                f.reset_count++;
        else if (strncmp(line, "certs", 5) == 0)
                take_certs(line + 5);
        else if (strncmp(line, "public ", 7) == 0)
                tpm_write_public(line + 7);
        else if (strncmp(line, "fact ", 5) == 0)
                set_fact(line + 5);
        else if (sscanf(line, "burst %u %d %511s", &n, &count, more) == 3)
                burst(&links[n % LINKS], count, more);
        else if (sscanf(line, "relay %u %d", &n, &count) == 2) {
                lie_build(lie_find(""), links[n % LINKS].exporter);
                (void)printf("%s\n", link_post(&links[(unsigned)count % LINKS], "/v2/attest", &f.body).word);
        } else if (sscanf(line, "hang %u", &n) == 1) {
                lie_build(lie_find(""), links[n % LINKS].exporter);
                send_and_leave(&links[n % LINKS], "/v2/attest", &f.body);
        } else if (sscanf(line, "%15s %u %511s", verb, &n, more) >= 2)
                obey_link(verb, n, more);
        else
                FX(!"a known order");
}

static int talk(const char *ca_file, const char *to)
{
        struct buf pem = {malloc(8192), 0};
        X509 *ca = NULL;
        FILE *in = fopen(ca_file, "r");
        char line[1024];

        FX(in && pem.p && (pem.len = fread(pem.p, 1, 8192, in)) > 0 && fclose(in) == 0);
        FX(pki_cert_from_pem(pem.p, pem.len, &ca) == 0);
        link_parent(ca, (unsigned)atoi(to));
        while (fgets(line, sizeof(line), stdin)) {
                line[strcspn(line, "\n")] = '\0';
                obey(line);
        }
        for (size_t i = 0; i < LINKS; i++)
                link_close(&links[i]);
        verdict_wipe(&challenge);
        jbufs_free(&lie_certs);
        X509_free(ca);
        buf_wipe(&pem);
        return 0;
}

int main(int argc, char **argv)
{
        setlinebuf(stdout);
        (void)signal(SIGPIPE, SIG_IGN);
        fixture_init(&f);
        f.clock = 0; /* goes on by itself */
        if (argc == 3 && strcmp(argv[1], "files") == 0) {
                save(argv[2], FX_FILE, &f.uki);
                save(argv[2], "r8.efi", &f.old_uki);
                save(argv[2], "snponly.efi", &f.ipxe_file);
        } else if (argc == 2 && strcmp(argv[1], "lies") == 0) {
                for (size_t i = 0; i < n_lies; i++)
                        (void)printf("%s %s %c %s\n", lies[i].name, lies[i].code, lies[i].proof, lies[i].words);
        } else if (argc == 4 && strcmp(argv[1], "talk") == 0) {
                return talk(argv[2], argv[3]);
        } else {
                return 2;
        }
        fixture_free(&f);
        return 0;
}
