/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "facts.h"
#include "hex.h"
#include "tpmpub.h"

static const char *test_env(const char *name)
{
#ifdef MUSTER_TEST_TCTI
        return getenv(name);
#else
        (void)name;
        return NULL;
#endif
}

void node_stage(struct node *n, const char *name)
{
        int64_t now = stream_now_ms();

        if (n->n_stages < NODE_STAGES)
                n->stages[n->n_stages++] = (struct node_stage){ name, now - n->stage_start };
        n->stage_start = now;
}

void node_wipe(struct node *n)
{
        verdict_wipe(&n->verdict);
        wipe(n->key, sizeof(n->key));
        wipe(&n->approval, sizeof(n->approval));
        wipe(n->exporter, sizeof(n->exporter));
        http_free(n->http);
        buf_wipe(&n->eventlog);
        attest_facts_wipe(&n->facts);
        tpm_ek_certs_free(&n->certs);
        tpm_nv_end(&n->nv_session);
        tpm_key_close(&n->ak);
        tpm_key_close(&n->ek);
        tpm_close(n->tpm);
        closep(&n->image_fd); /* a mounted loop device keeps its own */
        n->image_fd = -1;
        n->http = NULL;
        n->tpm = NULL;
}

static int identify(struct node *n)
{
        struct tpmpub pub;

        if (tpmpub_parse_2b(n->ek.public, n->ek.public_len, &pub) < 0 || tpmpub_id(&pub, n->id) < 0)
                return fail_set(&n->f, -EIO, "E-TPM", "report it with this TPM's model",
                                "read the EK of %s: its public area does not parse", n->tpm->name);
        hex_encode(n->id, DIGEST_LEN, n->id_hex);
        return 0;
}

static int look_at_nv(struct node *n)
{
        uint8_t name[POLICY_NAME_LEN], ref[DIGEST_LEN];
        int r = 0;

        if (!n->conf)
                return 0;
        if (policy_key_name(n->conf->policy_key, name) < 0 || policy_ref(POLICY_NV, n->id, ref) < 0 ||
            policy_auth_digest(name, ref, n->nv_policy) < 0)
                return fail_set(&n->f, -EINVAL, "E-CONFIG", "make the initramfs again with this parent's policy.pem",
                                "use the policy key %s: it is not a P-256 key", n->conf->policy_path);
        memcpy(n->policy, name + POLICY_NAME_LEN - DIGEST_LEN, DIGEST_LEN);
        for (int p = NV_SSH; r == 0 && p <= NV_PURPOSES; p++)
                r = tpm_nv_presume(n->tpm, (enum nv_purpose)p, n->nv_policy, &n->nv[p], &n->f);
        return r;
}

int node_tpm_open(struct node *n)
{
        const char *sysfs = test_env("MUSTER_FACTS");
        int r;

        r = tpm_open(test_env("MUSTER_TCTI"), &n->tpm, &n->f);
        if (r < 0)
                return r;
        node_stage(n, "tpm_open");
        r = tpm_ek_open(n->tpm, &n->ek, &n->certs, &n->f);
        if (r == 0)
                r = identify(n);
        if (r < 0)
                return r;
        node_stage(n, "ek");
        r = facts_read(sysfs ? sysfs : "/sys", &n->facts);
        if (r < 0)
                return fail_set(&n->f, r, "E-TPM", "", "read this machine's facts: %s", strerror(-r));
        r = look_at_nv(n);
        node_stage(n, "nv_look");
        return r;
}
