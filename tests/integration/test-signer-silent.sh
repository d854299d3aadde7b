#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# A signer that hangs: who waits for it is refused, musterd says so and
# stops, to be started again with another.
. "$(dirname "$0")/../lib.sh"
requires curl --version
requires jq --version
. "$(dirname "$0")/musterd-lib.sh"
make_parent
: >"$tmp/musterd.log"
gone() { [ ! -e "/proc/$1" ] || [ "$(awk '/^State:/ { print $2 }' "/proc/$1/status" 2>/dev/null)" = Z ]; }
musterd_start || exit 1
for p in $(pgrep -P "$musterd_pid"); do [ "$(cat "/proc/$p/comm")" = musterd-signer ] && signer=$p; done
cleanup_fn "kill -KILL $signer 2>/dev/null"
sealed_file "$state/images/i.img"
body="{\"name\":\"i\",\"file\":\"i.img\",$sealed_about,\"key\":\"$(head -c 32 /dev/urandom | base64)\",\"default\":true}"

kill -STOP "$signer"
is "who waits for it gets an error, not a wait for ever" 503 "$(admin_status POST /v1/images "$body")"
wait_for 10 gone "$musterd_pid" || kill "$musterd_pid"
wait "$musterd_pid"
is "musterd exits with 6" 6 "$?"
check "and says that there was no answer" grep -q 'the signing process is gone (no answer within .*Next:' "$tmp/musterd.log"
kill -CONT "$signer" 2>/dev/null
check "the signer ends as soon as it goes on" wait_for 5 gone "$signer"
musterd_start || exit 1
is "nothing of the request was kept" 0 "$(admin GET /v1/images | jq '.images | length')"
is "and with another signer it works" i "$(admin POST /v1/images "$body" | jq -r .name)"
musterd_stop
is "SIGTERM ends it" 0 "$?"
