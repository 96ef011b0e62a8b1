"""What must hold before a run starts.

checks.py     all of it, in order
tasks.py      names, splits, lengths, vocabularies, mesh
schedules.py  a learning rate that is no 0 before the end
memory.py     a batch and the weights fit into the machine
folders.py    the run folder, and the checkpoint that is started from
training_steps.py  what is to be trained, and in which parts of a batch
same_data.py  a training that goes on reads the examples that it was started with
"""
