"""The commands of `t5mix`, one a file: each has `add_arguments(parser)` and `run(args) -> int`."""
