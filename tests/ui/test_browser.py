"""Which Chromium the browser tests take, and what they do where there is none."""

from pathlib import Path

import browser
import pytest


@pytest.fixture
def machine(tmp_path):
    """A machine of fake executables: `machine(name)` installs one and returns its path."""

    def install(name):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    return install


def test_order(machine, tmp_path):
    own, environ = tmp_path / "own/chrome", {"PATH": str(tmp_path / "bin")}
    assert browser.find(own, environ) is None
    machine("own/chrome")
    assert browser.find(own, environ) == own
    for name in reversed(browser.NAMES):  # the least wanted first: each next one must win over those there already
        path = machine(f"bin/{name}")
        assert browser.find(own, environ) == path
    asked = machine("elsewhere/chrome")
    assert browser.find(own, {**environ, browser.VARIABLE: str(asked)}) == asked


def test_variable_that_names_nothing_is_an_error(machine, tmp_path):
    machine("bin/chromium")
    gone = str(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match=f"{browser.VARIABLE}={gone}"):
        browser.find(tmp_path / "own", {"PATH": str(tmp_path / "bin"), browser.VARIABLE: gone})


def test_one_that_is_there_installs_nothing(machine, tmp_path):
    path = machine("bin/chromium")
    run = lambda command: pytest.fail(f"ran {command}")  # noqa: E731
    assert browser.ensure(tmp_path / "own", {"PATH": str(path.parent)}, run=run, root=True) == path


def test_playwright_installs_first(machine, tmp_path):
    ran, own = [], tmp_path / "own/chrome"

    def run(command):
        ran.append(command)
        machine("own/chrome")
        return 0

    assert browser.ensure(own, {"PATH": ""}, run=run, root=True) == own
    assert ran == [browser.PLAYWRIGHT_INSTALL, (str(own), "--version")]


def test_playwrights_own_that_lacks_libraries_is_passed_over(machine, tmp_path):
    own, environ = tmp_path / "own/chrome", {"PATH": str(tmp_path / "bin")}
    machine("bin/apt-get")

    def run(command):
        if command == browser.PLAYWRIGHT_INSTALL:
            machine("own/chrome")
        if command == browser.APT_INSTALLS[-1]:
            machine("bin/chromium")
        return 127 if command[-1] == "--version" else 0

    assert browser.ensure(own, environ, run=run, root=True) == tmp_path / "bin/chromium"


def test_apt_installs_second_and_only_as_root(machine, tmp_path):
    own, environ, ran = tmp_path / "own/chrome", {"PATH": str(tmp_path / "bin")}, []
    machine("bin/apt-get")

    def run(command):
        ran.append(command)
        if command == browser.PLAYWRIGHT_INSTALL:
            return 1
        if "install" in command:
            machine("bin/chromium")
        return 0

    with pytest.raises(FileNotFoundError, match="apt-get install chromium"):
        browser.ensure(own, environ, run=run, root=False)
    assert ran == [browser.PLAYWRIGHT_INSTALL]
    assert browser.ensure(own, environ, run=run, root=True) == tmp_path / "bin/chromium"
    assert ran == [browser.PLAYWRIGHT_INSTALL, browser.PLAYWRIGHT_INSTALL, *browser.APT_INSTALLS]


def test_failed_install_gives_the_remedy(machine, tmp_path):
    machine("bin/apt-get")
    with pytest.raises(FileNotFoundError, match=browser.VARIABLE):
        browser.ensure(Path("own"), {"PATH": str(tmp_path / "bin")}, run=lambda _: 1, root=True)


def test_font_is_installed_as_root_only(machine, tmp_path):
    environ, ran = {"PATH": str(tmp_path / "bin")}, []
    machine("bin/apt-get")

    def run(command):
        ran.append(command)
        if "install" in command:
            machine("bin/fc-list").write_text(f"#!/bin/sh\necho '{browser.FONT}'\n")
        return 0

    assert not browser.ensure_font(environ, run=run, root=False)
    assert ran == []
    assert browser.ensure_font(environ, run=run, root=True)
    assert ran == [*browser.FONT_INSTALLS]
    assert browser.ensure_font(environ, run=run, root=False)
    assert ran == [*browser.FONT_INSTALLS]


def test_font_that_stays_away_is_told(machine, tmp_path):
    machine("bin/apt-get")
    machine("bin/fc-list")  # lists nothing
    environ = {"PATH": str(tmp_path / "bin")}
    assert not browser.ensure_font(environ, run=lambda _: 0, root=True)
    assert not browser.ensure_font(environ, run=lambda _: 100, root=True)
