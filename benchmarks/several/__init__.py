"""Commands that several processes carry out together, for the benchmarks that are about them."""
