"""Commands about what is declared: they need no run."""
