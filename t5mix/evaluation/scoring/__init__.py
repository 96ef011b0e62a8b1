"""What a model's answers are worth, and how sure that is.

scorer.py             a task's metrics of answers
baselines.py          what can be scored without learning
standard_error.py     how far a score would move on another test set
paired_difference.py  how far two models are from each other on the same one
unlabelled.py         splits whose answers are not published
"""
