"""A run compiled for a TPU topology on a machine without one: what fits, and how long it would take.

programs.py   the run's own programs, compiled, and what each costs
rehearse.py   all of it together: time, chip-hours, feed
meshes.py     the meshes of a topology, ranked
"""
