"""What several pipelines share: training weights as one vector."""
