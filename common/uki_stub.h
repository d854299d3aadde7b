/* SPDX-License-Identifier: Apache-2.0 */
/* uki_stub.h - the systemd-stub in a UKI: which one it is, which sections it
 * looks at, and how it reads a command line.
 *
 * Pure. What one of these stubs measures and cannot be predicted here is
 * -ENOTSUP with a static reason: another stub than those that were compared
 * (252 to 257), another architecture, sections that it takes by the hardware
 * it finds. Sources: the stub of Debian 12 (252.39) and of Debian 13 (257.13). */
#ifndef MUSTER_UKI_STUB_H
#define MUSTER_UKI_STUB_H

#include "pe.h"

struct stub_version {
        unsigned major;
        unsigned minor; /* of its stable series; 0: none, or not said */
};

/* Of "#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####" in .sdmagic. */
int stub_version(const struct pe *pe, struct stub_version *ret, const char **ret_why);

/* Is each section there once, and can be predicted? With profiles, which came
 * with 257, the sections become those of its first profile in place of the
 * common ones: what the stub takes when the loader names none. */
int stub_sections(struct pe *pe, const struct stub_version *v, const char **ret_why);

/* The line as this stub hands it to the kernel: control characters become
 * blanks, those at its ends go. *ret: for the caller to free. -EILSEQ: not
 * ASCII; -E2BIG; -ENOTUNIQ: stubs of this version differ in what they make of
 * blanks at its ends; -ENOMEM. */
int stub_cmdline(const struct stub_version *v, const char *s, size_t n, char **ret);

#define STUB_CMDLINE_MAX 65536

#endif
