/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - the grammars of what clients and admins name things with.
 *
 * Pure predicates. Nothing that fails one of these reaches a script, a
 * path, a log line or a certificate. */
#ifndef MUSTER_NAMES_H
#define MUSTER_NAMES_H

#include "mem.h"

bool hex_ok(const char *s, size_t n);
bool file_name_ok(const char *s);  /* [A-Za-z0-9][A-Za-z0-9._+-]{0,127}: no path can be made of it */
bool entry_name_ok(const char *s); /* boots, images: [A-Za-z0-9][A-Za-z0-9._-]{0,62} */
bool mac_ok(const char *s);        /* aa:bb:cc:dd:ee:ff, or with '-'; either case */
bool uuid_ok(const char *s);
bool serial_ok(const char *s); /* printable ASCII without quotes, $, `, \ or spaces at the ends; up to 64 */
bool url_ok(const char *s);    /* http:// or https://, then only [A-Za-z0-9._~:/[]-] */
/* A DNS domain for node names, as `cluster` or `hpc.example.org`: lower case, up to DOMAIN_MAX. */
#define DOMAIN_MAX 150
bool domain_ok(const char *s);
/* An IPv4 or IPv6 address as inet_ntop() writes it. */
bool address_ok(const char *s);
/* What reaches the kernel through an iPXE script unchanged: printable ASCII,
 * single spaces, no ${, no word that iPXE reads itself (&&, ||, ;, #…). */
bool cmdline_ok(const char *s);

#endif
