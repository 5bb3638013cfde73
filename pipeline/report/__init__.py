"""The report of one search: a page to read, made from its journal.

`page` writes it. `summary`, `conclusions` and `tables` say in words and numbers what was found;
`figures` has the pictures, each drawn by a module of its own; `layout` is how they look, `chosen`
which trials they show, and `scale` what the axes of hyperparameters name. `trials` and `space` read
the journal for all of them.
"""
