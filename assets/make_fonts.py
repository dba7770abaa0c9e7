"""Make the page's two fonts: Source Sans 3 as Gradio bundles it, less the scripts that no text of ours uses.

    uv run python assets/make_fonts.py

A third of the bytes: Latin, Greek, punctuation, arrows and mathematics stay. Renamed, as the licence asks of a modified
version (SIL Open Font License 1.1; "Source" is its reserved name).
"""

from importlib.resources import files
from pathlib import Path

from fontTools.subset import Options, Subsetter, load_font, save_font

SOURCE = Path(str(files("gradio"))) / "templates/frontend/static/fonts/SourceSansPro"
TARGET = Path(__file__).parents[1] / "playground/tabs/components/fonts"
RANGES = (
    (0x20, 0x7E), (0xA0, 0x17F), (0x2C6, 0x2DC), (0x300, 0x304), (0x370, 0x3FF), (0x1E00, 0x1EFF), (0x2000, 0x209F),
    (0x20AC, 0x20AC), (0x2100, 0x22FF), (0x2300, 0x23FF), (0x25A0, 0x25FF), (0x2713, 0x2717), (0xFB01, 0xFB02),
)  # fmt: skip
NAMES = {
    1: "Playground Sans",
    3: "Playground Sans {}",
    4: "Playground Sans {}",
    6: "PlaygroundSans-{}",
    16: "Playground Sans",
}


def main() -> None:
    """Write both weights."""
    TARGET.mkdir(exist_ok=True)
    for weight in ("Regular", "Bold"):
        options = Options(
            flavor="woff2", layout_features=["kern", "liga", "tnum", "lnum", "ccmp", "locl", "mark", "mkmk"]
        )
        font = load_font(str(SOURCE / f"SourceSansPro-{weight}.woff2"), options)
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=[code for low, high in RANGES for code in range(low, high + 1)])
        subsetter.subset(font)
        for record in font["name"].names:
            if record.nameID in NAMES:
                record.string = NAMES[record.nameID].format(weight)
        save_font(font, str(TARGET / f"PlaygroundSans-{weight}.woff2"), options)


if __name__ == "__main__":
    main()
