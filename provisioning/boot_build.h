/* SPDX-License-Identifier: Apache-2.0 */
/* boot_build.h - `muster boot build`: an initramfs by dracut with the module
 * 90muster, and of it, a kernel and a command line a UKI.
 *
 * The work needs no server and no root. argv[0] is the command's last word;
 * returns the program's exit code and has told any error. */
#ifndef MUSTER_BOOT_BUILD_H
#define MUSTER_BOOT_BUILD_H

int cmd_boot_build(int argc, char **argv);

#endif
