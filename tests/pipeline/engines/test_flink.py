"""Flink and Spark: command lines, options, and what is missing. Whether they run is the differential suite's question."""

from __future__ import annotations

from pathlib import Path

import pytest

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines import engine_of, jars
from pangeo_forge.pipeline.engines.java_runner import JavaEngine
from tests.differential.works import bakery


@pytest.fixture(autouse=True)
def _own_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANGEO_FORGE_JARS", str(tmp_path / "jars"))


def made(runner: str, **entry: object) -> JavaEngine:
    engine = engine_of(bakery("mine", runner=runner, **{"workers": 4, **entry}))
    assert isinstance(engine, JavaEngine)
    return engine


def test_embedded_engines_call_workers_in_this_process() -> None:
    for runner in ("flink", "spark"):
        engine = made(runner)
        assert engine.environment.kind == "loopback"
        assert engine.workforce.here
        assert engine.workforce.per_process == 4


def test_command_of_flinks_job_server(tmp_path: Path) -> None:
    options = {"flink_master": "jm:8081", "flink_version": "1.19", "java_options": ["-Xmx1g"]}
    command = made("flink", options=options).command()
    jar = tmp_path / "jars" / f"beam-runners-flink-1.19-job-server-{jars.beam_version()}.jar"
    assert command[:4] == ["java", "-Xmx1g", "-jar", str(jar)]
    assert command[4:6] == ["--flink-master", "http://jm:8081"]
    assert command[command.index("--job-port") + 1] == "{port}"


def test_command_of_sparks_job_server() -> None:
    command = made("spark").command()
    assert "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED" in command[: command.index("-jar")]
    assert command[command.index("--spark-master-url") + 1] == "local[4]"
    own = made("spark", options={"spark_master_url": "spark://m:7077", "job_server_jar": "/a.jar"}).command()
    assert own[own.index("--spark-master-url") + 1] == "spark://m:7077"
    assert "/a.jar" in own


def test_flink_is_told_parallelism_and_how_to_go_on_after_a_loss() -> None:
    options = {"job_endpoint": "h:1", "retries": 5, "retry_delay": 2, "sdk_workers": 2}
    flags = made("flink", options=options).flags()
    for flag in ("--parallelism=4", "--number_of_execution_retries=5", "--execution_retry_delay=2000"):
        assert flag in flags
    assert "--sdk_worker_parallelism=2" in flags
    assert "--job_endpoint=h:1" in flags


@pytest.mark.parametrize(("slots", "sdk_workers", "per_process"), [(1, 1, 1), (4, 1, 4), (4, 4, 1), (4, 3, 2)])
def test_tasks_of_a_process_follow_from_slots_and_processes(slots: int, sdk_workers: int, per_process: int) -> None:
    options = {"flink_master": "jm:8081", "slots": slots, "sdk_workers": sdk_workers}
    workforce = made("flink", options=options, workers=8).workforce
    assert (workforce.per_process, workforce.processes) == (per_process, 8 // per_process)
    assert not workforce.shares_files


def test_all_that_is_missing_is_found_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    options = {"flink_master": "127.0.0.1:1"}
    found = {e.code: str(e) for e in made("flink", options=options, environment={"kind": "loopback"}).problems()}
    assert list(found) == ["B011", "B012", "B014", "B018"]
    assert "apt-get install default-jre-headless" in found["B011"]
    assert "apt-get install maven" in found["B012"]


def test_the_hint_for_a_jar_is_the_command_that_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("java", "mvn"):
        (tmp_path / "bin" / program).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / "bin" / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    [error] = made("flink").problems()
    assert "pangeo-forge bakery prepare mine" in str(error)


MVN = """#!/bin/sh
for a in "$@"; do case $a in -DoutputDirectory=*) folder=${a#*=};; -Dartifact=*) artifact=${a#*=};; esac; done
case $artifact in *flink-2.2*) echo "[ERROR] Could not find artifact $artifact"; exit 1;; esac
/bin/mkdir -p "$folder"
name=$(echo "$artifact" | /usr/bin/cut -d: -f2,3 | /usr/bin/tr : -)
echo jar > "$folder/$name.jar"
"""


def test_mvn_brings_a_jar_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mvn").write_text(MVN)
    (tmp_path / "bin" / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    engine = made("flink")
    [line] = engine.prepare()
    path = jars.kept_jar(engine.artifact)
    assert line == f"job server: {path}"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    monkeypatch.setenv("PATH", "")
    assert list(engine.prepare()) == [line]
    assert jars.bring_jar(engine.artifact, "mine") == path
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(BakeryError, match=r"mine: the job server cannot be had: \[ERROR\] Could not find.*B012"):
        list(made("flink", options={"flink_version": "2.2"}).prepare())
