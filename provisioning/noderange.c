/* SPDX-License-Identifier: Apache-2.0 */
#include "noderange.h"

#define CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define DIGITS "0123456789"
#define NUMBER_MAX 9 /* digits */
#define OPERATORS ",!&"

struct state {
        struct noderange *out;
        size_t room;
        const char *why;
};

void noderange_wipe(struct noderange *r)
{
        free(r->name);
        *r = (struct noderange){ 0 };
}

static int refuse(struct state *s, int r, const char *why)
{
        s->why = why;
        return r;
}

static int add(struct state *s, const char *name, size_t len)
{
        struct noderange *o = s->out;

        if (len == 0)
                return refuse(s, -EINVAL, "an empty name");
        if (o->n == NODERANGE_MAX)
                return refuse(s, -E2BIG, "more than 100,000 names");
        if (o->n == s->room) {
                size_t room = s->room ? s->room * 2 : 64;
                void *p = reallocarray(o->name, room, sizeof(*o->name));

                if (!p)
                        return -ENOMEM;
                o->name = p;
                s->room = room;
        }
        memcpy(o->name[o->n], name, len);
        o->name[o->n++][len] = '\0';
        return 0;
}

struct span {
        unsigned long from;
        unsigned long to;
        unsigned long step;
        int width; /* 0: as many digits as it takes */
};

static int number(struct state *s, const char **p, unsigned long *ret, int *ret_len)
{
        size_t n = strspn(*p, DIGITS);

        if (n == 0)
                return refuse(s, -EINVAL, "a number is missing between the brackets");
        if (n > NUMBER_MAX)
                return refuse(s, -EINVAL, "a number has more than nine digits");
        *ret = strtoul(*p, NULL, 10);
        *ret_len = (int)n;
        *p += n;
        return 0;
}

/* One item of a list; *p is behind it afterwards. */
static int read_span(struct state *s, const char **p, struct span *ret)
{
        const char *first = *p;
        const char *last;
        int len = 0;
        int len_to = 0;
        int r = number(s, p, &ret->from, &len);

        if (r < 0)
                return r;
        ret->to = ret->from;
        ret->step = 1;
        ret->width = *first == '0' && len > 1 ? len : 0;
        if (**p != '-')
                return 0;
        last = ++*p;
        r = number(s, p, &ret->to, &len_to);
        if (r < 0)
                return r;
        if (ret->to < ret->from)
                return refuse(s, -EINVAL, "a range counts down");
        if ((ret->width || (*last == '0' && len_to > 1)) && len != len_to)
                return refuse(s, -EINVAL, "a range with leading zeros has ends of different width");
        if (**p == '/') {
                ++*p;
                r = number(s, p, &ret->step, &len);
                if (r < 0)
                        return r;
                if (ret->step == 0)
                        return refuse(s, -EINVAL, "a step of 0");
        }
        if ((ret->to - ret->from) / ret->step >= NODERANGE_MAX)
                return refuse(s, -E2BIG, "more than 100,000 names");
        return 0;
}

static int expand(struct state *s, const char *p, char *name, size_t len);

/* *p is behind the '['. Every number of the list, each followed by the rest of the term. */
static int expand_list(struct state *s, const char *p, char *name, size_t len)
{
        const char *rest = strchr(p, ']');

        if (!rest)
                return refuse(s, -EINVAL, "a '[' without its ']'");
        for (;;) {
                struct span span = { 0 };
                int r = read_span(s, &p, &span);

                if (r < 0)
                        return r;
                if (*p != ',' && *p != ']')
                        return refuse(s, -EINVAL, "something that is no number between the brackets");
                for (unsigned long i = span.from; i <= span.to; i += span.step) {
                        char digits[16];
                        int n = snprintf(digits, sizeof(digits), "%0*lu", span.width, i);

                        if (len + (size_t)n > NODERANGE_NAME_MAX)
                                return refuse(s, -EINVAL, "a name longer than 64 characters");
                        memcpy(name + len, digits, (size_t)n);
                        r = expand(s, rest + 1, name, len + (size_t)n);
                        if (r < 0)
                                return r;
                }
                if (*p++ == ']')
                        return 0;
        }
}

/* What is left of one term, after the `len` characters made so far. The
 * depth is bounded: each level has put at least one character into name. */
static int expand(struct state *s, const char *p, char *name, size_t len)
{
        size_t n = strspn(p, CHARS);

        if (len + n > NODERANGE_NAME_MAX)
                return refuse(s, -EINVAL, "a name longer than 64 characters");
        memcpy(name + len, p, n);
        len += n;
        p += n;
        if (*p == '[')
                return expand_list(s, p + 1, name, len);
        if (len == 0 && *p == '@')
                return refuse(s, -EINVAL, "a group: there are none here, give the nodes of it");
        if (*p && !strchr(OPERATORS, *p))
                return refuse(s, -EINVAL, "a character that names do not have (a-z, 0-9 and '-' only)");
        return add(s, name, len);
}

static int compare(const void *a, const void *b, void *base)
{
        char(*names)[NODERANGE_NAME_MAX + 1] = base;
        uint32_t x = *(const uint32_t *)a;
        uint32_t y = *(const uint32_t *)b;
        int r = strcmp(names[x], names[y]);

        return r ? r : x < y ? -1 : 1;
}

static int drop_repeated(struct noderange *o)
{
        _cleanup_(freep) uint32_t *order = calloc(o->n, sizeof(*order));
        _cleanup_(freep) bool *again = calloc(o->n, sizeof(*again));
        size_t kept = 0;

        if (!order || !again)
                return -ENOMEM;
        for (size_t i = 0; i < o->n; i++)
                order[i] = (uint32_t)i;
        qsort_r(order, o->n, sizeof(*order), compare, o->name);
        for (size_t i = 1; i < o->n; i++)
                again[order[i]] = strcmp(o->name[order[i]], o->name[order[i - 1]]) == 0;
        for (size_t i = 0; i < o->n; i++) {
                if (again[i])
                        continue;
                if (kept != i)
                        memcpy(o->name[kept], o->name[i], sizeof(*o->name));
                kept++;
        }
        o->n = kept;
        return 0;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(a, b);
}

/* Of the names made so far those that are, or are not, of the other range. */
static int keep(struct noderange *o, struct noderange *other, bool among)
{
        size_t kept = 0;

        qsort(other->name, other->n, sizeof(*other->name), by_name);
        for (size_t i = 0; i < o->n; i++) {
                bool found = bsearch(o->name[i], other->name, other->n, sizeof(*other->name), by_name) != NULL;

                if (found != among)
                        continue;
                if (kept != i)
                        memcpy(o->name[kept], o->name[i], sizeof(*o->name));
                kept++;
        }
        o->n = kept;
        return 0;
}

/* One term and what stands before it: ',' adds its names, '!' takes them away,
 * '&' keeps no others. From the left to the right, as ClusterShell does. */
static int take_term(struct state *s, char op, const char *p)
{
        _cleanup_(noderange_wipe) struct noderange other = { 0 };
        struct state t = { .out = &other };
        char name[NODERANGE_NAME_MAX + 1];
        int r;

        if (*p == '-')
                return refuse(s, -EINVAL, "a name that begins with '-'; nodes are taken away with '!': n[1-9]!n3");
        if (op == ',')
                return expand(s, p, name, 0);
        r = expand(&t, p, name, 0);
        if (r < 0)
                return t.why ? refuse(s, r, t.why) : r;
        return keep(s->out, &other, op == '&');
}

/* Where the term ends: at an operator outside brackets, or at the end. */
static const char *term_end(const char *p)
{
        bool inside = false;

        for (; *p && (inside || !strchr(OPERATORS, *p)); p++)
                inside = *p == '[' || (inside && *p != ']');
        return p;
}

int noderange_parse(const char *text, struct noderange *ret, const char **ret_why)
{
        _cleanup_(noderange_wipe) struct noderange o = { 0 };
        struct state s = { .out = &o };
        char op = ',';
        int r;

        for (const char *p = text;;) {
                r = take_term(&s, op, p);
                if (r < 0) {
                        *ret_why = s.why ? s.why : "out of memory";
                        return r;
                }
                p = term_end(p);
                op = *p;
                if (!*p++)
                        break;
        }
        if (o.n == 0) {
                *ret_why = "it leaves no node";
                return -EINVAL;
        }
        r = drop_repeated(&o);
        if (r < 0) {
                *ret_why = "out of memory";
                return r;
        }
        *ret = o;
        o = (struct noderange){ 0 };
        return 0;
}

bool noderange_has(const struct noderange *r, const char *name)
{
        for (size_t i = 0; i < r->n; i++)
                if (strcmp(r->name[i], name) == 0)
                        return true;
        return false;
}

bool noderange_is_single(const char *text)
{
        return strpbrk(text, OPERATORS "[") == NULL;
}
