/* SPDX-License-Identifier: Apache-2.0 */
#include "profile.h"

#include "evidence_impl.h"
#include "hex.h"
#include "jout.h"

#define JSON_MAX 65536
#define EVENT_TEXT (3 + 2 * DIGEST_LEN) /* "14:<hex>" */
#define SETTING_TEXT (2 * DIGEST_LEN + 1 + PROFILE_SETTING_NAME) /* "<hex> NAME" */
#define TABLES "@tables"

static const char *const tokens[] = {
        [CHAIN_SEPARATOR] = "separator",
        [CHAIN_IPXE] = "@ipxe",
        [CHAIN_UKI] = "@uki",
        [CHAIN_KERNEL] = "@kernel",
};

static void settings_out(struct jout *o, const struct profile *p)
{
        char text[SETTING_TEXT + 1];

        if (p->n_settings == 0)
                return;
        jout_arr(o, "settings");
        for (size_t i = 0; i < p->n_settings; i++) {
                const struct profile_setting *s = &p->settings[i];

                hex_encode(s->digest, DIGEST_LEN, text);
                if (s->name[0])
                        (void)snprintf(text + (size_t)2 * DIGEST_LEN, sizeof(text) - (size_t)2 * DIGEST_LEN, " %s", s->name);
                jout_str(o, NULL, s->tables ? TABLES : text);
        }
        jout_end(o, ']');
}

int profile_json_build(const struct profile *p, struct buf *ret)
{
        struct jout o = {0};
        char text[EVENT_TEXT + 1];
        char key[8];

        jout_obj(&o, NULL);
        jout_str(&o, "firmware", p->firmware);
        jout_bool(&o, "secure_boot", p->secure_boot);
        jout_obj(&o, "pcrs");
        for (size_t i = 0; i < PROFILE_PCRS; i++) {
                (void)snprintf(key, sizeof(key), "%u", profile_pcrs[i]);
                jout_hex(&o, key, p->pcr[i], DIGEST_LEN);
        }
        jout_end(&o, '}');
        jout_obj(&o, "recorded");
        for (size_t i = 0; i < PROFILE_RECORDED; i++) {
                (void)snprintf(key, sizeof(key), "%u", profile_recorded[i]);
                jout_hex(&o, key, p->recorded[i], DIGEST_LEN);
        }
        jout_end(&o, '}');
        jout_arr(&o, "pcr4");
        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i].token == CHAIN_DIGEST)
                        jout_hex(&o, NULL, p->steps[i].digest, DIGEST_LEN);
                else
                        jout_str(&o, NULL, tokens[p->steps[i].token]);
        jout_end(&o, ']');
        jout_arr(&o, "events");
        for (size_t i = 0; i < p->n_events; i++) {
                int n = snprintf(text, sizeof(text), "%u:", p->events[i].pcr);

                hex_encode(p->events[i].digest, DIGEST_LEN, text + n);
                jout_str(&o, NULL, text);
        }
        jout_end(&o, ']');
        settings_out(&o, p);
        jout_end(&o, '}');
        return jout_take(&o, ret);
}

struct parsed {
        struct profile p;
        struct jstrs pcr4, events, settings;
};

#define PCR(name, i)                                                                                                   \
        {                                                                                                              \
                name, JT_HEX, offsetof(struct parsed, p.pcr) + (i)*DIGEST_LEN, DIGEST_LEN, JF_REQUIRED                 \
        }
static const struct jfield pcrs_tab[PROFILE_PCRS] = {PCR("0", 0), PCR("2", 1), PCR("3", 2),
                                                     PCR("6", 3), PCR("7", 4), PCR("14", 5)};
#define RECORDED(name, i)                                                                                              \
        {                                                                                                              \
                name, JT_HEX, offsetof(struct parsed, p.recorded) + (i)*DIGEST_LEN, DIGEST_LEN, JF_REQUIRED            \
        }
static const struct jfield recorded_tab[PROFILE_RECORDED] = {RECORDED("1", 0), RECORDED("5", 1)};

static const struct jfield tab[] = {
        {"firmware", JT_STR, offsetof(struct parsed, p.firmware), WIRE_FACT_MAX, JF_REQUIRED},
        {"secure_boot", JT_BOOL, offsetof(struct parsed, p.secure_boot), 0, JF_REQUIRED},
        {"pcrs", JT_OBJ, 0, 0, JF_REQUIRED, 0, pcrs_tab, PROFILE_PCRS},
        {"recorded", JT_OBJ, 0, 0, JF_REQUIRED, 0, recorded_tab, PROFILE_RECORDED},
        {"pcr4", JT_STRS, offsetof(struct parsed, pcr4), 2 * DIGEST_LEN, JF_REQUIRED, PROFILE_SEQ_MAX},
        {"events", JT_STRS, offsetof(struct parsed, events), EVENT_TEXT, JF_REQUIRED, PROFILE_EVENTS_MAX},
        {"settings", JT_STRS, offsetof(struct parsed, settings), SETTING_TEXT, 0, PROFILE_SETTINGS_MAX},
};

static int step_of(const char *text, struct chain_step *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(tokens); i++)
                if (tokens[i] && strcmp(text, tokens[i]) == 0) {
                        ret->token = (enum chain_token)i;
                        return 0;
                }
        ret->token = CHAIN_DIGEST;
        return hex_decode_exact(text, ret->digest, DIGEST_LEN);
}

static int event_of(const char *text, struct profile_event *ret)
{
        for (size_t i = 0; i < PROFILE_PCRS; i++) {
                char lead[8];
                size_t n = (size_t)snprintf(lead, sizeof(lead), "%u:", profile_pcrs[i]);

                if (strncmp(text, lead, n) != 0)
                        continue;
                ret->pcr = profile_pcrs[i];
                return hex_decode_exact(text + n, ret->digest, DIGEST_LEN);
        }
        return -EBADMSG;
}

static int setting_of(const char *text, struct profile_setting *ret)
{
        char hex[HEX_LEN(DIGEST_LEN)];
        size_t n = strcspn(text, " ");

        ret->tables = strcmp(text, TABLES) == 0;
        if (ret->tables)
                return 0;
        if (n != sizeof(hex) - 1)
                return -EBADMSG;
        memcpy(hex, text, n);
        hex[n] = '\0';
        (void)snprintf(ret->name, sizeof(ret->name), "%s", text[n] ? text + n + 1 : "");
        return hex_decode_exact(hex, ret->digest, DIGEST_LEN);
}

int profile_json_parse(const void *text, size_t len, struct profile *ret, char err[JTAB_ERR])
{
        _cleanup_(freep) struct parsed *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        r = jtab_parse(text, len, JSON_MAX, tab, ELEMENTSOF(tab), p, err);
        if (r < 0)
                return r;
        for (size_t i = 0; r == 0 && i < p->pcr4.n; i++)
                r = step_of(p->pcr4.v[i], &p->p.steps[p->p.n_steps++]);
        for (size_t i = 0; r == 0 && i < p->events.n; i++)
                r = event_of(p->events.v[i], &p->p.events[p->p.n_events++]);
        jstrs_free(&p->pcr4);
        for (size_t i = 0; r == 0 && i < p->settings.n; i++)
                r = setting_of(p->settings.v[i], &p->p.settings[p->p.n_settings++]);
        jstrs_free(&p->events);
        jstrs_free(&p->settings);
        if (r < 0 || !profile_is_sound(&p->p)) {
                (void)snprintf(err, JTAB_ERR,
                               "not a firmware profile: its \"pcr4\", \"events\" or \"settings\" are not as they are learnt");
                return -EBADMSG;
        }
        *ret = p->p;
        return 0;
}
