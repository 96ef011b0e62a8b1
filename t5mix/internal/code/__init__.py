"""Code as data: what a function does, told by its syntax tree and what it refers to, so that a change of it shows."""
