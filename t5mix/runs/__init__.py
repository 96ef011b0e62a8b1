"""A run: its settings, bound by gin at one root, checked, recorded, and carried out.

    config/settings.py      Run and its parts: typed, frozen, validated
    config/gin_files.py     gin files and --gin_param -> bindings, each with its file and line
    config/gin_check.py     what gin lets pass is refused
    config/gin_library.py   gin-config, and not a folder of that name
    config/binding.py       bindings -> one Run; the only module that lets gin build something
    preflight/checks.py     all that is checked before anything is built, in order
    preflight/tasks.py      names, splits, lengths, vocabularies, mesh
    preflight/folders.py    the run folder, and the checkpoint that is started from
    preflight/same_data.py  the examples that a training went on with before
    run_folder.py           what lies where in a run folder, and finding a checkpoint in it
    record.py               command, configs, versions and lineage, written at every start
    dry_run.py              what a run would do (`t5mix train --dry_run`)
    components.py           the engine and the streams of a run
    pretrain.py             Run.train
    finetune.py             Run.finetune, task after task from one checkpoint
    evaluate.py             scores of checkpoints, task by task
    predict.py              text in, text out
    score_files.py          scores on disk

Only `config` knows gin; only `preflight` and what follows know tasks.
"""
