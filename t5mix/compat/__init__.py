"""seqio's and T5's module names: thin faces of modules that stand elsewhere, imported as `t5mix.utils` and its like.

`t5/`: T5's modules, imported as `t5mix.t5.data` and its like.
`additions/`: what files of seqio's users want and t5mix itself has no need of.
`import_hook`: lets `import seqio` and `import t5` mean these, where a process asks for it.
"""
