"""What a worker must have in common with the driver."""

from __future__ import annotations

import platform

import pytest

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.environment import ABSENT, CODE, COMPARED, check_environment, check_requirements, environment
from pangeo_forge.version import __version__


def test_environment_is_plain_text_and_knows_all_that_is_compared() -> None:
    here = environment()
    assert here["python"] == ".".join(platform.python_version_tuple()[:2])
    assert here["pangeo-forge"] == __version__
    assert set(COMPARED) < set(here)
    assert all(type(k) is str and type(v) is str for k, v in here.items())


def test_equal_environments_agree() -> None:
    check_environment(environment())
    check_environment({})


def test_a_difference_names_both_sides_and_the_command() -> None:
    driver = {"python": "3.11", "zarr": "3.1.6", "h5py": "3.14.0", "xarray": "2026.9.0", CODE: "abc"}
    worker = {"python": "3.11", "zarr": "3.0.8", "xarray": "2026.9.0", CODE: "abc"}
    with pytest.raises(BakeryError) as caught:
        check_environment(driver, worker)
    error = caught.value
    assert (error.code, error.exit_code) == ("B100", 2)
    rows = [line.split() for line in error.message.splitlines()[1:]]
    assert rows == [["driver", "worker"], ["zarr", "3.1.6", "3.0.8"], ["h5py", "3.14.0", ABSENT]]
    assert "python -m pip install zarr==3.1.6 h5py==3.14.0" in str(error.hint)


@pytest.mark.parametrize(
    ("name", "hint"), [("python", "run Python 3.11"), (CODE, "from the same commit")], ids=["python", "code"]
)
def test_what_pip_cannot_mend_has_a_hint_of_its_own(name: str, hint: str) -> None:
    with pytest.raises(BakeryError, match=r"not like the driver") as caught:
        check_environment({name: "3.11"}, {name: "3.12"})
    assert hint in str(caught.value.hint)


def test_requirements_that_are_met() -> None:
    check_requirements(["numpy>=2", "scipy", "xarray[io]", "windows-thing>=4; sys_platform == 'win32'"])


@pytest.mark.parametrize(("on_worker", "code"), [(False, "B110"), (True, "B111")])
def test_all_missing_requirements_are_told_at_once(on_worker: bool, code: str) -> None:
    with pytest.raises(BakeryError) as caught:
        check_requirements(["scipy>=1.1", "no-such-package", "numpy>=99"], on_worker=on_worker)
    error = caught.value
    assert error.code == code
    assert "no-such-package (not installed); numpy>=99 (here is" in error.message
    assert "python -m pip install 'no-such-package' 'numpy>=99'" in str(error.hint)
