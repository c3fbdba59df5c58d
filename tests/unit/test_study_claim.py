"""Output folders: of one study, for one run at a time, and never over other files."""

import pytest

from mse.errors import BadInput
from mse.study.claim import claimed


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    """What somebody keeps there stays as it is."""
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(BadInput, match="holds other files"), claimed(tmp_path, "small"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(tmp_path):
    """A path that is a file is refused."""
    (tmp_path / "out").write_text("")
    with pytest.raises(BadInput, match="is a file; name a folder"), claimed(tmp_path / "out", "small"):
        pass


def test_another_study_does_not_move_in(tmp_path):
    """The folder of one study is refused to another, by name."""
    with claimed(tmp_path / "out", "small"):
        pass
    told = "holds the results of the study 'small', not of 'large'"
    with pytest.raises(BadInput, match=told), claimed(tmp_path / "out", "large"):
        pass


def test_a_folder_whose_mark_is_unreadable_is_refused(tmp_path):
    """A torn mark is not taken for one's own."""
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(BadInput, match="cannot be read"), claimed(tmp_path, "small"):
        pass


def test_two_runs_do_not_meet(tmp_path):
    """While one run holds the folder, another is turned away; afterwards it is free."""
    out, told = tmp_path / "out", "another run of this study is at work"
    with claimed(out, "small"), pytest.raises(BadInput, match=told), claimed(out, "small"):
        pass
    with claimed(tmp_path / "out", "small"):
        assert (tmp_path / "out" / "study.json").exists()


def test_what_a_killed_run_left_is_taken_over(tmp_path):
    """A lock file without a living holder and half-written files do not stop the next run, and the latter go."""
    with claimed(tmp_path / "out", "small"):
        (tmp_path / "out" / "03-links").mkdir()
    (tmp_path / "out" / ".lock").write_text("")
    (tmp_path / "out" / "03-links" / ".links.json.abc.part").write_text("{")
    (tmp_path / "out" / ".study.json.abc.part").write_text("{")
    with claimed(tmp_path / "out", "small"):
        assert not list((tmp_path / "out").rglob(".*.part"))
