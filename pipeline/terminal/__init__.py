"""The terminal: what a search says while it runs, and in the end.

Made from the journal's records; of MLflow it knows only the words for what was delivered.
"""
