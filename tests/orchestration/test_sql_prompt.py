"""Asking the lake from the terminal: one question or many, and never a change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestration.sql_prompt import QuestionRefused, answer, prompt
from warehouse.settings import Settings


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    """What somebody types at the prompt, line by line; an exception is a key pressed."""

    def lines(*words: str | BaseException) -> None:
        waiting: Iterator[str | BaseException] = iter((*words, EOFError()))

        def read(_sign: str) -> str:
            word = next(waiting)
            if isinstance(word, BaseException):
                raise word
            return word

        monkeypatch.setattr("builtins.input", read)

    return lines


def test_one_question_is_answered_as_a_table(filled: Settings, capsys: pytest.CaptureFixture[str]):
    answer(filled, "select count(*) as orders_count from orders.orders")
    shown = capsys.readouterr().out
    assert "orders_count" in shown
    assert "│" in shown


def test_other_programs_get_comma_separated_values(filled: Settings, capsys: pytest.CaptureFixture[str]):
    answer(filled, "select 1 as a, 'x,y' as b union all select 2, null order by a", csv=True)
    assert capsys.readouterr().out == 'a,b\n1,"x,y"\n2,\n'


NO_QUESTIONS = (
    "selec 1",
    "select * from nowhere.at_all",
    "insert into orders.orders default values",
    "create table receivables.mine as select 1",
    "drop table orders.orders",
    "copy orders.orders to '/tmp/stolen.csv'",
    "select * from read_csv('/etc/passwd')",
    "set enable_external_access = true",
    "attach '/tmp/other.duckdb'",
)


def test_what_is_no_question_to_the_lake_is_refused(filled: Settings):
    # one lake for all: filling it takes seconds
    for query in NO_QUESTIONS:
        with pytest.raises(QuestionRefused):
            answer(filled, query)


def test_a_prompt_answers_each_query_and_outlives_mistakes(filled: Settings, typed, capsys: pytest.CaptureFixture[str]):
    typed("select 41 + 1", "as answer;", "selec;", "select 7;")
    prompt(filled)
    said = capsys.readouterr()
    assert "answer" in said.out
    assert "42" in said.out
    assert "syntax error" in said.err
    assert "7" in said.out


def test_ctrl_c_forgets_the_lines_typed_so_far(filled: Settings, typed, capsys: pytest.CaptureFixture[str]):
    typed("select 'half", KeyboardInterrupt(), "select 'whole' as word;")
    prompt(filled)
    said = capsys.readouterr()
    assert "whole" in said.out
    assert said.err == ""
