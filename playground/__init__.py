"""Playground: generative and vision-language models to touch."""

__version__ = "0.1.0"  # read by pyproject.toml; a Space runs the folder without installing it, so no metadata has it
