"use strict";
// Pages through the examples. Texts are put in as texts, never as HTML.
(() => {
  const groups = JSON.parse(document.getElementById("examples-data").textContent);
  const at = (name) => document.getElementById(name);
  const [choice, only, search, before, after, where, body, note] =
    ["group", "only-wrong", "search", "before", "after", "where", "rows", "note"].map(at);
  const size = 20;
  let first = 0;
  groups.forEach((group, number) => choice.add(new Option(group.title, number)));

  const chosen = () => {
    const words = search.value.toLowerCase();
    return groups[choice.value].rows.filter((row) =>
      (!only.checked || row[3] === 1) && (!words || row.slice(0, 3).some((text) => text.toLowerCase().includes(words))));
  };
  const cell = (row, kind, text) => {
    const made = row.insertCell();
    made.className = kind;
    made.dir = "auto";
    made.textContent = text;
  };
  const show = () => {
    const group = groups[choice.value], rows = chosen();
    first = Math.max(0, Math.min(first, Math.floor((rows.length - 1) / size) * size));
    body.replaceChildren();
    for (const [input, target, answer, wrong] of rows.slice(first, first + size)) {
      const row = body.insertRow();
      cell(row, "input", input);
      cell(row, "target", target);
      cell(row, "answer", answer);
      cell(row, wrong === 1 ? "wrong" : wrong === 0 ? "right" : "", wrong === 1 ? "wrong" : wrong === 0 ? "right" : "");
    }
    const last = Math.min(first + size, rows.length);
    where.textContent = rows.length ? `${first + 1} to ${last} of ${rows.length}` : "none";
    note.textContent = group.note;
    before.disabled = first === 0;
    after.disabled = last >= rows.length;
  };
  const turn = (rows) => { first += rows; show(); };
  const anew = () => { first = 0; show(); };
  before.addEventListener("click", () => turn(-size));
  after.addEventListener("click", () => turn(size));
  [choice, only].forEach((each) => each.addEventListener("change", anew));
  search.addEventListener("input", anew);
  show();
})();
