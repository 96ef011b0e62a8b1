"""Scores on disk, and what can be told from them without the model.

score_files.py  a score, and the predictions that it was made of
comparison.py   runs beside one another (`t5mix compare`)
picture.py      the same, drawn
"""
