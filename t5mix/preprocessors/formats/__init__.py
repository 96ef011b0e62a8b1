"""Known data sets as text, in T5's formats: a file for each kind of task."""
