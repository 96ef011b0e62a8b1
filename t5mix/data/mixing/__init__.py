"""Which example each draw is."""
