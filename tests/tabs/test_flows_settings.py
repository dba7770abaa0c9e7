"""Settings of the Flows tab: checked, and kept in a link."""

import math
from dataclasses import replace
from urllib.parse import parse_qsl

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketches import drawing

from playground import flows
from playground.tabs.drawings import pack, unpack
from playground.tabs.flows.settings import MAX_LAYERS, MAX_SECONDS, Settings


def from_link(settings):
    return Settings.from_query(dict(parse_qsl(settings.query())))


settings_of_all_kinds = st.builds(
    Settings,
    density=st.sampled_from(sorted(flows.DENSITIES)),
    flow=st.sampled_from(sorted(flows.FLOWS)),
    layers=st.integers(1, MAX_LAYERS),
    seconds=st.integers(1, MAX_SECONDS),
    seed=st.integers(0, 2**31 - 1),
    constrained=st.booleans(),
)


@given(settings_of_all_kinds)
def test_link_restores_settings(settings):
    assert from_link(settings) == (settings, [])


def test_link_restores_a_drawing():
    settings = Settings(source="draw", drawing=pack(drawing()))
    restored, wrong = from_link(settings)
    assert restored == settings
    assert not wrong
    np.testing.assert_allclose(restored.make_density().table.exp(), settings.make_density().table.exp())
    assert len(settings.query()) < 400


def test_a_drawing_left_on_the_pad_is_no_part_of_another_link():
    assert "drawing" not in Settings(source="preset", drawing=pack(drawing())).query()


def test_link_of_an_upload_leaves_the_file_out():
    settings = Settings(source="upload", upload="/tmp/points.csv", flow="glow", layers=3)
    assert "points" not in settings.query()
    assert from_link(settings) == (replace(settings, upload=""), [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layers", "-3"),
        ("layers", "x"),
        ("layers", "1e9"),
        ("seconds", "nan"),
        ("seconds", "1e9"),
        ("seed", "-1"),
        ("seed", "1_0"),
        ("seed", "9" * 5000),
        ("flow", "gan"),
        ("density", "../../etc"),
        ("constrained", "yes"),
        ("drawing", "%%%"),
        ("drawing", "eJxLBAAAYgBi"),
        ("source", "web"),
    ],
)
def test_impossible_link_falls_back_and_says_so(name, value):
    settings, wrong = Settings.from_query({name: value})
    assert settings == Settings()
    assert [pair[0] for pair in wrong] == [name]


def test_bomb_in_a_link_is_not_unpacked():
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
    with pytest.raises(ValueError, match="damaged"):
        unpack(bomb)


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("layers", -1, "1 and 16"),
        ("layers", 17, "1 and 16"),
        ("layers", True, "1 and 16"),
        ("layers", 2.5, "1 and 16"),
        ("seconds", 0, "1 and 60"),
        ("seconds", math.nan, "1 and 60"),
        ("seconds", "5", "1 and 60"),
        ("seed", -1, "0 and 2,147,483,647"),
        ("flow", "gan", "spline"),
        ("density", "cats", "moons"),
        ("source", "web", "preset"),
    ],
)
def test_impossible_settings_name_the_limit(field, value, limit):
    with pytest.raises(ValueError, match=limit):
        Settings(**{field: value})


def test_pack_keeps_sixteen_levels():
    np.testing.assert_allclose(unpack(pack(drawing())), drawing(), atol=0.5 / 15)
    assert pack(None) == pack(np.zeros((64, 64), dtype=np.float32)) == ""
    with pytest.raises(ValueError, match="64, 64"):
        pack(np.full((64, 64), np.nan, dtype=np.float32))
