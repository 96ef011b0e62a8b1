"""Random and nasty inputs of `parity_random.py`, and the differences that are meant."""
