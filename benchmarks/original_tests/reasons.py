"""Tests of the originals that are not passed, each with the reason why ours is right."""

# Test, as "FILE CLASS.METHOD", -> reason.
REASONS: dict[str, str] = {}
