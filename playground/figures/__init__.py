"""Pictures: arrays in, Plotly figures, frames of the Stage or PNG out; no model, no tensor, no page."""
