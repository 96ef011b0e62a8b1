"""Training: the loop and what it needs.

schedules.py      learning rate, a function of the step
optimizers.py     what Adafactor is told at each step
loop.py           state + stream -> checkpoints and logs
window.py         the loss between two lines in the log, task by task
checkpoints.py    whole or not at all, onto any mesh
interruption.py   SIGTERM and Ctrl-C
progress.py       what a person sees
"""
