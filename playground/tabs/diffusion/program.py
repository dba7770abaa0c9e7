"""The Python panel of the Diffusion tab: settings as a program that makes the open panel's picture and numbers."""

from playground.diffusion import ROWS, Row
from playground.tabs.diffusion.settings import Settings

__all__ = ["program"]


def program(panel: str, settings: Settings) -> str:
    """The program of a panel of `PANELS`."""
    return "\n".join(PROGRAMS[panel](settings)) + "\n"


def _rows(settings: Settings) -> list[str]:
    return ["rows = [", *map(_row, settings.rows), "]"]


def _row(row: Row) -> str:
    """One line of the list; a known row with its parts as a comment."""
    parts = f'"{row.schedule}", "{row.preconditioning}", "{row.solver}"'
    for name, known in ROWS.items():
        if known == row:
            return f'    diffusion.ROWS["{name}"],  # Row({parts})'
    return f"    diffusion.Row({parts}),"


def _curve(settings: Settings) -> list[str]:
    options = f'mode="{settings.mode}", steps={settings.steps}, seed={settings.seed}'
    exact = ", exact=True" if settings.mode == "own" else ""
    return [
        "from playground import diffusion",
        "from playground.figures.diffusion import EXTENT, one_curve",
        "",
        f'target = diffusion.target("{settings.target}")',
        *_rows(settings),
        f"for bundle in diffusion.push(target, rows, {options}):",
        "    pass  # each bundle says how far it is; the last one holds all paths",
        "for path in bundle.paths:",
        '    print(f"{path.row.schedule}, {path.method}: {path.nfe} calls, largest distance {path.deviation:.1e}")',
        "",
        "names = [path.row.schedule for path in bundle.paths]",
        "picture = diffusion.log_prob_picture(target, EXTENT)",
        f'one_curve(bundle.paths, picture, names=names{exact}).write_html("picture.html")',
    ]


def _compare(settings: Settings) -> list[str]:
    return [
        "from playground import diffusion",
        "from playground.figures.diffusion_rows import profiles",
        "",
        *_rows(settings),
        "for row in rows:",
        f"    print(row.schedule, diffusion.row_numbers(row, {settings.sigma:g}))",
        "",
        f"curves = [diffusion.profile(row, steps={settings.steps}) for row in rows]",
        "names = [row.schedule for row in rows]",
        f'profiles(curves, names=names, sigma={settings.sigma:g}).write_html("picture.html")',
    ]


PROGRAMS = {"curve": _curve, "compare": _compare}
