"""A picture of a number for each pair of tasks: blue above zero, red below."""

from collections.abc import Sequence

import numpy as np

from t5mix.runs.scores.picture import write_figure


def draw(
    path: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    texts: Sequence[Sequence[str]],
    **words: str,
) -> None:
    """Writes the picture.

    Args:
        path: the file; see `check_picture`.
        rows: names of rows, from above.
        columns: names of columns.
        values: [rows, columns]; NaN where there is none, which is left grey.
        texts: what is written into each field.
        words: `title`, `of_rows` and `of_columns`, for people.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    most = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
    figure = Figure(figsize=(2.5 + 0.75 * len(columns), 1.8 + 0.45 * len(rows)), layout="constrained")
    panel = figure.subplots()
    colors = colormaps["RdBu"].with_extremes(bad="#d0d0d0")
    shown = panel.imshow(np.ma.masked_invalid(values), cmap=colors, vmin=-most or -1, vmax=most or 1, aspect="auto")
    panel.set_xticks(range(len(columns)), columns, rotation=45, ha="right", fontsize=8)
    panel.set_yticks(range(len(rows)), rows, fontsize=8)
    panel.set_title(words.get("title", ""), fontsize=9)
    panel.set_xlabel(words.get("of_columns", ""), fontsize=8)
    panel.set_ylabel(words.get("of_rows", ""), fontsize=8)
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            dark = np.isfinite(values[row, column]) and abs(values[row, column]) > 0.6 * most
            panel.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    figure.colorbar(shown, ax=panel, shrink=0.8)
    write_figure(figure, path)
