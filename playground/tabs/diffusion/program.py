"""The Python panel of the Diffusion tab: settings as a program that makes the open panel's picture and numbers."""

from playground.diffusion import ROWS, Row
from playground.tabs import drawings
from playground.tabs.diffusion.dial import NETWORK_STEPS, NETWORK_WIDTH
from playground.tabs.diffusion.heat import CELLS, CHECKED, LEVELS
from playground.tabs.diffusion.settings import DENOISERS, DRAWING, Settings

__all__ = ["program"]


def program(panel: str, settings: Settings) -> str:
    """The program of a panel of `PANELS`."""
    lines = PROGRAMS[panel](settings)
    imports = [*drawings.IMPORTS, ""] if "packed = (" in lines else []
    return "\n".join([*imports, *lines]) + "\n"


def _target(settings: Settings) -> list[str]:
    """The lines that make `target`."""
    if settings.target == DRAWING:
        return [*drawings.lines(settings.drawing), "target = diffusion.mixture_from_drawing(drawing)"]
    return [f'target = diffusion.target("{settings.target}")']


def _rows(settings: Settings) -> list[str]:
    return ["rows = [", *map(_row, settings.rows), "]"]


def _row(row: Row) -> str:
    """One line of the list; a known row with its parts as a comment."""
    levels = f", levels=({', '.join(map(repr, row.levels))})" if row.levels else ""
    parts = f'"{row.schedule}", "{row.preconditioning}", "{row.solver}"{levels}'
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
        *_target(settings),
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


def _arena(settings: Settings) -> list[str]:
    hand = [
        f'levels = diffusion.read_levels("{settings.hand}")',
        f'hand = diffusion.by_hand(arena, "{settings.hand_solver}", levels)',
        'print(f"by hand: {hand.nfe} calls, error {hand.rms:.3g}")',
    ]
    key, _, calls = settings.spot.partition("@")
    shown = f'("{key}", dot)' if key in settings.solvers else "None"
    pick = [f'dot = next(dot for dot in lines["{key}"] if dot.nfe == {calls})'] if key in settings.solvers else []
    return [
        "from playground import diffusion",
        "from playground.figures.diffusion import EXTENT",
        "from playground.figures.diffusion_arena import chart",
        "",
        *_target(settings),
        f"arena = diffusion.make_arena(target, seed={settings.seed})",
        f"solvers = {list(settings.solvers)!r}",
        f'*_, race = diffusion.run_race(arena, solvers, grid="{settings.grid}")',
        "lines = {line.solver: line.dots for line in race}",
        "for name, dots in lines.items():",
        '    print(name, {dot.nfe: f"{dot.rms:.2g}" for dot in dots})',
        *(hand if settings.hand else []),
        "",
        "# to distil one: *_, last = diffusion.distill(target, nfe=6, seconds=8); last.solver.to_json()",
        "picture = diffusion.log_prob_picture(target, EXTENT)",
        *pick,
        f"figure = chart(lines, picture, shown={shown}, ends=diffusion.exact_ends(arena)"
        + (", hand=hand)" if settings.hand else ")"),
        'figure.write_html("picture.html")',
    ]


def _dial(settings: Settings) -> list[str]:
    options = (
        f'kind="{settings.dial}", strength={settings.strength:g}, steps={settings.dial_steps}, seed={settings.seed}'
    )
    network, called = [], ""
    if settings.denoiser == DENOISERS[1]:
        network = [
            f'network = diffusion.build_denoiser("eps", width={NETWORK_WIDTH})',
            f"for step in diffusion.fit_denoiser(network, target, steps={NETWORK_STEPS}):",
            "    pass",
        ]
        called = "denoiser=network, "
    return [
        "from playground import diffusion",
        "from playground.figures.diffusion import EXTENT",
        "from playground.figures.diffusion_dial import dialled",
        "from playground.figures.diffusion_road import road",
        "",
        *_target(settings),
        *network,
        f"*_, run = diffusion.dial(target, {called}{options})",
        "for marginal in run.marginals:",
        '    print(f"sigma {marginal.sigma:.3g}: distance {marginal.distance:.4f}, by chance {run.chance:.4f}")',
        "",
        "picture = diffusion.log_prob_picture(target, EXTENT)",
        'dialled(run.paths, run.marginals, picture).write_html("picture.html")',
        f"milestones = list(diffusion.road(target, {called}steps={settings.dial_steps}, seed={settings.seed}))",
        "for one in milestones:",
        '    print(f"eta {one.eta:g}, {one.steps} steps: spread {one.spread:.3f}, distance {one.distance:.4f}")',
        'road(milestones, picture).write_html("road.html")',
    ]


def _heat(settings: Settings) -> list[str]:
    return [
        "from playground import diffusion",
        "from playground.figures.diffusion_heat import film",
        "",
        *_target(settings),
        f"levels = {list(LEVELS)!r}",
        f"frames = list(diffusion.heat(target, levels, n={CELLS}, seed={settings.seed}))",
        "back = diffusion.reversed_heat(target, frames[-1].walkers, levels)",
        "for frame in frames:",
        '    print(f"sigma {frame.sigma:g}: error {100 * frame.error:.2f} %, mass {frame.mass:.6f}")',
        f"for sigma in {list(CHECKED)!r}:",
        f"    print(diffusion.continuity(target, sigma, n={CELLS}, seed={settings.seed}))",
        "",
        'film(frames, back).write_html("picture.html")',
    ]


def _learned(settings: Settings) -> list[str]:
    return [
        "from playground import diffusion",
        "from playground.figures.diffusion import EXTENT",
        "from playground.figures.diffusion_learned import learned",
        "",
        *_target(settings),
        *_rows(settings),
        f"options = dict(steps={settings.learn_steps}, solver_steps={settings.steps}, seed={settings.seed})",
        f"for frame in diffusion.learn(target, rows[{settings.learn_row - 1}], **options):",
        "    if frame.step % 500 == 0 and not frame.splits:",
        '        print(frame.step, f"loss {frame.curve[-1, 1]:.4f}")',
        "for split in frame.splits:",
        '    print(f"{split.nfe} calls: model {split.model_median:.3g}, solver {split.solver_median:.3g}")',
        'diffusion.save_denoiser(frame.model, "denoiser")  # diffusion.load_denoiser reads it',
        "",
        'learned(frame, diffusion.log_prob_picture(target, EXTENT)).write_html("picture.html")',
    ]


def _pictures(settings: Settings) -> list[str]:
    options = f"digits={list(map(int, settings.digits))}, guidance={settings.guidance:g}"
    chosen = f"steps={settings.steps}, seed={settings.seed}"
    return [
        "from playground import catalog, diffusion",
        "from playground.diffusion import images",
        "from playground.figures.diffusion_pictures import pictures",
        "",
        *_rows(settings),
        'model = catalog.spec("diffusion/digits").load()',
        f"options = dict({options})",
        f"*_, drawn = images.draw_pictures(model, rows[{settings.picture_row - 1}], **options, {chosen})",
        'print(f"{len(drawn.x)} pictures in {drawn.nfe} calls")',
        "",
        f"# every row: *_, (_, errors) = images.measure_rows(model, rows, **options, seed={settings.seed})",
        'pictures(drawn.labels, drawn.strip, drawn.sigmas, drawn.x).write_html("picture.html")',
    ]


def _export(settings: Settings) -> list[str]:
    return [
        "from pathlib import Path",
        "",
        "from playground import diffusion",
        "",
        "row = " + _row(settings.rows[0]).strip().partition(",  #")[0].removesuffix(","),
        f"made = diffusion.export_row(row, steps={settings.steps})  # to_diffusers gives the scheduler itself",
        'Path("scheduler_config.json").write_text(made.config)',
        "print(made.snippet)",
    ]


PROGRAMS = {
    "curve": _curve,
    "compare": _compare,
    "arena": _arena,
    "dial": _dial,
    "heat": _heat,
    "learned": _learned,
    "pictures": _pictures,
    "export": _export,
}
