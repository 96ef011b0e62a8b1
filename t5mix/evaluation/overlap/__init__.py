"""Contamination: which evaluation examples stand, whole or in parts, in training examples.

normalized.py   texts without case, punctuation and prefixes
hashed_runs.py  hashes of words, of runs of words and of runs of characters, many texts at once
index.py        the evaluation examples, by these hashes
ledger.py       training examples held against the index, task by task
first_steps.py  the steps of a run that first fed these
ledger_file.py  the ledger on disk
clean.py        scores on the examples of which it found nothing
"""
