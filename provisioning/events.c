/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"
#include "table.h"

#include <inttypes.h>

#define PAGE 1000

/* One page; *ret_n is how many it held, *ret_last the seq of its last. */
static int page(struct admin *a, const char *node, int64_t after, size_t limit, bool newest, struct json_object *out,
                size_t *ret_n, int64_t *ret_last, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct json_object *list;
        char target[256];
        char from[32] = "";
        int rc;

        if (after > 0)
                (void)snprintf(from, sizeof(from), "&after=%" PRId64, after);
        (void)snprintf(target, sizeof(target), "/v1/events?limit=%zu%s%s%s%s", limit, newest ? "&newest=1" : "", from,
                       node ? "&node=" : "", node ? node : "");
        rc = admin_call(a, "GET", target, NULL, &o, f);
        if (rc)
                return rc;
        list = admin_get(o, "events");
        if (!json_object_is_type(list, json_type_array))
                return fail_set(f, MUSTER_UNREACHABLE, "", "", "read the journal: musterd's answer has no events");
        *ret_n = json_object_array_length(list);
        for (size_t i = 0; i < *ret_n; i++) {
                struct json_object *e = json_object_array_get_idx(list, i);

                *ret_last = admin_int(e, "seq");
                json_object_array_add(out, json_object_get(e));
        }
        return 0;
}

int events_newest(struct admin *a, const char *node, size_t count, struct json_object *out, struct fail *f)
{
        int64_t before = 0;

        while (count > 0) {
                size_t want = count < PAGE ? count : PAGE;
                int64_t last = 0;
                size_t n = 0;
                int rc = page(a, node, before, want, true, out, &n, &last, f);

                if (rc || n == 0 || last <= 1 || (before && last >= before))
                        return rc;
                before = last;
                count -= n < count ? n : count;
        }
        return 0;
}

int events_after(struct admin *a, const char *node, int64_t *after, struct json_object *out, struct fail *f)
{
        for (;;) {
                int64_t last = *after;
                size_t n = 0;
                int rc = page(a, node, *after, PAGE, false, out, &n, &last, f);

                if (rc || n == 0 || last <= *after)
                        return rc;
                *after = last;
        }
}

int events_head(struct admin *a, int64_t *ret, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        int rc = admin_call(a, "GET", "/v1/status", NULL, &o, f);

        if (rc == 0)
                *ret = admin_int(admin_get(o, "journal"), "seq");
        return rc;
}

static size_t explained(struct json_object *e)
{
        struct json_object *x = admin_get(e, "explain");

        return json_object_is_type(x, json_type_array) ? json_object_array_length(x) : 0;
}

struct json_object *events_last_refusal(struct json_object *newest_first)
{
        for (size_t i = 0; i < json_object_array_length(newest_first); i++) {
                struct json_object *e = json_object_array_get_idx(newest_first, i);

                if (*admin_text(e, "code") && (explained(e) > 0 || strcmp(admin_text(e, "event"), "refused") == 0))
                        return e;
        }
        return NULL;
}

size_t events_let_in(struct json_object *newest_first)
{
        int64_t boot = -1;
        size_t n = 0;

        for (size_t i = 0; i < json_object_array_length(newest_first); i++) {
                struct json_object *e = json_object_array_get_idx(newest_first, i);
                int64_t resets = admin_int(admin_get(e, "detail"), "reset_count");

                if (strcmp(admin_text(e, "event"), "ok") != 0 || (n > 0 && resets != boot))
                        break;
                boot = resets;
                n++;
        }
        return n;
}

void events_print_let_in(const char *node, size_t times)
{
        if (times > 1)
                printf("%s was let in %zu times in its last boot, without a reset between: it attested well, and then itself "
                       "refused\n  what it was given: the image did not verify (E-IMAGE) or could not be started (E-MOUNT), or its "
                       "keys (E-NV, E-BUNDLE).\n  Next: read its console for the code; for E-IMAGE see who serves the image, "
                       "and add it again.\n\n", node, times);
}

bool events_of_range(struct json_object *e, const struct noderange *range)
{
        const char *name = admin_text(e, "name");
        const char *id = admin_text(e, "node");

        for (size_t i = 0; i < range->n; i++)
                if (strcmp(range->name[i], name) == 0 ||
                    (strlen(range->name[i]) >= 8 && strncmp(range->name[i], id, strlen(range->name[i])) == 0))
                        return true;
        return false;
}

void events_print_explanation(struct json_object *e, const char *margin)
{
        struct json_object *x = admin_get(e, "explain");

        for (size_t i = 0; i < explained(e); i++) {
                struct json_object *line = json_object_array_get_idx(x, i);
                const char *text = json_object_is_type(line, json_type_string) ? json_object_get_string(line) : "";
                char safe[2048];

                printf("%s%s\n", margin, show_text(text, safe, sizeof(safe)));
        }
}

/* ` key=value …` for people; long and nested values are for -o json. */
static void detail_text(struct json_object *detail, char *out, size_t size)
{
        char part[64];
        char value[256];
        size_t n = 0;

        *out = '\0';
        if (!json_object_is_type(detail, json_type_object))
                return;
        json_object_object_foreach(detail, key, v)
        {
                const char *text = v ? json_object_get_string(v) : "";
                bool simple = !json_object_is_type(v, json_type_object) && !json_object_is_type(v, json_type_array);

                if (!simple || !*text || n >= size)
                        continue;
                (void)snprintf(part, sizeof(part), "%.48s%s", text, strlen(text) > 48 ? "..." : "");
                n += (size_t)snprintf(out + n, size - n, "  %s=%s", key, show_value(part, value, sizeof(value)));
        }
}

void events_print_step(struct json_object *step, const char *margin)
{
        static const struct {
                const char *reached, *what, *next;
        } words[] = {
                { "script", "It got its boot script and asked for no UKI since",
                  "read iPXE's lines on its console; see whether another DHCP, TFTP or HTTP server answers it" },
                { "uki-part", "It began to fetch the UKI, and did not get the whole of it",
                  "read iPXE's lines on its console; look at its memory and at the network" },
                { "uki", "It fetched the whole UKI, and nothing came from its address to the attest listener since",
                  "read the kernel's and muster-node's lines on its console: the kernel may not start, the command line may lack root=muster, "
                  "the network may not come up, or the UKI's node.conf may name other parents" },
                { "connected", "It connected to the attest listener, and sent no request that holds",
                  "read muster-node's line on its console, and musterd's log" },
                { "distrust", "It ended the TLS handshake, since it does not trust this parent",
                  "unknown CA: its UKI was made with another cluster's CA, so make one from this parent's /etc/muster (muster boot build, "
                  "muster boot add); certificate expired: compare its clock with this parent's" },
        };
        const char *reached = admin_text(step, "reached");
        char when[TIME_TEXT_MAX];
        char from[64];
        char alert[64];

        for (size_t i = 0; step && i < ELEMENTSOF(words); i++)
                if (strcmp(words[i].reached, reached) == 0)
                        printf("%s%s%s%s (at %s, from %s).\n%sNext: %s.\n", margin, words[i].what, admin_str(step, "alert") ? ": TLS alert " : "",
                               admin_str(step, "alert") ? show_text(admin_text(step, "alert"), alert, sizeof(alert)) : "",
                               time_text(admin_int(step, "when"), when), show_text(admin_text(step, "from"), from, sizeof(from)), margin,
                               words[i].next);
}

void events_print(struct json_object *e, bool explain)
{
        struct json_object *detail = admin_get(e, "detail");
        const char *who = *admin_text(e, "name") ? admin_text(e, "name") : admin_text(e, "node");
        char line[1024];
        char details[1024];
        char safe[2048];
        char when[TIME_TEXT_MAX];
        size_t n;

        n = (size_t)snprintf(line, sizeof(line), "%6" PRId64 "  %s  %-12.16s  %s", admin_int(e, "seq"),
                             time_text(admin_int(e, "time"), when), *who ? who : "-", admin_text(e, "event"));
        if (n < sizeof(line) && *admin_text(e, "code"))
                n += (size_t)snprintf(line + n, sizeof(line) - n, "  %s", admin_text(e, "code"));
        if (n < sizeof(line) && *admin_text(e, "incident"))
                n += (size_t)snprintf(line + n, sizeof(line) - n, "  incident %s", admin_text(e, "incident"));
        detail_text(detail, details, sizeof(details));
        if (n < sizeof(line))
                (void)snprintf(line + n, sizeof(line) - n, "%s", details);
        printf("%s\n", show_text(line, safe, sizeof(safe)));
        if (explain)
                events_print_explanation(e, "        ");
}

void events_print_refusal(const char *node, struct json_object *e, bool passed)
{
        char when[TIME_TEXT_MAX];
        char code[32];
        char incident[40];

        if (!e) {
                printf("%s: no refusal in the journal.\n\n", node);
                return;
        }
        printf("%s was %s refused at %s: %s, incident %s%s\n", node, passed ? "once" : "last", time_text(admin_int(e, "time"), when),
               show_text(admin_text(e, "code"), code, sizeof(code)),
               show_text(admin_text(e, "incident"), incident, sizeof(incident)),
               passed ? "; this is over: it was let in or approved since. Then it was:" : "");
        events_print_explanation(e, "  ");
        putchar('\n');
}
