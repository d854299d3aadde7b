/* SPDX-License-Identifier: Apache-2.0 */
/* uki_initrd.h - the initrd that systemd-stub hands to the kernel, which
 * measures it into PCR 9.
 *
 * Pure. With nothing but .initrd in the image that section as it is. Else the
 * stub joins, in this order, each padded with zeros to four bytes: .ucode
 * (stubs since 256), .initrd, and cpio archives of one file each below
 * /.extra: .pcrsig and .pcrpkey (252), .osrel and .profile (257). `version` is the
 * stub's. What it takes from an ESP (credentials, system
 * extensions) there is none of when it was loaded over the network.
 *
 * 0 or -EIO; *ret_has false when the kernel gets no initrd. Sources: the
 * kernel's buffer-format.rst ("newc"); the boot of Debian 13's stub. */
#ifndef MUSTER_UKI_INITRD_H
#define MUSTER_UKI_INITRD_H

#include "pe.h"

int uki_initrd(const struct pe *pe, unsigned version, bool *ret_has, uint8_t ret[DIGEST_LEN]);

#endif
