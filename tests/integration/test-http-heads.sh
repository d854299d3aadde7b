#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a proxy and musterd could read differently in the head of a request is
# refused on each of the three listeners, before any route sees it.
. "$(dirname "$0")/../lib.sh"
requires curl --version
requires openssl version
requires jq --version
requires objcopy --version
requires python3 --version
. "$(dirname "$0")/musterd-lib.sh"
make_parent
make_uki "$state/boot/one.efi" "initrd one"
musterd_start || exit 1
line="root=muster console=ttyS0 rd.shell=0 rd.emergency=reboot systemd.import_credentials=no"
is "a boot is there to be asked for" 200 "$(admin_status POST /v1/boots "{\"name\":\"one\",\"file\":\"one.efi\",\"cmdline\":\"$line\",\"default\":true}")"
python3 "$(dirname "$0")/http_heads.py" "$boot_port" "$attest_port" "$tmp/pki/ca.pem" "$sock" || failed=$((failed + 1))
check "control: after all of these, a request is answered" [ "$(boot_status /boot/one.efi)" = 200 ]
musterd_stop
is "no sanitizer complained" 0 "$(grep -c 'Sanitizer' "$tmp/musterd.log")"
