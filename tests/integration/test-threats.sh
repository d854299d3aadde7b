#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/THREATS.md names only what is there: functions, checks of tests and
# mutants; and tests/mutants.list fits the sources and is named in full.
. "$(dirname "$0")/../lib.sh"
requires python3 --version
cd "$top" || exit 2

python3 - <<'END' || failed=1
import re
import sys

failed = 0


def check(name, wrong):
    global failed
    if wrong:
        failed += 1
        print(f"not ok - {name}")
        for w in wrong:
            print(f"#   {w}")
    else:
        print(f"ok - {name}")


def text(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except OSError:
        return None


def defines(path, function):
    """a C function's definition (its line does not end in ;), a macro's body, or a shell function"""
    body = text(path) or ""
    name = re.escape(function)
    return re.search(rf"^(?:\w[\w \t*]*[ \t*])?{name}\((?![^{{]*?;)", body, re.M) or re.search(rf"^{name}\(\)", body, re.M)


doc = text("tests/THREATS.md")
rows = [x for x in doc.splitlines() if x.startswith("|") and not x.startswith("|---") and not re.match(r"\| (threat|name) ", x)]
check("THREATS.md has rows for every attacker", [] if len(rows) > 70 and doc.count("\n## ") >= 12 else [f"{len(rows)} rows"])

paths = set(re.findall(r"`([\w./-]+/[\w./-]+\.\w+)(?::\w+)?`", doc)) | set(re.findall(r"`((?:tests)/[\w./-]+)`", doc))
check("every file it names exists", sorted(p for p in paths if text(p) is None))
functions = set(re.findall(r"`([\w./-]+):(\w+)`", doc))
check(f"every function it names exists ({len(functions)})", sorted(f"{p}: {f}" for p, f in functions if not defines(p, f)))

wrong = []
count = 0
for path, names in re.findall(r"`(tests/[\w./-]+)`:\s+((?:\"[^\"]+\"(?:, )?)+)", doc):
    for name in re.findall(r'"([^"]+)"', names):
        count += 1
        if name not in (text(path) or ""):
            wrong.append(f"{path}: {name}")
check(f"every check it names is in its test ({count})", wrong)
check("every row names a test and says what was removed",
      [r[:60] for r in rows if not re.search(r'`tests/[\w./-]+`: "', r) or not re.search(r"\| (by hand|no\b[^|]*|`[^|]+`) \|$", r)])

mutants = {}
wrong = []
for line in text("tests/mutants.list").splitlines():
    if not line or line.startswith("#"):
        continue
    f = [x.strip() for x in line.split(" @@ ")]
    if len(f) != 6:
        wrong.append(f"not six fields: {line[:50]}")
        continue
    if f[0] in mutants:
        wrong.append(f"twice: {f[0]}")
    mutants[f[0]] = f
    for part in f[2].split(" ;; "):
        n = (text(f[1]) or "").count(part.replace("\\n", "\n"))
        if n != 1:
            wrong.append(f"{f[0]}: its text is {n} times in {f[1]}")
    if re.match(r"test_\w+$", f[4]):
        source = text(f"tests/unit/{f[4]}.c") or ""
        source += "".join((text(f"tests/unit/{x}.c") or "") + (text(f"tests/unit/{x}_nodes.c") or "")
                          for x in re.findall(r'#include "(\w+_suite)\.h"', source))
        if f[5] not in source:
            wrong.append(f"{f[0]}: no {f[5]} in {f[4]}")
    elif text(f[4]) is None:
        wrong.append(f"{f[0]}: no {f[4]}")
check(f"every mutant fits its source and test ({len(mutants)})", wrong)
named = {m for r in rows for m in re.findall(r"`([\w.-]+)`", r.rsplit("|", 2)[1])}
check("every mutant that THREATS.md names is in the list, and the other way round", sorted(named ^ set(mutants)))
sys.exit(failed > 0)
END
