/* SPDX-License-Identifier: Apache-2.0 */
/* tpmadvice.h - the table of advisories about TPM firmware.
 *
 * Pure. A line of the file names, separated by blanks,
 *
 *   MAKER FROM FIXED ADVISORY FALLS SOURCE
 *
 * MAKER as TPM2_PT_MANUFACTURER spells it (IFX, STM, AMD, INTC …); FROM the
 * first firmware version that is named, "any" for the lowest; FIXED the first
 * one that is not, "unknown" when nobody said: then every version from FROM on
 * is named. FALLS is what may fall: attest (a quote or the key behind it),
 * keys (what the TPM keeps or unseals), or both as attest,keys. SOURCE is
 * where it is published. A version is two numbers of 32 bits, TPM2_PT_
 * FIRMWARE_VERSION_1 and _2, as 0x00070055.0x0011cb02: as a quote signs them.
 * Lines that begin with # and empty ones do not count. Anything else makes the
 * whole file refused, with the line named.
 *
 * The version is what the TPM says of itself. One that lies is not caught. */
#ifndef MUSTER_TPMADVICE_H
#define MUSTER_TPMADVICE_H

#include "mem.h"

#define TPMADVICE_FILE_MAX 65536
#define TPMADVICE_MAX 256
#define TPM_MAKER_MAX 8
#define TPM_VERSION_TEXT 22 /* with its NUL */

struct tpm_advice {
        char maker[TPM_MAKER_MAX + 1];
        uint64_t from, fixed; /* fixed 0: unknown */
        char id[33];
        char falls[16];
        char source[161];
};

struct tpm_advices {
        size_t n;
        struct tpm_advice v[TPMADVICE_MAX];
};

/* -EBADMSG: *ret_line is the line, *ret_why says why (static). */
int tpmadvice_parse(const char *text, size_t len, struct tpm_advices *ret, unsigned *ret_line, const char **ret_why);

/* The first one from `after` on that names this TPM; a->n: none. An unknown
 * maker ("") is named by none. */
size_t tpmadvice_find(const struct tpm_advices *a, size_t after, const char *maker, uint64_t version);

void tpm_version_text(uint64_t version, char ret[TPM_VERSION_TEXT]);

#endif
