#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a hypervisor, a BMC or whoever plugs in a disk can offer without any PCR
# of the policy showing it: SMBIOS strings, fw_cfg, EFI variables, disks, a USB
# stick. The node passes, and takes none of it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/unmeasured-lib.sh"

unmeasured_machine "$fixture/open.efi"
