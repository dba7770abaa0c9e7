"""The catalog: a key names one model, and nothing but a model."""

import pytest

from playground import catalog, flows


@pytest.mark.parametrize("flow", flows.FLOWS)
def test_every_flow_has_an_example_on_the_moons(flow):
    spec = catalog.spec(f"flows/{flow}/moons")
    model = spec.load()
    assert model.config["name"] == flow
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert catalog.flow_history(flow, "moons")["step"] > 100


@pytest.mark.parametrize("density", flows.DENSITIES)
def test_our_best_flow_has_an_example_on_every_density(density):
    lane = flows.portrait(catalog.spec(f"flows/spline/{density}").load(), flows.density(density), side=60)
    assert lane.kl < 0.07


@pytest.mark.parametrize(
    "key", ["", "flows", "flows/spline", "flows/gan/moons", "flows/spline/../spline/moons", "clip/b32"]
)
def test_other_keys_are_refused(key):
    with pytest.raises(ValueError, match=r"no (model|CLIP) is called"):
        catalog.spec(key)
