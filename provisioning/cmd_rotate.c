/* SPDX-License-Identifier: Apache-2.0 */
/* rotate: replaces a key of the cluster with the fleet running */
#include "admin_client.h"
#include "commands.h"
#include "rotate.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/file.h>

enum { OPT_ETC = CLI_LONG, OPT_FINISH, OPT_FORCE };

static const struct cli_option options[] = {
        { "finish", OPT_FINISH, NULL, "stop accepting the previous key and remove it" },
        { "force", OPT_FORCE, NULL, "with --finish: also when nodes have not booted with the new key yet; not for store" },
        { "etc", OPT_ETC, "DIR", "keys and configuration (/etc/muster)" },
        { 0 },
};

static const struct cli_command command = {
        "rotate", "[KEY]", "Replaces a key of the cluster (policy, server, ca, store, ssh-ca); without KEY: shows them", options,
};

struct wish {
        char pki[PATH_MAX];
        enum rotate_key key;
        bool finish;
        bool force;
};

static const char restart[] = "on each parent, with the same files in its pki directory: systemctl restart musterd";

/* What the admin does after each step. */
static const char *const next_of[ROTATE_KEYS][2] = {
        [ROTATE_POLICY] = { "then a UKI with the new key: muster boot build, muster boot add; each node gets new keys at its next "
                            "boot; at the end: muster rotate policy --finish", "UKIs made before are refused from now on" },
        [ROTATE_SERVER] = { "nothing else: nodes know parents by the CA; if the former key was stolen, its certificate is good "
                            "until it runs out: muster rotate ca as well", "" },
        [ROTATE_CA] = { "on each other parent: muster rotate server; then a UKI with the new CA: muster boot build, muster boot add; "
                        "at the end: muster rotate ca --finish", "UKIs made before do not trust this parent any more" },
        [ROTATE_STORE] = { "image keys are wrapped anew at that start; then: muster rotate store --finish", "" },
        [ROTATE_SSH_CA] = { "give users the second line for known_hosts; each node gets a new certificate at its next boot; at the "
                            "end: muster rotate ssh-ca --finish", "users remove the former line from known_hosts" },
};

/* ---- may the previous key go? -------------------------------------------------- */

struct laggards {
        time_t since;
        char wanted[ROTATE_WANTED];
        struct json_object *cas;    /* by node: the CA that its initramfs trusted when it was let in last */
        struct json_object *booted; /* boot entries that were booted with the new key */
        struct json_object *next;   /* those that nodes boot next */
        uint64_t n;
        char first[3][80];
};

/* One page of the newest events, from before *before on. */
static int read_cas(struct admin *a, struct laggards *l, int64_t *before, bool *ret_more, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *answer = NULL;
        struct json_object *events;
        char target[96];
        int r;

        (void)snprintf(target, sizeof(target), "/v1/events?limit=1000&newest=1&after=%" PRId64, *before);
        r = admin_call(a, "GET", target, NULL, &answer, f);
        events = r ? NULL : admin_get(answer, "events");
        *ret_more = events && json_object_array_length(events) == 1000;
        for (size_t i = 0; events && i < json_object_array_length(events); i++) {
                struct json_object *e = json_object_array_get_idx(events, i);
                const char *node = admin_text(e, "node");

                *before = admin_int(e, "seq");
                if (admin_int(e, "time") < l->since || *before <= 1)
                        *ret_more = false;
                if (strcmp(admin_text(e, "event"), "ok") == 0 && !json_object_object_get_ex(l->cas, node, NULL))
                        json_object_object_add(l->cas, node, json_object_new_string(admin_text(admin_get(e, "detail"), "parent_ca")));
        }
        return r;
}

/* A boot with the former initramfs is none with the new key. */
static bool is_late(const struct wish *w, const struct laggards *l, struct json_object *n)
{
        if (admin_int(n, "last_ok") <= l->since)
                return true;
        if (w->key == ROTATE_POLICY)
                return strcmp(admin_text(n, "policy_key"), l->wanted) != 0;
        return w->key == ROTATE_CA && strcmp(admin_text(l->cas, admin_text(n, "id")), l->wanted) != 0;
}

static void look_at_node(const struct wish *w, struct laggards *l, struct json_object *n)
{
        if (admin_int(n, "last_ok") == 0 || strcmp(admin_text(n, "state"), "revoked") == 0)
                return;
        if (admin_str(n, "boot"))
                json_object_object_add(l->next, admin_text(n, "boot"), NULL);
        if (!is_late(w, l, n)) {
                json_object_object_add(l->booted, admin_text(n, "booted"), NULL);
                return;
        }
        if (l->n < ELEMENTSOF(l->first))
                (void)snprintf(l->first[l->n], sizeof(l->first[0]), "%.64s",
                               admin_str(n, "name") ? admin_text(n, "name") : admin_text(n, "id"));
        l->n++;
}

static int look_at_nodes(struct admin *a, const struct wish *w, struct laggards *ret, struct fail *f)
{
        char target[160] = "/v1/nodes?limit=1000";
        bool more = w->key == ROTATE_CA;
        int64_t before = 0;
        int r = rotate_wanted(w->pki, w->key, ret->wanted, f);

        while (r == 0 && more)
                r = read_cas(a, ret, &before, &more, f);
        while (r == 0 && target[0]) {
                _cleanup_(json_putp) struct json_object *answer = NULL;
                struct json_object *nodes;

                r = admin_call(a, "GET", target, NULL, &answer, f);
                nodes = r ? NULL : admin_get(answer, "nodes");
                for (size_t i = 0; nodes && i < json_object_array_length(nodes); i++)
                        look_at_node(w, ret, json_object_array_get_idx(nodes, i));
                if (r || !admin_str(answer, "next"))
                        break;
                (void)snprintf(target, sizeof(target), "/v1/nodes?limit=1000&after=%.64s", admin_text(answer, "next"));
        }
        return r;
}

static int all_have_it(struct admin *a, const struct wish *w, struct laggards *l, struct fail *f)
{
        int r = look_at_nodes(a, w, l, f);

        if (r)
                return r;
        if (l->n > 0)
                return fail_set(f, MUSTER_NO, "", "boot them with a UKI that has it first, or give --force",
                                "remove the previous %s key: %" PRIu64 " nodes have not booted with the new one: %s%s%s%s%s%s",
                                rotate_name(w->key), l->n, l->first[0], l->first[1][0] ? ", " : "", l->first[1],
                                l->first[2][0] ? ", " : "", l->first[2], l->n > ELEMENTSOF(l->first) ? " …" : "");
        if (!l->wanted[0]) /* no initramfs holds this one */
                return 0;
        json_object_object_foreach(l->next, name, value) {
                (void)value;
                if (!json_object_object_get_ex(l->booted, name, NULL))
                        return fail_set(f, MUSTER_NO, "", "boot a node with it first, make another entry the default, or give --force",
                                        "remove the previous %s key: nodes boot %s next, and no node has booted that with the new one",
                                        rotate_name(w->key), name);
        }
        return 0;
}

/* musterd has to have started with the new key, and nodes to have booted since. */
static int may_finish(const struct wish *w, time_t since, struct fail *f)
{
        _cleanup_(admin_freep) struct admin *a = NULL;
        _cleanup_(json_putp) struct json_object *status = NULL;
        _cleanup_(json_putp) struct json_object *cas = json_object_new_object();
        _cleanup_(json_putp) struct json_object *booted = json_object_new_object();
        _cleanup_(json_putp) struct json_object *next = json_object_new_object();
        struct laggards late = { .since = since, .cas = cas, .booted = booted, .next = next };
        int r = admin_open(cli_socket(), &a, f);

        if (r == 0)
                r = admin_call(a, "GET", "/v1/status", NULL, &status, f);
        if (r == 0 && admin_int(status, "started") <= since) /* in whole seconds: one that may have been before was before */
                return fail_set(f, MUSTER_NO, "", "systemctl restart musterd, then again",
                                "remove the previous %s key: musterd has not been started since it was replaced", rotate_name(w->key));
        if (r || w->key == ROTATE_STORE)
                return r;
        return all_have_it(a, w, &late, f);
}

/* ---- the command --------------------------------------------------------------- */

static struct json_object *key_json(const struct wish *w, const struct rotate_state *s)
{
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "key", json_object_new_string(rotate_name(w->key)));
        json_object_object_add(o, "previous_accepted", json_object_new_boolean(s->two));
        json_object_object_add(o, "since", json_object_new_int64((int64_t)s->since));
        return o;
}

static int show(struct wish *w, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *doc = json_object_new_object();
        struct json_object *keys = json_object_new_array();

        json_object_object_add(doc, "keys", keys);
        for (w->key = 0; w->key < ROTATE_KEYS; w->key++) {
                struct rotate_state s;
                char when[32];
                struct tm tm;
                int r = rotate_look(w->pki, w->key, &s, f);

                if (r)
                        return r;
                (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", localtime_r(&s.since, &tm));
                json_object_array_add(keys, key_json(w, &s));
                if (!cli_json())
                        printf("%-7s since %s%s\n", rotate_name(w->key), when,
                               s.two ? "; the previous one is accepted too: end that with --finish" : "");
        }
        return cli_json() ? cli_print_json(doc) : MUSTER_OK;
}

static int done(const struct wish *w, bool resumed)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct rotate_state s;
        struct fail f = { 0 };
        int r = rotate_look(w->pki, w->key, &s, &f);

        if (r)
                return cli_fail(r, &f);
        if (cli_json()) {
                o = key_json(w, &s);
                return cli_print_json(o);
        }
        if (w->finish)
                cli_say("the previous %s key is removed", rotate_name(w->key));
        else
                cli_say(resumed ? "the replacement of the %s key, which was interrupted, is complete" : "the %s key is replaced%s",
                        rotate_name(w->key), s.two ? "; the previous one is accepted too" : "");
        cli_say("Next: %s", restart);
        if (next_of[w->key][w->finish][0])
                cli_say("      %s", next_of[w->key][w->finish]);
        return MUSTER_OK;
}

/* One at a time: two would put halves of each other's files in place. Held
 * until the program ends. */
static int lock(const struct wish *w, struct fail *f)
{
        int fd = open(w->pki, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return fail_set(f, MUSTER_IO, "", "", "open %s: %s", w->pki, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                return 0;
        (void)close(fd);
        return fail_set(f, MUSTER_NO, "", "let it end, then see muster rotate", "replace a key in %s: another muster rotate is at work there",
                        w->pki);
}

static int run(struct wish *w, struct fail *f)
{
        struct rotate_state s;
        bool resumed = false;
        int r = lock(w, f);

        if (r)
                return cli_fail(r, f);
        if (w->finish) {
                r = rotate_look(w->pki, w->key, &s, f);
                if (r == 0 && s.two && (!w->force || w->key == ROTATE_STORE)) /* image keys are nothing to wait for: they would be lost */
                        r = may_finish(w, s.since, f);
                if (r == 0)
                        r = rotate_finish(w->pki, w->key, f);
        } else {
                r = rotate_begin(w->pki, w->key, time(NULL), &resumed, f);
        }
        return r ? cli_fail(r, f) : done(w, resumed);
}

int cmd_rotate(int argc, char **argv)
{
        const char *etc = "/etc/muster";
        struct wish w = { 0 };
        struct fail f = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&command, argc, argv, &rc)) > 0) {
                w.finish |= v == OPT_FINISH;
                w.force |= v == OPT_FORCE;
                if (v == OPT_ETC)
                        etc = optarg;
        }
        if (v == 0)
                rc = cli_count(&command, argc, argv, 0, 1);
        if (v < 0 || rc)
                return rc;
        if (snprintf(w.pki, sizeof(w.pki), "%s/pki", etc) >= 3000)
                return cli_usage(&command, "--etc: too long a path");
        if (optind == argc) {
                if (w.finish || w.force)
                        return cli_usage(&command, "--finish needs the KEY that it is for");
                rc = show(&w, &f);
                return rc && f.what[0] ? cli_fail(rc, &f) : rc;
        }
        if (rotate_find(argv[optind], &w.key) < 0)
                return cli_usage(&command, "'%.40s' is no key: policy, server, ca, store or ssh-ca", argv[optind]);
        if (w.force && !w.finish)
                return cli_usage(&command, "--force is for --finish");
        return run(&w, &f);
}
