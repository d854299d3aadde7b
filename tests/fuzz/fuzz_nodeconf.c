/* SPDX-License-Identifier: Apache-2.0 */
/* node.conf, URLs, and the words of a kernel command line, in the client. */
#include "fuzz.h"

#include "../../initramfs/conf.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        _cleanup_(freep) char *text = fuzz_text(p, n);
        static struct node_conf node;
        char value[16] = "unset";
        const char *why = NULL;
        unsigned line = 0;
        struct url u;

        node = (struct node_conf){ 0 };
        if (node_conf_parse(text, n, &node, &line, &why) < 0)
                HOLDS(why && fuzz_printable(why));
        else
                HOLDS(node.n_parents >= 1 && node.ca_path[0] == '/' && node.policy_path[0] == '/');
        if (url_parse(text, &u) == 0)
                HOLDS(u.port > 0 && u.host[0] && u.path[0] == '/');
        cmdline_value(text, "rd.muster.onfail", value, sizeof(value));
        HOLDS(strlen(value) < sizeof(value));
        (void)onfail_from_cmdline(text);
        return 0;
}
