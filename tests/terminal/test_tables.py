"""Tables are as wide as they may be, and never folded by letters."""

import pytest

from exp.terminal.tables import WIDTH_ELSEWHERE, facts, line_width, most_of, plain_table, shortened, whole, width_of

HEADINGS = ["run", "optimizer.learning_rate", "examples_per_second", "note"]
ROWS = [["a", "0.001", "12345", "some words that are many"], ["b", "0.1", "9", ""]]


def words_of(lines):
    return {word for line in lines for word in line.split()}


def test_what_fits_is_shown_as_it_is():
    lines = plain_table(HEADINGS, ROWS).lines()
    assert lines[0] == "run  optimizer.learning_rate  examples_per_second  note"
    assert lines[2] == "a                      0.001                12345  some words that are many"
    assert whole(plain_table(HEADINGS, ROWS), 100) == lines
    assert most_of(plain_table(HEADINGS, ROWS), 100, HEADINGS) == (lines, [])


@pytest.mark.parametrize("width", [80, 60, 40, 30])
def test_nothing_is_lost_and_no_word_is_cut(width):
    lines = whole(plain_table(HEADINGS, ROWS), width)
    assert max(map(width_of, lines)) <= width
    assert {"0.001", "12345", "many", "words", "0.1"} <= words_of(lines)


def test_what_is_wide_is_turned():
    headings = ["buffer_size", *(f"class_{number}" for number in range(20))]
    rows = [[str(size), *["12.3%"] * 20] for size in (1, 1000)]
    lines = whole(plain_table(headings, rows), 80)
    assert lines[0].split() == ["buffer_size", "1", "1000"]
    assert lines[2].split() == ["class_0", "12.3%", "12.3%"]
    assert len(lines) == 22


def test_what_is_wide_and_high_is_written_in_blocks():
    cells = [f"{'x' * 30}{number}" for number in range(5)]
    lines = whole(plain_table(["a", "b", "c", "d", "e"], [cells] * 5), 40)
    assert lines[:3] == [cells[0], f"  b: {cells[1]}", f"  c: {cells[2]}"]


def test_columns_that_have_no_room_are_named():
    lines, left_out = most_of(plain_table(HEADINGS, ROWS), 30, ["run", "note", *HEADINGS[1:3]])
    assert left_out == ["optimizer.learning_rate", "examples_per_second"]
    assert max(map(width_of, lines)) <= 30
    assert lines[0] == "run  note"


def test_headings_are_broken_between_words_and_long_cells_in_their_middle():
    rows = [[f"2026-11-24/05-13-34_{'long_' * 20}end", "0.1", "1", "x"]] * 2
    lines, left_out = most_of(plain_table(HEADINGS, rows), 60, HEADINGS)
    assert left_out == []
    assert [line.strip() for line in lines[:2]] == ["optimizer.", "examples_"] or "learning_" in " ".join(lines[:3])
    assert "2026-11-24/05-13-3…" in lines[-1]
    assert shortened("short") == "short"


def test_cells_are_text():
    table = plain_table(["a"], [["[red]x[/red]"], ["\x1b[31m"], ["one\ntwo"], ["\u202ebackwards"]])
    assert [line.strip() for line in table.lines()[2:]] == [
        *("[red]x[/red]", r"\x1b[31m", r"one\ntwo", r"\u202ebackwards")
    ]


def test_characters_of_two_columns():
    lines = plain_table(["名", "b"], [["数据集", "1"], ["x", "2"]]).lines()
    assert [width_of(line) for line in lines[1:]] == [9, 9, 9]


def test_a_table_without_rows():
    assert whole(plain_table(["a", "b"], []), 80)[0] == "a  b"


def test_the_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "57")
    assert line_width() == 57
    monkeypatch.delenv("COLUMNS")
    assert line_width() == WIDTH_ELSEWHERE  # of pytest's own stdout, which is no terminal


def test_paths_stay_whole():
    path = "outputs/2026-11-24/05-13-34_cnn_mnist_function_virtual/checkpoints/ckpt-100"
    lines = facts([("error", f"{path}: cannot be saved (No space left on device)"), ("steps", "1"), ("none", "")], 60)
    assert lines == [f"error  {path}:", "       cannot be saved (No space left on device)", "steps  1", "none"]
