"""The app's look: Gradio's theme in the colours of our densities, bundled fonts only, and the style sheet beside it."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils.colors import Color
from gradio.themes.utils.fonts import Font

__all__ = ["STYLE", "launch_options", "theme"]

STYLE = Path(__file__).with_name("style.css")

# The accent is the violet of the density map (figures/colours.py); 600 on white and white on 600 have contrast 5.9:1.
VIOLET = Color(
    name="pg-violet", c50="#f5f2ff", c100="#ebe5ff", c200="#d9ceff", c300="#beaaff", c400="#a183fb", c500="#8560f2",
    c600="#6b41dd", c700="#5a31bf", c800="#4a2a9b", c900="#35206f", c950="#1f1346",
)  # fmt: skip
SLATE = Color(
    name="pg-slate", c50="#fafafc", c100="#f3f3f7", c200="#e5e5ec", c300="#d0d0db", c400="#9d9dae", c500="#6a6a7d",
    c600="#4f4f62", c700="#38384a", c800="#242434", c900="#181825", c950="#100f1a",
)  # fmt: skip

FONTS = Path(__file__).with_name("fonts")
# Weight 600 is never asked for: the browser takes 700 for it.
WEIGHTS = {400: "Regular", 700: "Bold"}
CJK = ("PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei")


class Subset(Font):
    """The font of assets/make_fonts.py: Gradio's Source Sans is three times as heavy, its SemiBold lacks letters."""

    def __init__(self) -> None:
        super().__init__("Playground Sans")
        gr.set_static_paths([FONTS])

    def stylesheet(self) -> dict[str, str | None]:
        """One @font-face a weight; relative, so that the page may stand below a path."""
        faces = (
            f"@font-face {{ font-family: '{self.name}'; font-weight: {weight}; font-display: swap; "
            f"src: url('gradio_api/file={FONTS.as_posix()}/PlaygroundSans-{name}.woff2') format('woff2'); }}"
            for weight, name in WEIGHTS.items()
        )
        return {"url": None, "css": "\n".join(faces)}


def theme() -> gr.themes.Base:
    """The app's theme, for `launch(theme=)`."""
    look = gr.themes.Base(
        primary_hue=VIOLET,
        secondary_hue=VIOLET,
        neutral_hue=SLATE,
        radius_size=gr.themes.sizes.radius_lg,
        text_size=gr.themes.sizes.text_md,
        font=(Subset(), "ui-sans-serif", "system-ui", *CJK, "sans-serif"),
        font_mono=("ui-monospace", "Menlo", "Consolas", "DejaVu Sans Mono", *CJK, "monospace"),
    )
    look.name = "playground"
    return look.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_800",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        border_color_accent="*primary_400",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*primary_950",
        link_text_color="*primary_600",
        link_text_color_hover="*primary_700",
        link_text_color_visited="*primary_600",
        link_text_color_dark="*primary_300",
        link_text_color_hover_dark="*primary_200",
        link_text_color_visited_dark="*primary_300",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_shadow="none",
        block_label_text_weight="700",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_label_background_fill="*neutral_50",
        block_label_background_fill_dark="*neutral_800",
        block_title_text_weight="700",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        input_border_width="1px",
        checkbox_label_border_width="1px",
        input_background_fill="white",
        input_background_fill_dark="*neutral_950",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_400",
        input_border_color_focus_dark="*primary_500",
        input_shadow_focus="0 0 0 3px rgb(133 96 242 / 0.22)",
        input_shadow_focus_dark="0 0 0 3px rgb(133 96 242 / 0.30)",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        button_large_text_weight="700",
        button_medium_text_weight="700",
        button_small_text_weight="700",
        button_transition="background-color 120ms, border-color 120ms, color 120ms, box-shadow 120ms",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_border_color="*primary_600",
        button_primary_border_color_dark="*primary_600",
        button_primary_border_color_hover="*primary_700",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_primary_shadow="0 1px 2px rgb(53 32 111 / 0.25)",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_600",
        button_secondary_text_color="*neutral_800",
        button_secondary_text_color_dark="*neutral_100",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        checkbox_border_color_selected="*primary_600",
        checkbox_border_color_selected_dark="*primary_500",
        checkbox_border_color_focus="*primary_500",
        checkbox_label_background_fill="white",
        checkbox_label_background_fill_hover="*neutral_100",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_background_fill_selected_dark="*primary_950",
        checkbox_label_border_color="*neutral_300",
        checkbox_label_border_color_dark="*neutral_700",
        checkbox_label_border_color_selected="*primary_500",
        checkbox_label_border_color_selected_dark="*primary_500",
        checkbox_label_text_color_selected="*primary_800",
        checkbox_label_text_color_selected_dark="*primary_100",
        checkbox_label_text_weight="400",
        table_even_background_fill="white",
        table_even_background_fill_dark="*neutral_900",
        table_odd_background_fill="*neutral_50",
        table_odd_background_fill_dark="*neutral_800",
    )


def launch_options() -> dict[str, Any]:
    """The keyword arguments of `launch` and `mount_gradio_app` that carry the look."""
    return {"theme": theme(), "css_paths": [STYLE]}
