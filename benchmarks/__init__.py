"""Measurements against peers, each in one run; see README.md."""
