#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No way in by the console: boot add refuses a command line that could open a shell. That none answers when attest or
# mount fail is seen in the boots of test-refused-*, and what one looks like that does answer in test-refused-cmdline.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/lib.sh"

parent_new
parent_start || exit 1
line=$(m boot list -o json | jq -r '.boots[] | select(.name == "r1") | .cmdline')
check "the served command line carries rd.shell=0 and rd.emergency" grep -qE 'rd\.shell=0.*rd\.emergency=' <<<"$line"
check_exit 1 "boot add refuses a command line without rd.shell=0" m boot add bad "$fixture/r2.efi" --cmdline 'root=muster rd.emergency=reboot'
check_exit 1 "boot add refuses rd.break" m boot add bad "$fixture/r2.efi" --cmdline "$line rd.break"
check_exit 1 "boot add refuses init=" m boot add bad "$fixture/r2.efi" --cmdline "$line init=/bin/sh"
check "unless told otherwise" m boot add odd "$fixture/r2.efi" --cmdline "$line rd.break" --allow-shell --no-default
