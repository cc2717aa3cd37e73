from __future__ import annotations

import datetime as dt
import itertools
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.pattern import FilePattern

TERRACLIMATE = {
    "url": "http://host/TerraClimate_{variable}_{time}.nc",
    "concat": {"time": {"start": 1958, "end": 2020}},
    "merge": {"variable": ["aet", "def", "pet"]},
}


def pattern(**inputs: Any) -> FilePattern:
    return FilePattern.from_inputs(inputs, folder="/r", now=dt.date(1981, 9, 5))


def daily(**more: Any) -> FilePattern:
    time = {"start": "1981-09-01", "end": "latest", "step": "1D", **more.pop("values", {})}
    return pattern(url="https://h/{time:%Y%m%d}.nc", concat={"time": time}, **more)


def test_order_is_row_major_and_both_ways_agree() -> None:
    made = pattern(**TERRACLIMATE)
    assert (made.shape, len(made), made.concat_dims) == ((63, 3), 189, ("time",))
    assert [i.index for i in itertools.islice(made, 4)] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert made[188].url == "http://host/TerraClimate_pet_2020.nc" == made[-1].url
    assert made[(62, 2)].label == "time=2020, variable=pet http://host/TerraClimate_pet_2020.nc"
    assert made[1].key["variable"].value == "def"
    assert made[5].name == "TerraClimate_pet_1959.nc"


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_index_and_position_are_inverse(sizes: list[int]) -> None:
    names = [f"k{i}" for i in range(len(sizes))]
    url = "https://h/" + "_".join(f"{{{n}}}" for n in names)
    made = pattern(url=url, concat={n: {"start": 1, "end": s} for n, s in zip(names, sizes, strict=True)})
    expected = list(itertools.product(*(range(s) for s in sizes)))
    assert [made.index(i) for i in range(len(made))] == expected
    assert [made.position(i) for i in expected] == list(range(len(made)))
    assert [i.url for i in made] == ["https://h/" + "_".join(str(x + 1) for x in e) for e in expected]


def test_key_that_differs_from_the_dim() -> None:
    made = pattern(url="{id}.nc", concat={"id": {"dim": "TIME", "values": ["a", "b"]}})
    assert made.concat_dims == ("TIME",)
    assert made[0].url == "/r/a.nc"
    assert "along 'TIME'" in repr(made)
    assert pattern(url="{id}.nc", concat={"id": {"dim": "TIME", "start": 1, "end": 2}}).concat_dims == ("TIME",)


def test_single_file() -> None:
    made = pattern(url="data/evolv2k.nc")
    assert (made.shape, len(made), made.concat_dims) == ((), 1, ())
    assert made[()].url == made[0].url == next(iter(made)).url == "/r/data/evolv2k.nc"
    assert made[0].index == ()
    assert made.prune().fingerprint() == made.fingerprint()


def test_slices_are_lazy() -> None:
    made = pattern(**TERRACLIMATE)
    assert [i.index for i in made[2:4]] == [(0, 2), (1, 0)]
    assert made[10:20][3:5][0].index == made[13].index
    assert made[::-1][0].index == (62, 2)
    assert len(made[:0]) == 0


def test_prune_keeps_both_ends_and_all_of_merge() -> None:
    small = pattern(**TERRACLIMATE).prune()
    assert small.shape == (2, 3)
    assert [i.key["time"].value for i in small][::3] == [1958, 2020]
    assert [i.index for i in small] == list(itertools.product(range(2), range(3)))
    assert small.original_index((1, 2)) == (62, 2)
    three = pattern(**TERRACLIMATE).prune(3)
    assert [three[(i, 0)].key["time"].value for i in range(3)] == [1958, 1959, 2020]
    assert [three.prune(2)[(i, 0)].key["time"].value for i in range(2)] == [1958, 2020]
    assert three.prune(2).original_index((1, 0)) == (62, 0)
    assert pattern(**TERRACLIMATE).prune(100).shape == (63, 3)
    with pytest.raises(PlanError, match="P126"):
        small.prune(0)


def test_sample() -> None:
    made = pattern(**TERRACLIMATE)
    assert [i.index for i in made.sample(3)] == [(0, 0), (31, 1), (62, 2)]
    assert len(made.sample(1000)) == 189
    assert len(made.sample(0)) == 1


def test_missing_values() -> None:
    assert [i.key["time"].label for i in daily(missing=["1981-09-02"])] == [
        "1981-09-01", "1981-09-03", "1981-09-04", "1981-09-05",
    ]  # fmt: skip
    filled = daily(missing=["1981-09-02", {"time": "1981-09-04"}], on_missing="fill")
    assert [i.missing for i in filled] == [False, True, False, True, False]
    assert [i.missing for i in filled.prune(3)] == [False, True, False]
    assert [i.key["time"].label for i in filled.sample(9)] == ["1981-09-01", "1981-09-03", "1981-09-05"]
    combined = pattern(**TERRACLIMATE, missing=[{"time": 1959, "variable": "def"}])
    assert [i.index for i in combined if i.missing] == [(1, 1)]
    beyond = daily(missing=["1990-01-01"])
    assert len(beyond) == 5


@pytest.mark.parametrize(
    "missing",
    [["1981-09-02T06:00"], [{"tim": "1981-09-02"}], [{}], ["not a date"]],
)
def test_missing_errors(missing: list[Any]) -> None:
    with pytest.raises(PlanError) as caught:
        daily(missing=missing)
    assert caught.value.code in ("P125", "P111")


def test_missing_day_of_a_series_of_hours_is_vague() -> None:
    time = {"start": "1981-09-01", "end": "1981-09-02", "step": "6h"}
    with pytest.raises(PlanError, match=r"whole day.*P125"):
        pattern(url="{time:%Y%m%d%H}", concat={"time": time}, missing=["1981-09-02"])
    made = pattern(url="{time:%Y%m%d%H}", concat={"time": time}, missing=["1981-09-02T00:00"])
    assert len(made) == 4


def test_missing_value_of_unknown_key() -> None:
    two = {"url": "{a}{b}", "concat": {"a": [1, 2], "b": [1, 2]}}
    for missing in ([1], [{"a": 3, "b": 1}], [{"a": 9}]):
        with pytest.raises(PlanError, match="P125"):
            pattern(**two, missing=missing)


def test_members() -> None:
    chained = pattern(url="zip://det{day}.tif::https://h/det{day}.zip", concat={"day": ["a", "b"]})
    given_ = pattern(url="https://h/det{day}.zip", member="det{day}.tif", concat={"day": ["a", "b"]})
    for made in (chained, given_):
        assert (made[1].url, made[1].member, made[1].name) == ("https://h/detb.zip", "detb.tif", "detb.tif")
        assert made[1].label == "day=b https://h/detb.zip [detb.tif]"
    one_archive = pattern(url="https://h/all.zip", member="det{day}.tif", concat={"day": ["a", "b"]})
    assert one_archive[0].url == one_archive[1].url


def test_parameters() -> None:
    inputs = {"url": "https://h/{version}/{day - 1D:%Y%m%d}/{step:03d}.nc", "concat": {"step": {"start": 0, "end": 2}}}
    made = FilePattern.from_inputs(inputs, parameters={"version": "v2", "day": "2020-05-06"})
    assert made[2].url == "https://h/v2/20200505/002.nc"


def test_fingerprint() -> None:
    made = pattern(**TERRACLIMATE)
    assert made.fingerprint() == pattern(**TERRACLIMATE).fingerprint() == pickle.loads(pickle.dumps(made)).fingerprint()
    others = [
        made.prune(),
        pattern(**{**TERRACLIMATE, "merge": {"variable": ["aet", "def", "q"]}}),
        pattern(**{**TERRACLIMATE, "concat": {"time": {"start": 1958, "end": 2021}}}),
        pattern(**{**TERRACLIMATE, "url": "https://host/TerraClimate_{variable}_{time}.nc"}),
        pattern(**TERRACLIMATE, missing=[{"time": 1959, "variable": "def"}]),
        pattern(**{**TERRACLIMATE, "concat": {"time": {"dim": "year", "values": {"start": 1958, "end": 2020}}}}),
    ]
    assert len({made.fingerprint(), *(o.fingerprint() for o in others)}) == len(others) + 1
    assert daily().fingerprint() != daily(values={"exclude": ["1981-09-02"]}).fingerprint()


def test_no_secret_and_no_folder_in_what_is_shown() -> None:
    def made(secret: str, folder: str) -> FilePattern:
        url = f"https://user:{secret}@h/{{a}}.nc?token={secret}&v={{p}}&api_key={{key}}"
        inputs = {"url": url, "concat": {"a": [1, 2]}}
        return FilePattern.from_inputs(inputs, folder=folder, parameters={"p": "1", "key": secret})

    one, two = made("s3cret", "/r"), made("0ther", "/q")
    assert "s3cret" in one[0].url
    assert "s3cret" not in repr(one) + "".join(i.label for i in one)
    assert one.fingerprint() == two.fingerprint()
    assert one[:].fingerprint() == two[:].fingerprint()
    local = [FilePattern.from_inputs({"files": ["a.nc"]}, folder=f) for f in ("/r", "/q")]
    assert local[0].fingerprint() == local[1].fingerprint()


@pytest.mark.parametrize(
    ("inputs", "code", "says"),
    [
        ({}, "P126", "none of the sources"),
        ({"url": "a", "glob": "b"}, "P126", "url and glob"),
        ({"url": "{tim:%Y}", "concat": {"time": [1]}}, "P102", "did you mean 'time'"),
        ({"url": "a.nc", "concat": {"time": [1, 2]}}, "P126", "does not tell files apart"),
        ({"url": "{time:%Y}", "concat": {"time": {"start": "2000-01-01", "end": "2000-02-01", "step": "1D"}}}, "P126", "fine enough"),
        ({"url": "{time}", "concat": {"time": {"start": "2000-01-01", "end": "2000-02-01", "step": "1D"}}}, "P104", "write a format"),
        ({"url": "{a}", "concat": {"a": [1]}, "merge": {"a": [1]}}, "P126", "both"),
        ({"url": "{a}", "concat": {"a": {}}}, "P122", "no values"),
        ({"url": "{a}", "member": "{b}", "concat": {"a": [1]}}, "P102", "'b'"),
        ({"url": "zip://x::{a}", "member": "y", "concat": {"a": [1]}}, "P107", "names a member"),
        ({"url": "{a", "concat": {"a": [1]}}, "P101", "not closed"),
        ({"files": ["a", "b"]}, "P126", "no concat key orders them"),
        ({"files": ["a", "b"], "concat": {"t": [1, 2]}}, "P126", "without values"),
        ({"files": ["a", "b"], "concat": {"t": {}, "u": {}}}, "P126", "without values"),
        ({"files": ["a", "b"], "merge": {"t": {}}}, "P126", "without values"),
    ],
)  # fmt: skip
def test_errors(inputs: dict[str, Any], code: str, says: str) -> None:
    with pytest.raises(PlanError) as caught:
        pattern(**inputs)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_wrong_index() -> None:
    made = pattern(**TERRACLIMATE)
    for index in [(0,), (63, 0), (0, -1), ()]:
        with pytest.raises(PlanError, match="P124"):
            made[index]
    with pytest.raises(IndexError):
        made[189]


MILLION = """
import sys, time
started = time.process_time()
from pangeo_forge.pattern.pattern import FilePattern
p = FilePattern.from_inputs({
    "url": "https://h/{time:%Y/%m}/S{time:%H%M}-E{time + 19min:%H%M}.{time.minute_of_day:04d}.nc",
    "concat": {"time": {"start": "CAL0-01-01", "end": "CAL8-12-30", "step": "2min", "calendar": sys.argv[1],
               "exclude": ["CAL1-01-%02dT00:02" % d for d in range(1, 29)]}}}, folder="/r")
first, last = p[0].url, p[-1].url
for begin in (0, 500_000, len(p) - 1000):
    p[begin:begin + 1000].fingerprint()
p.fingerprint()
# Not ru_maxrss, which begins with the peak of the process that started this one.
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(len(p), time.process_time() - started, peak / 1024)
"""


@pytest.mark.parametrize(("calendar", "years"), [("standard", "200"), ("noleap", "000")])
def test_million_inputs_cost_nothing(calendar: str, years: str) -> None:
    code = MILLION.replace("CAL", years)
    done = subprocess.run([sys.executable, "-c", code, calendar], capture_output=True, text=True, check=True)
    count, seconds, megabytes = (float(x) for x in done.stdout.split())
    assert count > 2_000_000
    assert seconds < 2
    assert megabytes < 200
