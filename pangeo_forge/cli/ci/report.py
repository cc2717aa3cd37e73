"""``pangeo-forge ci report``."""

from __future__ import annotations

import click

from pangeo_forge.cli.options import json_option


@click.command()
@click.argument("folder", metavar="FOLDER")
@json_option
def report(folder: str, as_json: bool) -> None:
    """Write the page of a check's report again, from its JSON.

    \b
    Example:
      pangeo-forge ci report check-report
    """
    import json
    from pathlib import Path

    from pangeo_forge.ci.artifact import read_folder
    from pangeo_forge.ci.review.check import write_page

    found = read_folder(Path(folder))
    page = write_page(found.report, Path(folder))
    verdicts = {r.id: r.verdict for r in found.report.recipes}
    if as_json:
        click.echo(json.dumps({"ok": found.report.ok, "page": str(page), "verdicts": verdicts}))
    else:
        click.echo(str(page))
