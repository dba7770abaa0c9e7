"""The Python panel of the BLIP tab: settings as a program that makes the open panel's numbers."""

from playground import catalog
from playground.tabs.blip.settings import NO_CLIP, Settings
from playground.tabs.pictures import picture_program

__all__ = ["program"]


def program(panel: str, settings: Settings) -> str:
    """The program of a panel of `PANELS`."""
    return "\n".join(PROGRAMS[panel](settings)) + "\n"


def _source(name: str) -> str:
    return f'"{catalog.BLIPS[name].source}"'


def _limits(settings: Settings, model: str) -> list[str]:
    """The line that makes `limits`."""
    usual = Settings()
    if (settings.min_length, settings.max_length, settings.penalty) == (
        usual.min_length, usual.max_length, usual.penalty,
    ):  # fmt: skip
        return [f"limits = {model}.config.limits"]
    own = f"{model}.config.limits"
    longest = str(settings.max_length) if settings.max_length else f"max({own}.max_length, {settings.min_length})"
    shortest = str(settings.min_length) if settings.min_length else f"{own}.min_length"
    return [
        f"longest = {longest}",
        f"limits = blip.Limits(longest, min({shortest}, longest), {settings.penalty:g})",
    ]


def _caption(settings: Settings) -> list[str]:
    imports, picture = picture_program(settings)
    return [
        *imports,
        "from playground import blip",
        "",
        f"model = blip.load({_source(settings.captioner)})",
        *picture,
        *_limits(settings, "model"),
        f'for strategy, seed in [("greedy", 0), ("beam", 0), *(("nucleus", {settings.seed} + i) for i in range(3))]:',
        "    (written,) = blip.write(",
        f"        model, [image], strategy, prompt={settings.prompted!r}, limits=limits, beams={settings.beams},",
        f"        top_p={settings.top_p:g}, seed=seed,",
        "    )",
        '    print(f"{strategy}: {model.tokenizer.decode(written.ids)} ({written.score:.3f})")',
    ]


def _match(settings: Settings) -> list[str]:
    imports, picture = picture_program(settings)
    return [
        *imports,
        "from playground import blip",
        "",
        f"model = blip.load({_source(settings.matcher)})",
        *picture,
        *_texts("texts", settings.said),
        "found = blip.match(model, [image], texts)",
        "for text, probability, cosine in zip(texts, found.probability[0], found.cosine[0]):",
        '    print(f"{text}: match {probability:.4f}, cosine {cosine:.4f}")',
    ]


def _ask(settings: Settings) -> list[str]:
    imports, picture = picture_program(settings)
    return [
        *imports,
        "from playground import blip",
        "",
        f"model = blip.load({_source(settings.answerer)})",
        *picture,
        *_texts("questions", settings.asked),
        "for question in questions:",
        "    for one in blip.alternatives(model, image, question)[:5]:",
        '        print(f"{question} {one.text}: {one.probability:.4f}")',
    ]


def _clean(settings: Settings) -> list[str]:
    same = settings.captioner == settings.matcher
    clips = settings.scorer != NO_CLIP
    known = catalog.CLIPS.get(settings.scorer)
    rule = {
        "itm": f"threshold={settings.threshold:g}", "cosine": f'"clip", threshold={settings.cosine:g}',
        "share": f'"clip", top_share={settings.share:g}',
    }[settings.rule]  # fmt: skip
    return [
        f"from playground import blip{', clip' if clips else ''}",
        "",
        f"captioner = blip.load({_source(settings.captioner)})",
        "judge = captioner" if same else f"judge = blip.load({_source(settings.matcher)})",
        *([f'scorer = clip.cosines(clip.load("{known.source}"))'] if known is not None else []),
        f"rule = blip.Rule({rule}, basic={settings.basic})",
        *_limits(settings, "captioner"),
        'pairs = blip.open_set("pictures")  # a folder with captions.csv; yours',
        "for step in blip.clean(",
        f'    pairs, "cleaned", captioner, judge, rule=rule, candidates={settings.candidates},',
        f"    top_p={settings.top_p:g}, limits=limits, seed={settings.seed}{', scorer=scorer' if clips else ''},",
        "):",
        '    print(f"{step.done} of {step.total} pairs")',
        'print(blip.export("cleaned", "kept.jsonl", rule=rule), "texts kept")',
    ]


def _boot(_: Settings) -> list[str]:
    return [
        "import json",
        "from pathlib import Path",
        "",
        'told = json.loads(Path("checkpoints/blip-bootstrap/results.json").read_text())',
        "print(json.dumps(told, indent=1))",
    ]


def _texts(name: str, values: list[str]) -> list[str]:
    return [f"{name} = [", *(f"    {value!r}," for value in values), "]"]


PROGRAMS = {"caption": _caption, "match": _match, "ask": _ask, "clean": _clean, "boot": _boot}
