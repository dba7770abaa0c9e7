"""The page: header, language, memory line, one tab a library, footer. A tab is built when it is first opened."""

import html

import gradio as gr

from playground import __version__
from playground.i18n import label, language
from playground.manager import ModelManager
from playground.server import LANGUAGES
from playground.tabs import blip, clip, diffusion, flows, mmbench, models, representations

__all__ = ["build"]

TABS = {
    "flows": flows.build,
    "diffusion": diffusion.build,
    "clip": clip.build,
    "blip": blip.build,
    "representations": representations.build,
    "mmbench": mmbench.build,
    "models": models.build,
}
FIRST = "flows"  # built with the page, because every visit begins there
LINES = 5.0  # seconds between two looks at the memory
LANGUAGE = """for (const link of element.querySelectorAll('a[data-lang]')) {
  const aim = () => {  // the open tab's settings as they are now, in the other language
    const tab = document.querySelector('#tabs [role=tab][aria-selected=true]')?.id.slice(4, -7);  // tab-...-button
    const now = document.querySelector(`#${tab}-query textarea, #${tab}-query input`)?.value;
    const query = new URLSearchParams(now || location.search);
    query.set('lang', link.dataset.lang);
    link.href = '?' + query;
  };
  for (const event of ['pointerdown', 'focus', 'click']) link.addEventListener(event, aim);
  aim();
  if (link.dataset.lang === navigator.language) link.setAttribute('aria-current', 'true');
}"""


def build(manager: ModelManager) -> gr.Blocks:
    """The whole app on one model manager, for `launch`."""
    with gr.Blocks(title="Playground", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        with gr.Row(elem_classes="pg-header", elem_id="header"):
            gr.HTML("<h1>Playground</h1>", js_on_load=None)
            gr.Markdown(label("app.tagline"), elem_classes="pg-tagline", container=False)
            memory = gr.HTML(elem_id="memory", elem_classes="pg-memory")
            gr.HTML(_languages(), js_on_load=LANGUAGE, elem_id="language", elem_classes="pg-language")
        with gr.Tabs(elem_id="tabs", selected=FIRST) as tabs:
            for name, tab_build in TABS.items():
                with gr.Tab(label(f"tab.{name}"), id=name, elem_id=f"tab-{name}") as tab:
                    if name == FIRST:
                        tab_build(manager)
                    else:
                        _build_when_opened(tab, name, manager)
        diffusion.offer()
        clip.offer(manager)
        blip.offer(manager)
        representations.offer(manager)
        mmbench.offer(manager)
        gr.Markdown(label("app.papers"), elem_classes="pg-foot", elem_id="papers")
        gr.HTML(_footer(), elem_id="footer", js_on_load=None)

        def line(request: gr.Request) -> str:
            return f"<span data-volatile>{html.escape(models.summary(manager, language(request)))}</span>"

        def select(request: gr.Request) -> gr.Tabs:
            name = request.query_params.get("tab", FIRST)
            return gr.Tabs(selected=name if name in TABS else FIRST)  # which opens it, as a click does

        page.load(select, None, tabs, api_visibility="private", show_progress="hidden")
        gr.on(
            [page.load, gr.Timer(LINES).tick],
            line,
            None,
            memory,
            queue=False,
            api_visibility="private",
            show_progress="hidden",
        )
    return page


def _build_when_opened(tab: gr.Tab, name: str, manager: ModelManager) -> None:
    """The tab's content once it is opened: a page that holds every tab's would be slow to come."""
    opened = gr.State(False)
    tab.select(_true, None, opened, api_visibility="private")  # queued, or the change is not heard

    @gr.render(inputs=opened, triggers=[opened.change])
    def content(is_open: bool) -> None:
        if is_open:
            TABS[name](manager)


def _true() -> bool:
    return True


def _languages() -> str:
    links = (f'<a href="?lang={tag}" data-lang="{tag}" lang="{tag}">{name}</a>' for tag, name in LANGUAGES.items())
    return f'<nav aria-label="Language · 语言">{" ".join(links)}</nav>'


def _footer() -> str:
    return f'<div class="pg-footer"><span>Playground {__version__}</span><span>Apache-2.0</span></div>'
