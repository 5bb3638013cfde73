"""The report of one search: a page to read, made from its journal.

`page` writes it. `summary`, `conclusions` and `tables` say in words and numbers what was found;
`figures` draws, Optuna's pictures from a `study`, others in `progress`, `curves`, `brackets` and
`timeline`. `trials` and `space` read the journal for all of them.
"""
