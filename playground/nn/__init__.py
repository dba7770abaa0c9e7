"""What several pipelines share: training weights as one vector, weights drawn from a seed, fast products on CPU."""
