# SPDX-License-Identifier: Apache-2.0
# Sourced: what a process has used.
# shellcheck shell=bash

# proc_cpu_ms PID: user and system time, ended threads included
proc_cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' "/proc/$1/stat"; }

# proc_kib PID VmRSS|VmHWM
proc_kib() { awk -v k="$2:" '$1 == k { print $2 }' "/proc/$1/status"; }
