/* SPDX-License-Identifier: Apache-2.0 */
/* A document of which json-c sees the short strings only is the same one. */
#include "fuzz.h"

#include "jtree.h"

static void same(const struct jtree *t, struct json_object *a, struct json_object *b);

static void same_text(const struct jtree *t, struct json_object *a, struct json_object *b)
{
        size_t len = jtree_len(t, a);
        const char *whole = jtree_whole(t, a);
        char *copy = malloc(len + 1);

        HOLDS(copy);
        jtree_copy(t, a, copy);
        HOLDS(copy[len] == '\0' && strlen(copy) == len);
        HOLDS(len == (size_t)json_object_get_string_len(b) && memcmp(copy, json_object_get_string(b), len) == 0);
        HOLDS(!whole || memcmp(whole, copy, len) == 0);
        free(copy);
}

static void same_members(const struct jtree *t, struct json_object *a, struct json_object *b)
{
        HOLDS(json_object_object_length(a) == json_object_object_length(b));
        json_object_object_foreach(a, key, val)
        {
                struct json_object *other = NULL;

                HOLDS(json_object_object_get_ex(b, key, &other));
                same(t, val, other);
        }
}

static void same(const struct jtree *t, struct json_object *a, struct json_object *b)
{
        HOLDS(json_object_get_type(a) == json_object_get_type(b));
        switch (json_object_get_type(a)) {
        case json_type_string:
                same_text(t, a, b);
                break;
        case json_type_object:
                same_members(t, a, b);
                break;
        case json_type_array:
                HOLDS(json_object_array_length(a) == json_object_array_length(b));
                for (size_t i = 0; i < json_object_array_length(a); i++)
                        same(t, json_object_array_get_idx(a, i), json_object_array_get_idx(b, i));
                break;
        default:
                HOLDS(strcmp(json_object_to_json_string(a), json_object_to_json_string(b)) == 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        char *text = fuzz_text(p, n);
        char err[JTAB_ERR] = "";
        struct jtree all;
        struct jtree less;
        int r = jtree_parse(text, n, SIZE_MAX, err, &all);

        HOLDS(fuzz_printable(err));
        HOLDS(jtree_parse(text, n, 1, err, &less) == r);
        if (r == 0) {
                same(&less, less.root, all.root);
                jtree_forget(&less);
                jtree_free(&all);
        }
        free(text);
        return 0;
}
