"""The configuration: its types and rules, and how Hydra composes it.

It knows nothing of ours, and imports nothing heavy: a mistake is answered before Keras is there.
"""
