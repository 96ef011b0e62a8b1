"""A run: its settings, bound by gin at one root, checked, recorded, and carried out.

config/         from gin files to one typed `Run`; the only place that knows gin
preflight/      all that is checked before anything is built; from here on, tasks are known
records/        what lies where in a run folder; command, configs, versions and lineage, written at every start
components.py   the engine and the streams of a run
pretrain.py     Run.train
finetune.py     Run.finetune, task after task from one checkpoint
evaluate.py     scores of checkpoints, task by task
answers/        what a checkpoint answers to inputs from anywhere; how likely it finds given targets
scores/         scores on disk, and runs compared by them
experiments/    runs made from other runs, or many at once: averages, what if, transfer
"""
