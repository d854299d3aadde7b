#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""csv-write.py SEED DIR: purchase manifests written by Python's csv module in
each of its styles, DIR/N.csv, and as JSON what they say, DIR/N.json."""
import csv
import json
import random
import sys

rng = random.Random(int(sys.argv[1]))
PIECES = ['a', ' ', ',', '"', '""', "'", '\n', '\r\n', ';', 'ü', '€', '\U0001f600', '\\', 'x-', '=1+1', '\ufeff']


def text():
    return ''.join(rng.choice(PIECES) for _ in range(rng.randrange(12)))


styles = [(q, end, bom) for q in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)
          for end in ('\n', '\r\n') for bom in ('utf-8', 'utf-8-sig')]
for number, (quoting, end, encoding) in enumerate(styles):
    columns = ['name', 'ek_sha256', 'profile', 'x-note']
    rng.shuffle(columns)
    rows = [{'name': f'r{i}', 'ek_sha256': f'{rng.getrandbits(256):064x}', 'profile': text(), 'x-note': text()}
            for i in range(40)]
    with open(f'{sys.argv[2]}/{number}.csv', 'w', newline='', encoding=encoding) as f:
        w = csv.DictWriter(f, columns, quoting=quoting, lineterminator=end)
        w.writeheader()
        w.writerows(rows)
    with open(f'{sys.argv[2]}/{number}.json', 'w', encoding='utf-8') as f:
        json.dump([[r['name'], r['ek_sha256'], r['profile'] or None] for r in rows], f)
