"""Progress of long work: a bar on a terminal, a line that changes in Jupyter, and nothing anywhere else.

Bars inside bars share one display. Texts are words of the program, never anything that was read from a list.
"""

import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["Bar", "is_interrupt", "progress"]

PATIENCE = 1.0  # seconds before anything is shown, so that quick work does not flicker
REFRESH = 0.2  # seconds between two changes of a notebook's line


class Bar(Protocol):
    """What a piece of work tells of itself; both calls may come from any thread."""

    def advance(self, steps: int = 1) -> None: ...
    def tell(self, text: str) -> None: ...


class _Display(Protocol):
    """Where bars are drawn; closed when the last of them is done."""

    def add(self, text: str, total: int | None) -> int: ...
    def advance(self, task: int, steps: int) -> None: ...
    def tell(self, task: int, text: str) -> None: ...
    def remove(self, task: int) -> None: ...
    def close(self) -> None: ...


class _Silence:
    """No terminal, or told to be quiet."""

    def add(self, text: str, total: int | None) -> int:
        return 0

    def advance(self, task: int, steps: int) -> None: ...
    def tell(self, task: int, text: str) -> None: ...
    def remove(self, task: int) -> None: ...
    def close(self) -> None: ...


class _Terminal:
    """Bars on standard error, erased at the end; standard output stays as it is."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True, force_jupyter=False)
        self.bars = Progress(*columns, console=console, transient=True, redirect_stdout=False)
        self.timer = threading.Timer(PATIENCE, self.bars.start)
        self.timer.daemon = True
        self.timer.start()

    def add(self, text: str, total: int | None) -> int:
        return int(self.bars.add_task(text, total=total))

    def advance(self, task: int, steps: int) -> None:
        self.bars.advance(TaskID(task), steps)

    def tell(self, task: int, text: str) -> None:
        self.bars.update(TaskID(task), description=text)

    def remove(self, task: int) -> None:
        self.bars.remove_task(TaskID(task))

    def close(self) -> None:
        self.timer.cancel()
        self.timer.join()
        self.bars.stop()


class _Notebook:
    """One line under the cell, erased at the end; needs no widgets."""

    def __init__(self) -> None:
        self.tasks: dict[int, tuple[str, int, int | None]] = {}
        self.next_change = time.monotonic() + PATIENCE
        self.shown: Any = None

    def add(self, text: str, total: int | None) -> int:
        self.tasks[len(self.tasks)] = (text, 0, total)
        return len(self.tasks) - 1

    def advance(self, task: int, steps: int) -> None:
        text, done, total = self.tasks[task]
        self.tasks[task] = (text, done + steps, total)
        self._change()

    def tell(self, task: int, text: str) -> None:
        self.tasks[task] = (text, *self.tasks[task][1:])
        self._change()

    def remove(self, task: int) -> None:
        del self.tasks[task]

    def close(self) -> None:
        if self.shown is not None:
            self.shown.update({"text/plain": ""}, raw=True)

    def _change(self) -> None:
        if time.monotonic() < self.next_change:
            return
        self.next_change = time.monotonic() + REFRESH
        line = ", ".join(
            f"{text} {done:,}" + (f" of {total:,}" if total is not None else "")
            for text, done, total in self.tasks.values()
        )
        if self.shown is None:
            from IPython.display import display

            self.shown = display({"text/plain": line}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self.shown.update({"text/plain": line}, raw=True)


class _OnDisplay:
    """One bar of a display."""

    def __init__(self, display: _Display, text: str, total: int | None) -> None:
        self.display, self.task = display, display.add(text, total)

    def advance(self, steps: int = 1) -> None:
        self.display.advance(self.task, steps)

    def tell(self, text: str) -> None:
        self.display.tell(self.task, text)


_open: list[_Display] = []  # the display in use, once for every bar on it; only the main thread changes it


@contextmanager
def progress(text: str, *, total: int | None = None, shown: bool | None = None) -> Iterator[Bar]:
    """Show how far a piece of work has come, from its second second on.

    Parameters
    ----------
    text : str
        What is being done, in the program's own words.
    total : int, optional
        Number of steps; None when it is not known.
    shown : bool, optional
        None for a bar where somebody looks: standard error is a terminal, or the kernel is a notebook's. False also
        silences the bars inside.

    Yields
    ------
    Bar

    Raises
    ------
    KeyboardInterrupt
        Also where compiled code turned the interrupt into another error.

    Examples
    --------
    >>> with progress("resamples", total=3) as bar:
    ...     for _ in range(3):
    ...         bar.advance()
    """
    outermost = not _open
    if threading.current_thread() is not threading.main_thread():
        yield _OnDisplay(_Silence(), text, total)
        return
    display = (_display(shown) if outermost else _open[-1]) if shown is not False else _Silence()
    _open.append(display)
    bar = _OnDisplay(display, text, total)
    try:
        yield bar
    except SystemError as fault:
        if is_interrupt(fault):
            raise KeyboardInterrupt from fault
        raise
    finally:
        _open.pop()
        display.remove(bar.task)
        if outermost:
            display.close()


def is_interrupt(fault: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: while Numba unpacks a result it becomes the last cause of `SystemError`s."""
    while isinstance(fault, SystemError):
        fault = fault.__cause__
    return isinstance(fault, KeyboardInterrupt)


def _display(shown: bool | None) -> _Display:
    # Workers inherit the terminal of the process that started them.
    if multiprocessing.current_process().name != "MainProcess":
        return _Silence()
    if _is_notebook():
        return _Notebook()
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    return _Terminal() if shown or on_terminal else _Silence()


def _is_notebook() -> bool:
    """Whether an IPython kernel runs this, which has no terminal but can change what it displayed."""
    if "IPython" not in sys.modules:
        return False
    from IPython.core.getipython import get_ipython

    return hasattr(get_ipython(), "kernel")
