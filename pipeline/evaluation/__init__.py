"""The best model on the test split: its metrics, its predictions and its file.

It knows trainings and datasets, and nothing of the search that found the model.
"""
