"""Dataflow: options, what is missing, and the job that Google would be given, built offline against a bucket on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pangeo_forge.pipeline.engines import engine_of
from pangeo_forge.pipeline.engines.dataflow import DataflowEngine
from tests.differential.works import bakery
from tests.publish.conftest import gcs_bucket, gcs_endpoint  # noqa: F401 - a fixture

IMAGE = "us-docker.pkg.dev/my-project/images/worker:1"
OPTIONS = {"project": "my-project", "region": "us-central1"}


def made(**entry: object) -> DataflowEngine:
    given = {
        "options": OPTIONS,
        "environment": {"kind": "docker", "image": IMAGE},
        "temp": "gs://bucket/temp",
        "workers": 6,
    }
    engine = engine_of(bakery("cloud", runner="dataflow", **{**given, **entry}))
    assert isinstance(engine, DataflowEngine)
    return engine


def test_options_become_those_of_beam() -> None:
    more = {"machine_type": "n2-standard-2", "labels": {"a": "b"}, "public_ips": False, "pipeline_options": {"x": 1}}
    flags = made(options={**OPTIONS, **more}).flags()
    for flag in (
        "--runner=DataflowRunner", "--project=my-project", "--region=us-central1", f"--sdk_container_image={IMAGE}",
        "--temp_location=gs://bucket/temp/dataflow/temp", "--staging_location=gs://bucket/temp/dataflow/staging",
        "--max_num_workers=6", "--machine_type=n2-standard-2", "--labels=a=b", "--no_use_public_ips", "--x=1",
    ):  # fmt: skip
        assert flag in flags


def test_workers_share_nothing_with_this_machine() -> None:
    workforce = made().workforce
    assert (workforce.per_process, workforce.machines, workforce.shares_files, workforce.here) == (1, 6, False, False)


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setattr("pangeo_forge.pipeline.engines.dataflow.find_spec", lambda name: None)
    found = {e.code: str(e) for e in made(temp=None, environment=None).problems()}
    assert set(found) == {"B010", "B018", "B013"}
    assert "pip install 'pangeo-forge[dataflow]'" in found["B010"]
    assert "gcloud auth application-default login" in found["B013"]


@pytest.fixture
def bucket(gcs_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: F811 - a fixture
    """An emulated bucket."""
    pytest.importorskip("apitools", reason="needs pangeo-forge[dataflow]")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_endpoint)
    # Else Google's library asks for minutes whether this is one of Google's machines.
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    return gcs_bucket(gcs_endpoint).url


@pytest.mark.servers
def test_the_job_that_dataflow_would_be_given(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps are there, they run in our image, and no secret is in what is sent."""
    import apache_beam as beam

    monkeypatch.setenv("PANGEO_FORGE_SECRET_STORE", "hunter2-hush")
    template = tmp_path / "job.json"
    engine = made(
        options={**OPTIONS, "template": str(template), "staging": f"{bucket}/job"},
        temp={"url": f"{bucket}/temp", "secret": "store"},
        secrets=["store"],
    )
    assert list(engine.problems()) == []

    def build(pipeline: beam.Pipeline) -> None:
        _ = pipeline | "Ranges" >> beam.Create([1, 2]) | "Spread" >> beam.Reshuffle() | "Work" >> beam.Map(abs)

    engine.run(build)
    job = json.loads(template.read_text())
    assert job["environment"]["sdkPipelineOptions"]["options"]["project"] == "my-project"
    assert IMAGE in template.read_text()
    assert "hunter2" not in template.read_text()
