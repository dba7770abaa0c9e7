"""Start Playground: `python app.py`, `uv run app.py`, and Hugging Face Spaces all come here."""

import argparse
import importlib.util
import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read once, when gradio is imported


def main() -> None:
    """Read the options, make the one model manager, and serve."""
    parser = argparse.ArgumentParser(description="Playground in your browser")
    parser.add_argument("--port", type=int, default=int(os.getenv("GRADIO_SERVER_PORT", "7860")))
    parser.add_argument("--share", action="store_true", help="a public link through Gradio's tunnel")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--lang", choices=("en", "zh-CN"), help="for visitors whose link and cookie name none")
    parser.add_argument("--mcp", action="store_true", help="serve the endpoints as MCP tools too; needs gradio[mcp]")
    options = parser.parse_args()
    if options.mcp and importlib.util.find_spec("mcp") is None:
        parser.error("--mcp needs gradio[mcp]: uv run --with 'gradio[mcp]' app.py --mcp")

    if options.share:
        os.environ["GRADIO_SHARE"] = "True"  # told to `server.hosted`

    if os.getenv("SPACES_ZERO_GPU"):  # imported before anything touches CUDA; registers the function it insists on
        from playground import zero_gpu  # noqa: F401
    import torch  # only now: `--help` answers at once

    from playground import device, server, tabs
    from playground.i18n import I18N
    from playground.manager import ModelManager
    from playground.tabs.components.theme import launch_options

    try:
        place = device.choose(options.device)
    except ValueError as error:
        parser.error(str(error))
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # the other half paints, and serves
    page = tabs.build(ModelManager(place, device.budget(place), park=device.park(place)))
    page.queue(max_size=64, default_concurrency_limit=8)
    # Gradio's queue looks for work a thousand times a second, and each look takes the interpreter from a training.
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = 0.02  # seconds
    page.launch(
        server_port=options.port,
        share=options.share,
        mcp_server=options.mcp,
        i18n=I18N,
        ssr_mode=False,
        footer_links=["api", "settings"],
        run_history=False,
        max_file_size="200mb",
        app_kwargs={"middleware": server.middleware(hosts=server.hosts(share=options.share), default=options.lang)},
        **launch_options(),
    )


if __name__ == "__main__":
    main()
