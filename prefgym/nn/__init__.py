"""Networks: layers, actors, normalisation, weights on disk."""
