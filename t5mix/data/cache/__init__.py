"""The token cache: its key, its files, and how they are written, found and read."""
