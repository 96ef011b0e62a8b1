"""Training: the loop and what it needs.

schedules.py      learning rate, a function of the step
loop.py           state + stream -> checkpoints and logs
loss_window.py    the loss between two lines in the log, task by task
starting.py       from a checkpoint of another optimizer, or of other trained weights
checkpoints.py    whole or not at all, onto any mesh
interruption.py   SIGTERM and Ctrl-C
reporter.py       what a person sees
"""
