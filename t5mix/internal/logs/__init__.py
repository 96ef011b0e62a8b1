"""Numbers of a run, by step: on disk, and at services that users name."""
