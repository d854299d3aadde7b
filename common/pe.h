/* SPDX-License-Identifier: Apache-2.0 */
/* pe.h - PE/COFF images: sections and the Authenticode digest.
 *
 * Pure. A pe views the caller's bytes, which must outlive it; nothing to
 * free. PE32 and PE32+. -EBADMSG with a static reason in ret_why for what
 * is no PE image or points outside the file; -EIO when OpenSSL fails. */
#ifndef MUSTER_PE_H
#define MUSTER_PE_H

#include "mem.h"

#define PE_MAX_SECTIONS 96

struct pe_section {
        char name[9];
        const uint8_t *data; /* the section's bytes in the file */
        size_t raw_size;     /* how many are in the file */
        size_t size;         /* VirtualSize: loaded size, zero filled */
        size_t offset;       /* of data in the file */
};

struct pe {
        const uint8_t *p;
        size_t len;
        uint16_t machine;     /* the architecture */
        size_t checksum_off;  /* CheckSum field */
        size_t certdir_off;   /* certificate table's directory entry, 0: none */
        size_t headers_size;  /* SizeOfHeaders */
        size_t cert_off;      /* certificate table, 0: none */
        size_t cert_size;
        struct pe_section sections[PE_MAX_SECTIONS];
        size_t n_sections;
};

int pe_parse(const void *p, size_t len, struct pe *ret, const char **ret_why);
const struct pe_section *pe_find(const struct pe *pe, const char *name);
/* Its bytes as they lie in memory: VirtualSize of them, zeros after the file's. */
bool pe_section_update(const struct pe_section *s, EVP_MD_CTX *ctx);
int pe_authenticode(const struct pe *pe, uint8_t ret[DIGEST_LEN]);

#endif
