"""Tasks and mixtures declared in TOML files, for data in TSV and JSONL files: no Python is written, and none runs."""

from t5mix.declarations.toml.declarations import declare, declares
from t5mix.declarations.toml.table import DeclarationError

__all__ = ["DeclarationError", "declare", "declares"]
