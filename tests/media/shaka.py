"""Shaka Packager: encrypts with code that shares nothing with ours.

Installed by npm into a cache outside the project, once a machine, in the one version whose
binary is known. It packages media only: with manifests some of its schemes abort.
"""

import contextlib
import hashlib
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from netplay.edge.cache import default_cache_dir

VERSION = "3.4.2"
SHA256 = {
    "x86_64": "7bdefe5a25fe84535c6c1a425f4c3c6b65fa85c441c2aeba01254b3c0f4b1956",
    "aarch64": "170ee824cc30a8ed7c7c22346c46bd614aa5532a4af16d9f3c8cfaed6eda268e",
}


@cache
def packager() -> Path:
    """Return the program, or skip the test with a sentence that says what was missing."""
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in SHA256:
        pytest.skip(f"no known shaka-packager for {platform.system()} on {machine}")
    home = default_cache_dir() / f"shaka-packager-{VERSION}"
    name = {"x86_64": "packager-linux-x64", "aarch64": "packager-linux-arm64"}[machine]
    program = home / "node_modules" / "shaka-packager" / "bin" / name
    if not program.exists():
        _install(home)
    found = hashlib.sha256(program.read_bytes()).hexdigest()
    assert found == SHA256[machine], f"{program} is not the program these tests know"
    program.chmod(0o755)
    return program


def _install(home: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm, which brings shaka-packager, is not installed")
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".shaka-") as building:
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        try:
            subprocess.run(
                [*command, "--prefix", building, f"shaka-packager@{VERSION}"],
                check=True,
                capture_output=True,
                timeout=120,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip(f"npm could not fetch shaka-packager {VERSION} from its registry")
        home.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):  # another process was first; theirs is as good
            (Path(building) / "node_modules").rename(home / "node_modules")


def package(source: Path, stream: str, *options: str) -> bytes:
    """Return one stream of a file as shaka-packager writes it, in segments of a second.

    Args:
        source: A fragmented MP4.
        stream: "video" or "audio".
        options: Of the command line; none: in the clear.
    """
    target = source.with_name(f"{source.stem}-{stream}-packaged.mp4")
    label = f",drm_label={stream}" if options else ""
    command = [str(packager()), f"in={source},stream={stream},output={target}{label}"]
    command += ["--fragment_duration", "1", "--segment_duration", "1", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    return target.read_bytes()
