"""Names for keys, from the text around them and the values that they take."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_VARIABLES = frozenset(
    [
        "t",
        "u",
        "v",
        "w",
        "q",
        "z",
        "r",
        "h",
        "ta",
        "tas",
        "tasmax",
        "tasmin",
        "tmin",
        "tmax",
        "tmean",
        "t2m",
        "pr",
        "ppt",
        "precip",
        "prec",
        "tp",
        "psl",
        "ps",
        "prmsl",
        "sp",
        "msl",
        "sst",
        "sss",
        "ssh",
        "sic",
        "siconc",
        "siconca",
        "uas",
        "vas",
        "ua",
        "va",
        "wap",
        "zg",
        "hus",
        "hur",
        "huss",
        "hurs",
        "clt",
        "rsds",
        "rlds",
        "evspsbl",
        "mrso",
        "snd",
        "snw",
        "swe",
        "soil",
        "srad",
        "vap",
        "vpd",
        "ws",
        "pet",
        "aet",
        "def",
        "pdsi",
        "temperature",
        "salinity",
        "oxygen",
        "silicate",
        "phosphate",
        "nitrate",
        "air",
        "uwnd",
        "vwnd",
        "hgt",
        "rhum",
        "shum",
        "omega",
        "chl",
        "poc",
        "pic",
        "kd",
        "par",
        "tos",
        "sos",
        "thetao",
        "so",
        "uo",
        "vo",
        "zos",
        "sithick",
        "vapourpres",
        "solar",
        "rad",
        "rmin",
        "rmax",
        "tmmn",
        "tmmx",
        "sph",
        "th",
        "vs",
        "erc",
        "bi",
        "etr",
        "pressure",
        "humidity",
        "wind",
        "rain",
        "chlor_a",
    ]
)
_STATISTICS = frozenset(
    [
        "mean",
        "avg",
        "min",
        "max",
        "std",
        "stddev",
        "spread",
        "total",
        "sum",
        "median",
        "var",
        "anom",
        "climatology",
        "ltm",
    ]
)
_SCENARIOS = re.compile(r"(ssp\d{3}|rcp\d{2}|historical|piControl|A1B|E1|A2|B1|1pctCO2|abrupt.*)", re.IGNORECASE)
_NUMBERS = (
    (r"(?:^|[^A-Za-z])(?:f|fh|fxx|wrfsfcf|wrfprsf|step|fcst|lead)$", "step"),
    (r"(?:^|[^A-Za-z])(?:m|mem|member|ens|ensemble|e|r)$", "member"),
    (r"(?:lev|level|plev|l|pl)$", "level"),
    (r"(?:tile|face)$", "tile"),
    (r"(?:orbit|orb)$", "orbit"),
    (r"(?:depth|dep)$", "depth"),
)


def name_words(values: Sequence[str], taken: Collection[str]) -> str:
    """A name for a key of words."""
    lower = [v.lower() for v in values]
    if any(v in _VARIABLES or v.split("_")[0] in _VARIABLES or re.split(r"[._-]", v)[-1] in _VARIABLES for v in lower):
        wish = "variable"
    elif all(v in _STATISTICS for v in lower):
        wish = "statistic"
    elif all(_SCENARIOS.fullmatch(v) for v in values):
        wish = "scenario"
    elif all(re.fullmatch(r"r\d+i\d+(p\d+)?(f\d+)?", v) for v in values):
        wish = "member"
    elif all(re.fullmatch(r"h\d\dv\d\d", v) for v in lower):
        wish = "tile"
    else:
        wish = "variable" if "variable" not in taken else "kind"
    return free(wish, taken)


def name_number(values: Sequence[int], before: str, width: int | None, taken: Collection[str]) -> str:
    """A name for a key of whole numbers; ``before`` is the text to the left of it."""
    if width == 4 and all(1700 <= v <= 2300 for v in values):
        return free("year", taken)
    for pattern, name in _NUMBERS:
        if re.search(pattern, before, re.IGNORECASE):
            return free(name, taken)
    if width == 2 and all(1 <= v <= 12 for v in values) and max(values) > 1:
        return free("month", taken)
    return free("number", taken)


def free(wish: str, taken: Collection[str]) -> str:
    """``wish``, or ``wish_2`` ... when it is taken."""
    name, n = wish, 1
    while name in taken:
        n += 1
        name = f"{wish}_{n}"
    return name
