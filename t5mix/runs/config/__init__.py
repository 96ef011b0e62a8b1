"""The settings of a run: read from gin files, checked, and bound to typed dataclasses."""
