"""Reading run folders: configuration, results and manifest, as flat dicts."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exp.config.flat import flat, flat_config
from exp.errors import UserError
from exp.outputs import read_json


@dataclass(frozen=True)
class Run:
    """A run folder."""

    folder: Path
    config: dict[str, Any]
    """By dotted key, such as `data.batch_size`; `model`, `data`, `exec`, `device` and `optimizer` are the choices."""
    results: dict[str, Any]
    """`status`, `step`, `train/loss`, `test/accuracy`, `seconds.train` and so on."""
    manifest: dict[str, Any]
    """`manifest.json`, by dotted key."""

    def value(self, key: str) -> Any:
        """Of a configuration key or a result; None where the run has no such thing."""
        return self.config.get(key, self.results.get(key))

    def losses(self) -> list[tuple[int, float]]:
        """The logged steps with their training losses."""
        try:
            text = (self.folder / "metrics.jsonl").read_text()
        except OSError:
            return []
        rows = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        return [(row["step"], row["loss"]) for row in rows if row.get("loss") is not None]


def find_runs(places: Iterable[Path]) -> list[Run]:
    """All runs in some folders and below them, each once, in the order of their folders.

    Raises:
        UserError: a place is no folder, or there is no run in any of them.
    """
    folders: dict[Path, None] = {}
    for place in places:
        if not place.is_dir():
            raise UserError(f"{place}: is not a folder")
        for path, below, files in os.walk(place):
            below.sort()
            if "manifest.json" in files:
                below.clear()  # nothing below a run is another run
                folders[Path(path)] = None
    if not folders:
        raise UserError(f"{', '.join(map(str, places))}: there is no run in it (a folder with manifest.json)")
    return [read_run(folder) for folder in folders]


def read_run(folder: Path) -> Run:
    """A run folder; a run that was killed has no results, and the status `unfinished`.

    Raises:
        UserError: this is not the folder of a run.
    """
    try:
        text = (folder / ".hydra" / "config.yaml").read_text()
        tree = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{folder}: is not the folder of a run (.hydra/config.yaml cannot be read)") from error
    manifest = flat(read_json(folder / "manifest.json"))
    config = flat_config(tree if isinstance(tree, Mapping) else {}, threads=manifest.get("devices.threads"))
    results = flat(read_json(folder / "results.json")) or {"status": "unfinished"}
    for part in ("train", "test"):
        for key in [key for key in results if key.startswith(f"{part}.")]:
            results[key.replace(".", "/", 1)] = results.pop(key)
    return Run(folder, config, results, manifest)
