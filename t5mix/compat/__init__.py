"""seqio's and T5's module names: thin faces of modules that stand elsewhere, imported as `t5mix.utils` and its like."""
