"""Commands that start a run, or use the model of one."""
