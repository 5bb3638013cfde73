"""Who is compared: each module's `search(work, folder)` does the work and returns the outcome.

What a contender needs is imported at the top of its module, so that it can be timed.
"""
