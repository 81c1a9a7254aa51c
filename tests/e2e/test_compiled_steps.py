"""A run with XLA's code from the run before has the same weights, whatever became of that code meanwhile."""

import json

from tests.support.jobs import results

QUICK = ("train.steps=30", "data.limit=500", "summary.images=false", "exec.jit_compile=true")


def test_the_same_weights_with_kept_damaged_and_no_code(jobs, tmp_path):
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    jobs.run(*QUICK, "hydra.run.dir=new", cwd=tmp_path, **cache).check()
    kept = list((tmp_path / "cache" / "exp" / "compiled").glob("*/*.pb"))
    assert kept
    modified = {path: path.stat().st_mtime_ns for path in kept}
    jobs.run(*QUICK, "hydra.run.dir=kept", cwd=tmp_path, **cache).check()
    assert {path: path.stat().st_mtime_ns for path in kept} == modified
    for path in kept:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    jobs.run(*QUICK, "hydra.run.dir=damaged", cwd=tmp_path, **cache).check()
    jobs.run(*QUICK, "hydra.run.dir=off", cwd=tmp_path, EXP_COMPILED_STEPS="0", **cache).check()
    digests = {name: results(tmp_path / name)["weights_sha256"] for name in ("new", "kept", "damaged", "off")}
    assert len(set(digests.values())) == 1, digests
    told = {name: results(tmp_path / name)["compiled"] for name in digests}
    assert told == {"new": True, "kept": False, "damaged": True, "off": True}
    assert json.loads((tmp_path / "kept" / "manifest.json").read_text())["jit_compile"] is True
