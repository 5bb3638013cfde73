"""Several searches: a multirun that goes on, its standings, its comparison and their page.

It reads the searches' journals; only the command line starts searches.
"""
