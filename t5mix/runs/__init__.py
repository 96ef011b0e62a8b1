"""A run: its settings, bound by gin at one root, checked, recorded, and carried out.

    config.py       Run and its parts: typed, frozen, validated
    statements.py   gin files and --gin_param -> statements, each with its file and line
    gin_check.py    what gin lets pass is refused
    gin_library.py  gin-config, and not a folder of that name
    binding.py      statements -> one Run; the one place that lets gin build something
    check.py        all that is checked before anything is built, in order
    check_tasks.py  names, splits, lengths, vocabularies, mesh
    check_folders.py  the run folder, and the checkpoint that is started from
    folders.py      what lies where in a run folder, and finding a checkpoint in it
    record.py       command, configs, versions and lineage, written at every start
    plan.py         what a run would do (`t5mix train --dry_run`)
    parts.py        the engine and the streams of a run
    pretrain.py     Run.train
    finetune.py     Run.finetune, task after task from one checkpoint
    evaluate.py     scores of checkpoints, task by task
    predict.py      text in, text out
    scores.py       scores kept on disk

Only `binding.py` and its neighbours know gin; only `check.py` and what follows know tasks.
"""
