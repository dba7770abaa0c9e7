"""A job's progress as a bar with a few words; it looks like the Models tab's budget."""

import html

__all__ = ["bar"]


def bar(share: float, text: str) -> str:
    """HTML; `share` in [0, 1], `text` plain."""
    percent = f"{100 * min(1.0, max(0.0, share)):.0f}"
    return (
        f'<div class="pg-budget" role="progressbar" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100">'
        f'<span>{html.escape(text)}</span><i><b style="width:{percent}%"></b></i></div>'
    )
