"""Runs made from other runs, and many at once: what if a task had not been there, and what does it do for others.

average.py      a checkpoint that is the mean of others
what_if.py      a run with another mixture, made from a run folder
forking.py      a training that begins where another stood at a step
replay.py       whether two runs are the same, bit for bit
conflict.py     how the gradients of tasks lay to one another in a run
transfer.py     many small runs: what each task does for each other
heat_map.py     a picture of a number for each pair of tasks
"""
