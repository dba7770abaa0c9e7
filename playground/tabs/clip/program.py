"""The Python panel of the CLIP tab: settings as a program that makes the open panel's numbers."""

from playground import catalog
from playground.tabs.clip.search import FIRST
from playground.tabs.clip.settings import Settings
from playground.tabs.pictures import picture_program

__all__ = ["program"]


def program(panel: str, settings: Settings, language: str = "en") -> str:
    """The program of a panel of `PANELS` on a page in a language."""
    made = _why(settings, language) if panel == "why" else PROGRAMS[panel](settings)
    return "\n".join(made) + "\n"


def _model(settings: Settings) -> list[str]:
    known = catalog.CLIPS[settings.model]
    option = f', activation="{known.activation}"' if known.activation else ""
    return [f'model = clip.load("{known.source}"{option})']


def _texts(name: str, values: list[str]) -> list[str]:
    return [f"{name} = [", *(f"    {value!r}," for value in values), "]"]


def _zero_shot(settings: Settings) -> list[str]:
    imports, picture = picture_program(settings)
    options = f"temperature={settings.temperature:g}, margin={settings.margin:g}"
    return [
        *imports,
        "from playground import clip",
        "",
        *_model(settings),
        *picture,
        *_texts("labels", settings.names),
        *_texts("templates", settings.sentences),
        f"prompts = clip.prompts(model, labels, templates, neutral={settings.neutral!r})",
        f"rating = clip.rate(model, [image], prompts, {options})",
        "for label, cosine, share in zip(labels, rating.cosines[0], rating.probabilities[0]):",
        '    print(f"{label}: cosine {cosine:.4f}, probability {share:.4f}")',
    ]


def _folder(settings: Settings) -> list[str]:
    return [
        "from playground import clip",
        "",
        *_model(settings),
        *_texts("labels", settings.names),
        *_texts("templates", settings.sentences),
        'with clip.find_pictures("pictures.zip") as pictures:  # or a folder; yours',
        '    results = list(clip.label_pictures(model, pictures, labels, templates, journal="labels.jsonl"))',
        'clip.write_table(results, "labels.csv")',
    ]


def _search(settings: Settings) -> list[str]:
    return [
        "from playground import clip, world",
        "from playground.world.figures import pictures_of",
        "",
        *_model(settings),
        "# or of yours: [clip.read_image(path) for path in paths]",
        f"scenes = [world.sample({FIRST} + i) for i in range({settings.searched})]",
        "*_, index = clip.build_index(model, pictures_of(scenes, 96))",
        f"for hit in clip.search(model, {settings.query_words!r}, index.vectors, count=12):",
        '    print(f"{hit.score:.4f} {world.describe(scenes[hit.number])}")',
    ]


def _why(settings: Settings, language: str) -> list[str]:
    options = f'steps={settings.steps}, objective="{settings.objective}", seed={settings.seed}'
    options += ', language="zh"' if language == "zh-CN" else ""
    return [
        "from playground import clip",
        "",
        f"for glimpse in clip.watch_clip({options}):",
        "    if glimpse.step:",
        '        print(f"step {glimpse.step}: loss {glimpse.smooth[-1]:.3f} nats")',
    ]


PROGRAMS = {"zero_shot": _zero_shot, "folder": _folder, "search": _search}
