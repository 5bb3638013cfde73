"""The report of a sweep: its searches compared on one page, made from their journals.

`page` writes it. `conclusions` say what was found, `tables` and `pictures` show it; `groups` tell
which searches can be compared.
"""

from pipeline.sweep.page.page import FILE_NAME, render_comparison, write_comparison

__all__ = ["FILE_NAME", "render_comparison", "write_comparison"]
