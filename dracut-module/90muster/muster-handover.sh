#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pre-pivot hook, sourced: what the image gets and does not get from the initramfs. Nothing in it suspends or hibernates
# the node by accident, since a TPM that loses its power without TPM2_Shutdown(STATE) starts over. What networkd noted of
# a DHCP server's answer is not for the image's services.
if [ "$(getarg root=)" = muster ]; then
    mkdir -p /run/systemd/system
    for _u in sleep suspend hibernate hybrid-sleep suspend-then-hibernate; do
        ln -sf /dev/null "/run/systemd/system/$_u.target"
    done
    rm -rf /run/systemd/netif
fi
