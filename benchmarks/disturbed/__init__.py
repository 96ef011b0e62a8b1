"""Commands of t5mix that are disturbed while they run, and whether what they computed is the same."""
