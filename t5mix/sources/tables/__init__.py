"""Rows of tables in files, by the names of their columns: the one reader of each format.

source.py       `TableDataSource`
reading.py      what is said of a table, and its rows
delimited.py    TSV and CSV, cell by cell; whether a file quotes its cells
records.py      JSON, a row a line or in one list, and Parquet
"""

from t5mix.sources.tables.reading import FORMATS, Reading
from t5mix.sources.tables.source import TableDataSource

__all__ = ["FORMATS", "Reading", "TableDataSource"]
