#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The admin's command with a server that is newer, broken or hostile.
. "$(dirname "$0")/../lib.sh"
requires jq --version
requires python3 --version

cat >"$tmp/server.py" <<'PY'
import json, os, socket, sys

def answer(line):
    if b'/v1/status' in line:
        return 200, json.dumps({'version': '9.9', 'state_dir': '/nowhere', 'nodes': {'released': 1, 'dreaming': 2},
                                'later': {'deep': [1, None, 'x']}, 'journal': {'seq': 3, 'head': 'ab'}})
    if b'/v1/nodes/evil' in line:
        return 200, json.dumps({'name': '\x1b]0;owned\x07', 'id': 'ab' * 32, 'state': 'released\nname: fake', 'later': 1})
    if b'/v1/nodes/number' in line:
        return 200, json.dumps({'name': 7, 'id': None, 'state': [], 'facts': 'none', 'evidence': 3})
    if b'/v1/nodes' in line:
        return 200, json.dumps({'nodes': [{'name': 'n1', 'id': 'cd' * 32, 'state': 'dreaming', 'later': True}], 'next': None})
    if b'/v1/boots' in line:
        return 500, '<html>no JSON</html>'
    if b'/v1/images' in line:
        return 200, '{"images": [}'
    if b'/v1/profiles' in line:
        return 200, None
    if b'/v1/events/verify' in line:
        return 200, json.dumps({'ok': False, 'count': 9, 'bad': 4})
    return 409, json.dumps({'error': 'no\x1b[31m', 'next': 'nothing', 'later': 1})

s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1] + '.new')
s.listen(8)
os.rename(sys.argv[1] + '.new', sys.argv[1])
while True:
    c, _ = s.accept()
    f = c.makefile('rb')
    line = f.readline()
    n = 0
    while True:
        h = f.readline().strip()
        if not h:
            break
        if h.lower().startswith(b'content-length:'):
            n = int(h.split(b':')[1])
    f.read(n)
    status, text = answer(line)
    if text is None:
        c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half":')
    else:
        b = text.encode()
        c.sendall(b'HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n' % (status, len(b)) + b)
    f.close()
    c.close()
PY
python3 "$tmp/server.py" "$tmp/sock" &
cleanup_pid $!
wait_for 20 test -S "$tmp/sock" || { not_ok "the stand-in server starts"; exit 1; }
export MUSTER_SOCKET=$tmp/sock
m() { "$bin/muster" "$@"; }
no_control() { ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f-\xff]' <<<"$1"; }

check "members of a newer server are passed through" jq -e '.later.deep == [1, null, "x"]' <<<"$(m status -o json)"
check "and do not disturb people" grep -q '2 dreaming' <<<"$(m status)"
check "states of a newer server are listed" grep -qE '^n1 .*dreaming' <<<"$(m node list)"
out=$(m node show evil)
check "control characters of a node's name never reach the terminal" no_control "$out"
check "nor does a line feed forge a line" bash -c "! grep -qx 'name: *fake' <<<\"\$1\"" - "$out"
check "members of other types do not crash it" m node show number
check_says 1 'musterd answered HTTP 500' "an error without JSON exits with 1" m boot list
check_says 3 'the answer is no JSON object' "an answer that is no JSON exits with 3" m image list
check_says 3 'the connection to musterd .* broke' "an answer that breaks off exits with 3" m policy show
check_says 1 'event 4 was altered' "a broken journal exits with 1" m log verify
check "and names the event" grep -q 'event 4 was' <<<"$(m log verify 2>&1)"
check "its JSON says so too" jq -e '.ok == false and .bad == 4' <<<"$(m log verify -o json)"
check "a refusal's words are escaped" no_control "$(m policy promote x 2>&1)"
check_says 3 'connect to musterd at .*absent' "a range stops when the server is lost" m --socket "$tmp/absent" node show 'n[1-3]'
