#!/usr/bin/env bash
# A text with a carriage return, written to CSV and read again, becomes several rows.
#
# pandas 3.1.1: `to_csv` quotes a text that holds a line feed, but not one that holds a carriage return alone; `read_csv`
# ends a row at either. With one column besides the text nothing is wrong with the new rows: they lack values.
# `lineterminator="\n"` in `read_csv` keeps the rows, and `quoting=csv.QUOTE_NONNUMERIC` in `to_csv` protects them.
# Seen: two rows are written and four are read, without an error or a warning; with either argument two are read.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pandas==3.1.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import csv

import pandas as pd

written = pd.DataFrame({"mark": [0.5, 1.0], "text": ["first line\rsecond\rthird", "one line"]})
written.to_csv("plain.csv", index=False)
written.to_csv("quoted.csv", index=False, quoting=csv.QUOTE_NONNUMERIC)
counts = {
    "as it is": len(pd.read_csv("plain.csv")),
    "read with a line terminator": len(pd.read_csv("plain.csv", lineterminator="\n")),
    "written in quotation marks": len(pd.read_csv("quoted.csv")),
}
print(len(written), "rows are written; read:", counts)
assert list(counts.values()) == [4, 2, 2]
assert pd.read_csv("plain.csv").text.isna().sum() == 2
PYTHON
