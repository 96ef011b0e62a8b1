"""Scores on disk, and what can be told from them without the model.

score_files.py  a score, and the predictions that it was made of
score_key.py    what a score depends on
comparison.py   runs beside one another (`t5mix compare`)
picture.py      the same, drawn
"""
