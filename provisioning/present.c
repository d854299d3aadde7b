/* SPDX-License-Identifier: Apache-2.0 */
#include "present.h"

#include "events.h"
#include "table.h"

static const char *event_of(struct json_object *e)
{
        return admin_text(e, "event");
}

bool present_passed(struct json_object *e, struct json_object *newest_first)
{
        for (size_t i = 0; i < json_object_array_length(newest_first); i++) {
                struct json_object *x = json_object_array_get_idx(newest_first, i);

                if (admin_int(x, "seq") <= admin_int(e, "seq"))
                        return false;
                if (strcmp(event_of(x), "ok") == 0 || strcmp(event_of(x), "approved") == 0)
                        return true;
        }
        return false;
}

static struct json_object *newest_of(struct json_object *newest_first, const char *event)
{
        for (size_t i = 0; i < json_object_array_length(newest_first); i++) {
                struct json_object *x = json_object_array_get_idx(newest_first, i);

                if (strcmp(event_of(x), event) == 0)
                        return x;
        }
        return NULL;
}

static void print_released(const char *name, struct json_object *n, struct json_object *newest_first)
{
        char when[TIME_TEXT_MAX];
        char booted[80];
        char image[80];

        printf("%s is released: it was let in at %s (boot entry %s, image %s), and said of no failure since.\n", name,
               time_text(admin_int(n, "last_ok"), when), show_text(admin_text(n, "booted"), booted, sizeof(booted)),
               show_text(admin_text(n, "booted_image"), image, sizeof(image)));
        events_print_let_in(name, events_let_in(newest_first));
}

static void print_failed(const char *name, struct json_object *n, struct json_object *newest_first)
{
        char when[TIME_TEXT_MAX];
        char code[32];

        printf("%s is failed: it was let in, and could not start what it was given: %s. It was let in again at %s.\n", name,
               show_text(admin_text(n, "reason"), code, sizeof(code)), time_text(admin_int(n, "last_ok"), when));
        events_print_explanation(newest_of(newest_first, "ok"), "  ");
}

static void print_unreachable(const char *name, struct json_object *n)
{
        char when[TIME_TEXT_MAX];
        char seen[TIME_TEXT_MAX];

        printf("%s is unreachable: its boot script was asked for at %s, and it has not attested since (last seen: %s).\n", name,
               time_text(admin_int(n, "last_ipxe"), when), time_text(admin_int(n, "last_seen"), seen));
        events_print_step(admin_get(n, "step"), "  ");
}

static void print_other(const char *name, const char *state, struct json_object *n)
{
        char code[32];
        char id[72];

        show_text(admin_text(n, "reason"), code, sizeof(code));
        show_text(admin_text(n, "id"), id, sizeof(id));
        if (strcmp(state, "pending") == 0)
                printf("%s is pending: it waits for an approval.\n  Next: see `muster node show %s`, then muster node approve %s\n", name,
                       id, id);
        else if (strcmp(state, "enrolled") == 0)
                printf("%s is enrolled: it may boot, and was not let in since it was approved or added.\n", name);
        else if (strcmp(state, "quarantined") == 0)
                printf("%s is quarantined: it is refused with M-QUARANTINED until it is approved again.\n"
                       "  Next: muster node approve %s, once it has been inspected\n", name, name);
        else if (strcmp(state, "revoked") == 0)
                printf("%s is revoked: it is refused with M-REVOKED.\n  Next: muster node remove %s, and approve it anew, if it may boot "
                       "again\n", name, name);
        else
                printf("%s is %s%s%s.\n", name, state, *code ? ": " : "", code);
}

void present_print(const char *name, struct json_object *n, struct json_object *newest_first)
{
        char state[32];

        if (!n) {
                printf("%s has no record any more.\n", name);
                return;
        }
        show_text(admin_text(n, "state"), state, sizeof(state));
        if (strcmp(state, "released") == 0)
                print_released(name, n, newest_first);
        else if (strcmp(state, "failed") == 0)
                print_failed(name, n, newest_first);
        else if (strcmp(state, "unreachable") == 0)
                print_unreachable(name, n);
        else
                print_other(name, state, n);
        if (strcmp(state, "unreachable") != 0 && admin_get(n, "step")) {
                printf("  A boot of it is under way.\n");
                events_print_step(admin_get(n, "step"), "  ");
        }
}
