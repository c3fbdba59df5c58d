"""Progress of long work: bars where somebody looks, and not a byte elsewhere."""

import io
import threading
import time
from contextlib import redirect_stderr, suppress

import IPython.display
import pytest

import mse.progress
from mse.progress import progress

ERASED, CURSOR_HIDDEN, CURSOR_SHOWN = "\x1b[2K", "\x1b[?25l", "\x1b[?25h"


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def at_once(monkeypatch) -> None:
    """Bars show without waiting, as on a terminal that can move its cursor."""
    monkeypatch.setattr(mse.progress, "PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "xterm")


def work(text: str = "resamples", **options) -> None:
    """Three steps, long enough for the display to start."""
    with progress(text, total=3, **options) as bar:
        time.sleep(0.05)
        for _ in range(3):
            bar.advance()
        time.sleep(0.15)


def test_nothing_is_written_where_there_is_no_terminal(capfd, monkeypatch) -> None:
    """Logs, pipes and tests stay clean."""
    monkeypatch.setattr(mse.progress, "PATIENCE", 0.0)
    work()
    assert capfd.readouterr() == ("", "")


def test_a_terminal_shows_the_bar_on_standard_error_and_erases_it(at_once, capsys) -> None:
    """Standard output holds results only; the last thing on the terminal is an empty line."""
    with redirect_stderr(Terminal()) as terminal:
        work()
    assert "resamples" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "resamples" not in terminal.getvalue()[terminal.getvalue().rindex(ERASED) :]
    assert capsys.readouterr().out == ""


def test_quick_work_shows_nothing() -> None:
    """A bar that flickers tells nothing."""
    with redirect_stderr(Terminal()) as terminal, progress("resamples", total=1) as bar:
        bar.advance()
    assert "resamples" not in terminal.getvalue()


def test_a_bar_inside_a_bar_shares_its_display(at_once) -> None:
    """And the inner one goes when it is done."""
    with redirect_stderr(Terminal()) as terminal, progress("tables", total=2) as bar:
        work("resamples")
        bar.tell("figures")
        time.sleep(0.15)
    shown = terminal.getvalue()
    assert "tables" in shown
    assert "resamples" in shown
    assert "resamples" not in shown[shown.index("figures") :]


def test_false_silences_the_bars_inside_too(at_once) -> None:
    """As `run_study(progress=False)` promises."""
    with redirect_stderr(Terminal()) as terminal, progress("stages", total=1, shown=False):
        work()
    assert terminal.getvalue() == ""


def test_threads_other_than_the_main_one_are_silent(at_once) -> None:
    """Two workers would draw over each other."""
    with redirect_stderr(Terminal()) as terminal:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert terminal.getvalue() == ""


def test_an_error_closes_the_display(at_once) -> None:
    """The next bar starts afresh, and the cursor is visible again."""
    with redirect_stderr(Terminal()) as terminal, suppress(KeyboardInterrupt), progress("resamples", total=2):
        time.sleep(0.05)
        raise KeyboardInterrupt
    assert terminal.getvalue().rindex(CURSOR_SHOWN) > terminal.getvalue().rindex(CURSOR_HIDDEN)
    assert mse.progress._open == []


def test_an_interrupt_that_compiled_code_wrapped_comes_out_as_an_interrupt() -> None:
    """Numba gives `SystemError`s with the interrupt at the end of their causes; other faults stay what they are."""
    with pytest.raises(KeyboardInterrupt), progress("work"):
        raise SystemError("outer") from wrapped(KeyboardInterrupt())
    with pytest.raises(SystemError, match="outer"), progress("work"):
        raise SystemError("outer") from wrapped(ValueError())


def wrapped(cause: BaseException) -> SystemError:
    """A fault as the interpreter makes it when a C function returns a result with an exception set."""
    fault = SystemError("inner")
    fault.__cause__ = cause
    return fault


def test_a_notebook_shows_one_line_and_erases_it(monkeypatch) -> None:
    """Without widgets, through the display that the kernel lets change."""
    seen = []

    class Handle:
        def update(self, content, *, raw) -> None:
            seen.append(content["text/plain"])

    def display(content, *, raw, display_id) -> Handle:
        seen.append(content["text/plain"])
        return Handle()

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(mse.progress, "_is_notebook", lambda: True)
    monkeypatch.setattr(mse.progress, "PATIENCE", 0.0)
    monkeypatch.setattr(mse.progress, "REFRESH", 0.0)
    with progress("tables", total=2) as bar:
        with progress("resamples") as inner:
            inner.advance(1000)
        bar.advance()
    assert seen == ["tables 0 of 2, resamples 1,000", "tables 1 of 2", ""]
