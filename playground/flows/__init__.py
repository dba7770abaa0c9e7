"""Densities in the plane and the flows that learn them, by change of variables."""
