from __future__ import annotations

import pytest

from pangeo_forge.pattern.redaction import redact_text, redact_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/a.nc", "https://h/a.nc"),
        ("https://user:pa55@h:8080/a.nc", "https://h:8080/a.nc"),
        ("https://user:p@55@h/a.nc", "https://h/a.nc"),
        ("https://h/a.nc?var=t&token=abc&x=1", "https://h/a.nc?var=t&x=1"),
        ("https://h/a?X-Amz-Signature=1&X-Amz-Credential=2&versionId=3", "https://h/a?versionId=3"),
        ("https://h/a?sig=1&se=2&sp=r", "https://h/a"),
        ("https://h/a?api_key=1&apikey=2&access-key=3&Password=4", "https://h/a"),
        ("https://h/a#access_token=abc", "https://h/a"),
        ("zip://m.nc::https://u:p@h/a.zip", "zip://m.nc::https://h/a.zip"),
        ("s3://bucket/key@2.nc", "s3://bucket/key@2.nc"),
        ("/local/a@b.nc", "/local/a@b.nc"),
        ("https://h/{time:%Y}/a_{time:%Y%m%d}.nc?k={x}", "https://h/{time:%Y}/a_{time:%Y%m%d}.nc?k={x}"),
    ],
)
def test_redact_url(url: str, expected: str) -> None:
    assert redact_url(url) == expected


def test_redact_text() -> None:
    text = "for url 'https://u:secret@h/a?token=secret&v=1' and ftp://me:secret@f/x"
    assert redact_text(text) == "for url 'https://h/a?v=1' and ftp://f/x"
