"""What XLA compiled is used again if it is proven, and on the processor, the build and the threads that it is for."""

import os
from pathlib import Path

import pytest

from exp.system import compiled_steps
from exp.system.compiled_steps import compiled_steps_kept


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    monkeypatch.setattr(compiled_steps, "has_gpu", lambda: False)
    return tmp_path / "exp" / "compiled"


def folder_in_use() -> Path | None:
    """The folder that XLA is told."""
    flags = dict(flag.split("=", 1) for flag in os.environ.get("TF_XLA_FLAGS", "").split())
    found = flags.get("--tf_xla_persistent_cache_directory")
    assert flags.get("--tf_xla_persistent_cache_read_only", "false") == "false"
    return Path(found) if found else None


def compiled(name: str = "step.pb", content: bytes = b"code", *, threads: int | None = 2) -> Path:
    """A file that XLA wrote in a run that ended."""
    with compiled_steps_kept(threads=threads):
        folder = folder_in_use()
        assert folder is not None
        (folder / name).write_bytes(content)
    return folder / name


def found(*, threads: int | None = 2) -> list[str]:
    """What XLA finds in another run."""
    with compiled_steps_kept(threads=threads):
        folder = folder_in_use()
        return sorted(path.name for path in folder.glob("*.pb")) if folder else []


def test_what_a_run_compiled_is_there_in_the_next_one(cache):
    path = compiled()
    assert path.is_relative_to(cache)
    assert found() == ["step.pb"]
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "TF_XLA_FLAGS" not in os.environ


@pytest.mark.parametrize("content", [b"cod", b"codX", b""])
def test_a_damaged_file_is_thrown_away(content):
    path = compiled()
    path.write_bytes(content)
    assert found() == []
    assert not path.exists()


def test_what_a_killed_run_left_is_thrown_away():
    path = compiled()
    path.with_suffix(".sha256").unlink()
    assert found() == []


@pytest.mark.parametrize("variable", ["XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS"])
def test_other_settings_have_other_code(monkeypatch, variable):
    compiled()
    monkeypatch.setenv(variable, "--other=1" if variable != "TF_ENABLE_ONEDNN_OPTS" else "0")
    with compiled_steps_kept(threads=2):
        flags = os.environ["TF_XLA_FLAGS"]
        (folder,) = [flag.partition("=")[2] for flag in flags.split() if "directory" in flag]
        assert not list(Path(folder).glob("*.pb"))
    assert os.environ[variable] in ("--other=1", "0")


def test_another_processor_build_or_number_of_threads_has_other_code(monkeypatch):
    compiled()
    assert found(threads=1) == []
    assert found() == ["step.pb"]
    read = Path.read_text

    def other(self, *arguments, **options):
        text = read(self, *arguments, **options)
        return text.replace("flags", "flags: none") if str(self) == "/proc/cpuinfo" else text

    with monkeypatch.context() as here:
        here.setattr(Path, "read_text", other)
        assert found() == []
    assert found() == ["step.pb"]
    import importlib.metadata

    class Other:
        def read_text(self, name):
            return "another build"

    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Other())
    monkeypatch.setattr(compiled_steps, "tensorflow_build", compiled_steps.tensorflow_build.__wrapped__)  # not cached
    assert found() == []


def test_it_stays_within_its_bound_and_the_oldest_goes(monkeypatch):
    monkeypatch.setattr(compiled_steps, "MOST_BYTES", 10)
    first = compiled("first.pb", b"12345")
    os.utime(first, (1, 1))
    compiled("second.pb", b"12345", threads=1)
    assert found() == ["first.pb"]
    compiled("third.pb", b"123")
    assert found() == ["third.pb"]
    assert not first.with_suffix(".sha256").exists()


@pytest.mark.parametrize("reason", ["switched off", "the user's own", "a GPU", "others may write", "no folder"])
def test_it_is_left_alone_where_it_must(monkeypatch, cache, tmp_path, reason):
    path = compiled()
    if reason == "switched off":
        monkeypatch.setenv("EXP_COMPILED_STEPS", "0")
    elif reason == "the user's own":
        monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=mine")
    elif reason == "a GPU":
        monkeypatch.setattr(compiled_steps, "has_gpu", lambda: True)
    elif reason == "others may write":
        path.parent.chmod(0o777)
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with compiled_steps_kept(threads=2):
        assert folder_in_use() in (None, Path("mine"))
