"""What is long: many tasks, long examples."""

from t5mix.cli import output


def test_a_plain_table_has_a_line_for_each_row_and_aligned_columns() -> None:
    rows = [("a", 5), ("longer", 12_345)]
    assert output.plain_table(("name", ">examples"), rows) == [
        "name    examples",
        "----------------",
        "a              5",
        "longer     12345",
    ]


def test_a_long_text_says_how_much_more_there_is() -> None:
    assert output.shortened("abc", 3) == "abc"
    assert output.shortened("x" * 50_000_000, 4) == "xxxx ... and 49,999,996 more characters"
