"""The Models tab: its program makes the same models again, and its record holds what the manager knows."""

import json

from playground import catalog
from playground.manager import ModelManager
from playground.tabs import models


def manager_with(*keys):
    manager = ModelManager("cpu", budget=2**30)
    for key in keys:
        with manager.lease(catalog.spec(key), owner="test"):
            pass
    return manager


def test_program_loads_the_same_models(capsys):
    keys = ["flows/glow/moons", "flows/spline/ring"]
    left: dict = {}
    exec(compile(models._program(*(lambda m: (m, m.snapshot()))(manager_with(*keys))), "pasted.py", "exec"), left)
    assert [status.key for status in left["manager"].snapshot()] == keys
    assert left["manager"].budget == 2**30
    assert "6769 weights" in capsys.readouterr().out


def test_record():
    record = json.loads(models._record(manager_with("flows/nice/moons")))
    assert [model["key"] for model in record["models"]] == ["flows/nice/moons"]
    assert record["used"] == record["models"][0]["bytes"] > 1000
    assert [event["kind"] for event in record["events"]] == ["load", "place"]
