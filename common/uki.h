/* SPDX-License-Identifier: Apache-2.0 */
/* uki.h - what a unified kernel image (systemd-stub) makes a TPM measure.
 *
 * Pure. A uki views the caller's bytes, which must outlive it; nothing to
 * free. uki_parse(): -EBADMSG (no PE image), -ENOEXEC (a PE image that is
 * no UKI: no .linux, or what is in it no kernel), -ENOTSUP (uki_stub.h: what
 * it makes a TPM measure is not known), all with a static reason.
 *
 * uki_predict() gives the SHA-256 events that the stub (of systemd 252 to 257)
 * and the kernel's EFI stub cause: PCR 4 the image's and the kernel's
 * Authenticode digests (a loader that probes with LoadImage, as iPXE does,
 * makes firmware measure the image once more), 9 the load options and the
 * initrd as the stub makes it (uki_initrd.h), 11 the sections, 12 the load options when they replace the
 * embedded command line. `options` is the whole load options string as
 * passed, iPXE's leading file name included; NULL for none. With
 * secure_boot the embedded command line, if any, wins. pcr9, pcr11 and
 * pcr12 are the final values, from zero, when nothing else extends them.
 * -EILSEQ: a command line that is not printable ASCII, for which loaders
 * and stubs differ; -ENOTUNIQ: blanks at its ends, for which stubs of its version
 * do; -E2BIG: too long; -EIO. */
#ifndef MUSTER_UKI_H
#define MUSTER_UKI_H

#include "uki_stub.h"

#define UKI_MAX_SECTIONS 16
#define UKI_MAX_CMDLINE STUB_CMDLINE_MAX

struct uki_section {
        const char *name;
        size_t size;                /* as loaded and measured */
        uint8_t sha256[DIGEST_LEN]; /* of those bytes */
        uint8_t name_sha256[DIGEST_LEN];
};

struct uki {
        struct pe pe; /* its sections: those that the stub takes */
        struct stub_version stub;
        uint8_t authenticode[DIGEST_LEN];
        uint8_t kernel_authenticode[DIGEST_LEN];
        struct uki_section sections[UKI_MAX_SECTIONS]; /* in the stub's order */
        size_t n_sections;
        bool has_cmdline;
        const char *cmdline; /* embedded, as it is in the file, not terminated; up to its first NUL */
        size_t cmdline_len;
        bool has_initrd;
        uint8_t initrd_sha256[DIGEST_LEN]; /* as the kernel measures it */
};

#define UKI_MAX_EVENTS (2 * UKI_MAX_SECTIONS)

struct uki_events {
        uint8_t digest[UKI_MAX_EVENTS][DIGEST_LEN];
        size_t n;
        uint8_t value[DIGEST_LEN]; /* the PCR after exactly these, from zero */
};

struct uki_pred {
        struct uki_events pcr4, pcr9, pcr11, pcr12;
        bool embedded_cmdline; /* the embedded command line is the one used */
};

int uki_parse(const void *p, size_t len, struct uki *ret, const char **ret_why);
/* What the kernel, or the UKI's section .uname, says of its version: printable, without blanks; "": nothing. Not authenticated
 * but by the file's own digest, for people. */
void uki_kernel_version(const struct uki *uki, char *ret, size_t size);

/* The embedded line as its stub reads it, to be freed. Errors as uki_predict()'s. */
int uki_cmdline(const struct uki *uki, char **ret);

int uki_predict(const struct uki *uki, const char *options, bool secure_boot, struct uki_pred *ret);

/* SHA-256 of an ASCII string as UTF-16LE with its NUL: a load options event. */
int uki_options_digest(const char *s, size_t len, uint8_t ret[DIGEST_LEN]);

#endif
