"""The page of all components: under a sub-path as behind a proxy, in this process so that a test can hold handlers."""

import threading
from collections.abc import Iterator
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def demo() -> ModuleType:
    """The module of the page."""
    import components_demo

    return components_demo


@pytest.fixture(scope="session")
def demo_url(demo: ModuleType) -> Iterator[str]:
    """The page's address."""
    import fastapi
    import gradio as gr
    import uvicorn
    from pages import free_port

    from playground.tabs.components.theme import launch_options

    class Server(uvicorn.Server):
        async def startup(self, sockets: list | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    ready, port = threading.Event(), free_port()

    def serve() -> None:  # a thread of its own: Playwright's event loop occupies this one
        site = fastapi.FastAPI()
        site.get("/favicon.ico", status_code=204)(lambda: None)  # browsers ask the host for it, not the sub-path
        app = gr.mount_gradio_app(site, demo.build(), "/sub", i18n=demo.TEXTS, **launch_options())
        servers.append(Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1)))
        servers[0].run()

    servers: list[Server] = []
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(120)
    yield f"http://127.0.0.1:{port}/sub/"
    servers[0].should_exit = True
    thread.join(30)
