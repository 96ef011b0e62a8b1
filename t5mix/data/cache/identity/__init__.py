"""What decides a token cache: its key, and whether other releases of libraries would make the same tokens."""
