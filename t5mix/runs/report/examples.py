"""The examples of a report with their predictions, and the controls to page through them; page.js moves them."""

import json
from collections.abc import Sequence
from typing import Any

from t5mix.evaluation.evaluate_task import Score
from t5mix.runs.report import content
from t5mix.runs.report.content import Scored, clean

# Hex digits that tell on a page what was asked.
_DIGITS = 12


def pager(scored: Sequence[Scored], most: int) -> str:
    """Returns the pager, and the examples as JSON, in which no sign can end the element that holds it."""
    groups = [_group(each, most) for each in content.newest_predictions(scored)]
    if not groups:
        return ""
    data = json.dumps(groups, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    return f"""
<p class="soft">Wrong means that the text of the answer is not that of the target; metrics may be milder.</p>
<noscript><p>The examples need JavaScript, which is off.</p></noscript>
<div class="controls">
<select id="group" aria-label="task"></select>
<label><input type="checkbox" id="only-wrong"> wrong ones only</label>
<input type="search" id="search" placeholder="words in a text" aria-label="words in a text">
<button id="before" type="button">← before</button><button id="after" type="button">next →</button>
<span id="where" class="soft" aria-live="polite"></span>
</div>
<p id="note" class="soft"></p>
<div class="scroll"><table class="examples">
<thead><tr><th>input</th><th>target</th><th>answer</th><th></th></tr></thead>
<tbody id="rows"></tbody></table></div>
<script type="application/json" id="examples-data">{data}</script>
"""


def _asked(score: Score) -> str:
    """Says which version of a task was asked, and what; nothing where the score does not tell."""
    version = f" Version {score.version}." if score.version else ""
    return clean(f"{version}{f' It asks {score.asks[:_DIGITS]}.' if score.asks else ''}")


def _group(scored: Scored, most: int) -> dict[str, Any]:
    pairs, score = content.predictions_of(scored), scored.score
    wrong = sum(is_wrong for _, is_wrong in pairs)
    said = f"no score: {score.why_no_score}" if score.no_score else f"{wrong:,} of {len(pairs):,} are wrong"
    shown = f"; the first {most:,} are shown here, wrong ones first" if len(pairs) > most else ""
    return {
        "title": clean(f"{score.task}, {score.split}, {scored.stage}, step {score.step}"),
        "note": f"{said}{shown}.{_asked(score)}",
        "rows": [
            [clean(each.inputs), clean(each.target), clean(each.output), -1 if score.no_score else int(is_wrong)]
            for each, is_wrong in pairs[:most]
        ],
    }
