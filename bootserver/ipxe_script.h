/* SPDX-License-Identifier: Apache-2.0 */
/* ipxe_script.h - fills the iPXE template. Pure.
 *
 * Replaces @NODE@, @IMAGE_NAME@, @KERNEL_URL@ and @CMDLINE@. Every value
 * must have passed its grammar in names.h; -EINVAL when one has not, when
 * the template names another placeholder, or when the result is over
 * IPXE_SCRIPT_MAX. */
#ifndef MUSTER_IPXE_SCRIPT_H
#define MUSTER_IPXE_SCRIPT_H

#include "mem.h"

#define IPXE_SCRIPT_MAX 32768

struct ipxe_values {
        const char *node;       /* name, id, or "unknown" */
        const char *image_name; /* the file's name */
        const char *base_url;   /* KERNEL_URL is base_url/boot/image_name */
        const char *cmdline;
};

int ipxe_script(const char *template, const struct ipxe_values *v, struct buf *ret);

/* A MAC in either notation as aa:bb:cc:dd:ee:ff. */
void mac_normal(const char *mac, char ret[18]);

#endif
