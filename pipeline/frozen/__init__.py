"""The frozen part of a model: found, told by what it is, and computed once.

`sameness` is the one notion of "the same", for features, traces and lanes. It knows Keras's
models and datasets; of trainings, trials and searches it knows nothing.
"""
