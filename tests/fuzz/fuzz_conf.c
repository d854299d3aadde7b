/* SPDX-License-Identifier: Apache-2.0 */
/* musterd.conf, addresses, and the grammars of names. */
#include "fuzz.h"

#include "conf.h"
#include "names.h"

static void texts(const char *text)
{
        struct endpoint e;

        if (endpoint_parse(text, &e) == 0)
                HOLDS(e.port > 0 && strlen(e.host) > 0);
        if (cmdline_ok(text))
                HOLDS(fuzz_printable(text) && !strstr(text, "${"));
        if (file_name_ok(text))
                HOLDS(!strchr(text, '/') && text[0] != '.');
        if (serial_ok(text) || url_ok(text) || entry_name_ok(text) || mac_ok(text) || uuid_ok(text))
                HOLDS(fuzz_printable(text) && !strpbrk(text, "'\"`$\\"));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        _cleanup_(freep) char *text = fuzz_text(p, n);
        static struct conf conf;
        struct fail f = { 0 };

        if (conf_parse(text, n, &conf, &f) < 0)
                HOLDS(f.what[0]);
        else
                HOLDS(conf.max_connections > 0 && conf.timeout > 0 && conf.pki_dir[0] == '/');
        texts(text);
        return 0;
}
