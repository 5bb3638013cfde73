"""One execution: a model is built, trained, and its best epoch's weights are kept.

A pure function of its inputs: it knows neither oracle, nor MLflow, nor the terminal.
"""
