/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdarg.h>

bool cli_asks(void)
{
        return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

bool cli_ask(const char *fmt, ...)
{
        char answer[16];
        va_list ap;

        if (!cli_asks())
                return false;
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fprintf(stderr, " [y/N] ");
        (void)fflush(stderr);
        return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}
