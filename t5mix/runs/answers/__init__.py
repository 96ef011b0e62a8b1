"""What a checkpoint answers to inputs from anywhere, and how likely it finds given targets.

questions.py    inputs: lines, tables, standard input, a task's split
encoding.py     texts to ids
predict.py      `t5mix predict`: answers
score.py        `t5mix score`: log-likelihoods of targets
writing.py      outputs in order, part by part; a second start goes on where the first ended
"""
