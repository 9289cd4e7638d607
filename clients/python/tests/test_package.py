"""The wheel that users get: what is in it, and that it works without this folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parents[1]
APPLICATION = """
from fastapi import FastAPI
import sessionwire_guard
from sessionwire_guard import AsyncGuard, Guard
from sessionwire_guard.asgi import GuardMiddleware
from sessionwire_guard.fastapi import answer_problems
settings = dict(url="https://s.example", api_key="swk_x", issuer="https://s.example", audience="a")
app = FastAPI()
answer_problems(app)
GuardMiddleware(app, guard=AsyncGuard(**settings))
print(sessionwire_guard.__file__)
"""


def run(*arguments: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_holds_the_package_and_works_elsewhere(tmp_path: Path) -> None:
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(HERE), folder=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as contents:
        names = contents.namelist()
    sources = {f"sessionwire_guard/{path.name}" for path in (HERE / "src" / "sessionwire_guard").glob("*.py")}
    assert {name for name in names if not name.startswith("sessionwire_guard-")} == {
        *sources,
        "sessionwire_guard/py.typed",
    }
    assert any(name.endswith("licenses/LICENSE") for name in names)
    installed = tmp_path / "installed"
    run(*pip, "install", "--no-deps", "--no-index", "--target", str(installed), str(wheel), folder=tmp_path)
    where = run("-c", APPLICATION, folder=tmp_path, PYTHONPATH=str(installed))
    assert where.startswith(str(installed))


def test_nothing_of_the_core_needs_a_framework(tmp_path: Path) -> None:
    program = (
        "import sys, sessionwire_guard, sessionwire_guard.asgi; "
        "print(sorted({'django', 'fastapi', 'starlette', 'pydantic'} & set(sys.modules)))"
    )
    assert run("-c", program, folder=tmp_path) == "[]"


def test_every_file_has_one_subject_and_says_what_it_may_not_know() -> None:
    for path in (HERE / "src" / "sessionwire_guard").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""'), path.name
        assert len(text.splitlines()) < 400, path.name
        head = " ".join(text.split('"""')[1].split())
        assert path.name == "__init__.py" or "may not know" in head, path.name
