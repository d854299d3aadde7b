/* SPDX-License-Identifier: Apache-2.0 */
/* policy list, pcr1, tpm and facts: the choices for the whole cluster */
#include "admin_client.h"
#include "commands.h"
#include "table.h"

#include <getopt.h>

static const struct cli_option no_options[] = { { 0 } };

static const struct cli_command list_command = { "policy list", "", "Shows what was chosen for the whole cluster", no_options };
static const struct cli_command pcr1_command = {
        "policy pcr1", "[record|profile]", "Shows or chooses whether firmware settings (PCR 1) are judged", no_options,
};
static const struct cli_command tpm_command = {
        "policy tpm", "[record|warn|refuse]", "Shows or chooses what is done about TPMs that an advisory names", no_options,
};
static const struct cli_command facts_command = {
        "policy facts", "[record|warn|quarantine]",
        "Shows or chooses what is done when an approved node's serial, UUID or MACs change", no_options,
};

static void values_text(struct json_object *p, char *out, size_t n)
{
        struct json_object *values = admin_get(p, "values");
        size_t len = 0;

        out[0] = '\0';
        for (size_t i = 0; json_object_is_type(values, json_type_array) && i < json_object_array_length(values) && len < n; i++)
                len += (size_t)snprintf(out + len, n - len, "%s%s", i ? ", " : "",
                                        json_object_get_string(json_object_array_get_idx(values, i)));
}

static void print_table(struct json_object *all)
{
        static const char *const headings[] = { "POLICY", "VALUE", "DEFAULT", "VALUES", "WHAT", NULL };
        _cleanup_(table_wipe) struct table t = { 0 };

        table_begin(&t, headings);
        for (size_t i = 0; i < json_object_array_length(all); i++) {
                struct json_object *p = json_object_array_get_idx(all, i);
                char values[128];

                values_text(p, values, sizeof(values));
                table_row(&t, (const char *const[]){ admin_str(p, "name"), admin_str(p, "value"), admin_str(p, "default"),
                                                     values, admin_str(p, "help") });
        }
        table_print(&t, stdout);
}

/* The answer to GET /v1/policy, and the list in it. */
static int fetch(struct json_object **ret, struct json_object **ret_list, struct fail *f)
{
        _cleanup_(admin_freep) struct admin *a = NULL;
        int rc = admin_open(cli_socket(), &a, f);

        if (rc == 0)
                rc = admin_call(a, "GET", "/v1/policy", NULL, ret, f);
        if (rc)
                return rc;
        *ret_list = admin_get(*ret, "policy");
        if (!json_object_is_type(*ret_list, json_type_array))
                return fail_set(f, MUSTER_UNREACHABLE, "", "", "list the policies: musterd's answer has none");
        return 0;
}

int cmd_policy_list(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct json_object *all = NULL;
        struct fail f = { 0 };
        int rc = 0;

        if (cli_next(&list_command, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(&list_command, argc, argv, 0, 0);
        if (rc)
                return rc;
        rc = fetch(&o, &all, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        print_table(all);
        return MUSTER_OK;
}

static int show(const char *name)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct json_object *all = NULL;
        struct fail f = { 0 };
        int rc = fetch(&o, &all, &f);

        for (size_t i = 0; rc == 0 && i < json_object_array_length(all); i++) {
                struct json_object *p = json_object_array_get_idx(all, i);

                if (strcmp(admin_text(p, "name"), name) != 0)
                        continue;
                if (cli_json())
                        return cli_print_json(p);
                (void)printf("%s\n", admin_text(p, "value"));
                return MUSTER_OK;
        }
        if (rc == 0)
                rc = fail_set(&f, MUSTER_NO, "", "muster policy list", "show policy %s: this musterd has none", name);
        return cli_fail(rc, &f);
}

static int choose(const char *name, const char *value)
{
        _cleanup_(json_putp) struct json_object *body = json_object_new_object();
        _cleanup_(json_putp) struct json_object *o = NULL;
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct fail f = { 0 };
        char target[128];
        int rc;

        json_object_object_add(body, "value", json_object_new_string(value));
        (void)admin_target(target, sizeof(target), "/v1/policy/", name, "");
        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0)
                rc = admin_call(a, "POST", target, json_object_to_json_string(body), &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        cli_say("policy %s is now %s", name, admin_text(o, "value"));
        return MUSTER_OK;
}

static int policy(const struct cli_command *c, int argc, char **argv)
{
        int rc = 0;

        if (cli_next(c, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(c, argc, argv, 0, 1);
        if (rc)
                return rc;
        return argc > optind ? choose(c->name + strlen("policy "), argv[optind]) : show(c->name + strlen("policy "));
}

int cmd_policy_pcr1(int argc, char **argv)
{
        return policy(&pcr1_command, argc, argv);
}

int cmd_policy_tpm(int argc, char **argv)
{
        return policy(&tpm_command, argc, argv);
}

int cmd_policy_facts(int argc, char **argv)
{
        return policy(&facts_command, argc, argv);
}
