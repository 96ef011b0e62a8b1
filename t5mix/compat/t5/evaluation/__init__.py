"""Names of T5's package of this name."""
