"""Code as data: what a function does, as its syntax tree says and what it refers to, so that a change of it shows."""
