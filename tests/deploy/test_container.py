"""What the container claims, held without an engine: the recipe is read, and what it starts is started here.

`make image` and the run of the image itself are in docs/guide/container.md; this keeps an edit from undoing them.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from aigate.cli.main import app

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
ENGINES = ("docker", "podman", "buildah")
Instruction = tuple[str, str]


def stages_of(recipe: str) -> list[list[Instruction]]:
    """The instructions of each stage, continuation lines joined; what stands before the first FROM is stage 0."""
    lines = "\n".join(line for line in recipe.splitlines() if not line.startswith("#"))
    stages: list[list[Instruction]] = [[]]
    for line in lines.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, " ".join(rest.split())))
    return stages


STAGES = stages_of((DOCKER / "Dockerfile").read_text())
FINAL = STAGES[-1]


def the(name: str, stage: list[Instruction] = FINAL) -> str:
    """The value of an instruction that stands exactly once."""
    values = [rest for instruction, rest in stage if instruction == name]
    assert len(values) == 1, f"{name}: {values}"
    return values[0]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(the("ENV")))


def test_the_bases_can_be_replaced_and_the_image_is_on_its_own() -> None:
    assert [rest.split("=")[0] for name, rest in STAGES[0] if name == "ARG"] == ["BUILDER", "BASE"]
    assert [the("FROM", stage) for stage in STAGES[1:]] == ["${BUILDER} AS wheel", "${BASE} AS site", "${BASE}"]


def test_nothing_of_the_build_is_in_the_image() -> None:
    assert [rest for name, rest in FINAL if name in {"COPY", "ADD"}] == ["--from=site /opt/aigate /opt/aigate"]
    assert not re.search(r"\b(pip|apt|apt-get|curl|cargo|maturin)\b", the("RUN"))
    assert "uninstall -y maturin" in STAGES[2][-1][1]
    assert "--without-pip" in STAGES[2][-1][1]


def test_every_download_is_held_to_its_hash() -> None:
    installs = [part for stage in STAGES for name, rest in stage if name == "RUN" for part in rest.split("&&")]
    installs = [part for part in installs if re.search(r"pip\S* install", part) and "--no-index" not in part]
    assert len(installs) == 2
    assert all("--require-hashes -r" in part for part in installs)
    assert "--locked" in the("RUN", STAGES[1][-1:])


def test_it_runs_as_a_user_without_rights() -> None:
    user = the("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), "an orchestrator can tell only numbers from root"
    assert f"useradd --no-log-init --uid {user.split(':')[0]} " in the("RUN")
    order = [name for name, _ in FINAL]
    assert "RUN" not in order[order.index("USER") :]


def test_all_that_is_written_is_in_one_volume() -> None:
    assert the("VOLUME") == the("WORKDIR") == environment()["AIGATE_DATA"] == environment()["HOME"] == "/data"
    assert "install -d -o aigate -g aigate -m 700 /data" in the("RUN")
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"


def test_no_module_is_imported_from_the_volume(tmp_path: Path) -> None:
    (tmp_path / "volume_module.py").write_text("")
    variables = {"PATH": os.environ["PATH"], "PYTHONSAFEPATH": environment()["PYTHONSAFEPATH"]}
    done = subprocess.run([sys.executable, "-c", "import volume_module"], cwd=tmp_path, env=variables, check=False)
    assert done.returncode != 0


def test_signals_reach_the_gateway_and_its_command_is_understood() -> None:
    """The exec form: no shell stands between the engine's SIGTERM and the gateway; tini hands it on and reaps."""
    command = [*json.loads(the("ENTRYPOINT")), *json.loads(the("CMD"))]
    assert command[:4] == ["tini", "--", "aigate", "serve"]
    assert "cp /usr/bin/tini-static /opt/aigate/bin/tini" in STAGES[2][-1][1]
    assert environment()["PATH"].startswith("/opt/aigate/bin:")
    assert the("STOPSIGNAL") == "SIGTERM"
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    with serve.make_context("serve", command[4:]) as context:
        assert (context.params["host"], context.params["admin_host"]) == ("0.0.0.0", "0.0.0.0")
        assert the("EXPOSE") == f"{context.params['port']} {context.params['admin_port']}"
        assert f"('127.0.0.1', {context.params['admin_port']}," in the("HEALTHCHECK")


class Readiness(http.server.BaseHTTPRequestHandler):
    """Answers /readyz with the status it is told."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(type(self).status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        return


@pytest.fixture
def readiness() -> Iterator[http.server.HTTPServer]:
    with http.server.HTTPServer(("127.0.0.1", 0), Readiness) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_the_health_check_is_readiness(readiness: http.server.HTTPServer, status: int, healthy: bool) -> None:
    Readiness.status = status
    assert (health_check(readiness.server_port) == 0) is healthy


def test_nobody_listening_is_not_healthy() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Readiness, bind_and_activate=False) as server:
        server.server_bind()  # taken and not listening: refused
        assert health_check(server.server_port) != 0


def health_check(port: int) -> int:
    """The exit code of the image's own check, at another port."""
    program, *arguments = json.loads(the("HEALTHCHECK").partition("CMD ")[2])
    assert program == "python3"
    command = [sys.executable, *(argument.replace("8081", str(port)) for argument in arguments)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, timeout=10, check=False).returncode


def test_only_what_is_named_is_sent_to_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert sent == {
        *("Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "pyproject.toml"),
        *("python", "requirements/run.lock", "rust"),
    }
    assert all((ROOT / name).exists() for name in sent)
    assert {"**/__pycache__", "**/*.so", "**/target"} <= set(lines), "this machine's own builds stay here"


def build(folder: Path, engines: dict[str, int], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run build.sh where only these engines are; each says whether it works by the exit code of `info`."""
    folder.joinpath("dirname").symlink_to("/usr/bin/dirname")
    for name, code in engines.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\n[ "$1" = info ] && exit {code}\necho {name} "$@"\n')
        program.chmod(0o755)
    command = ["/bin/sh", str(DOCKER / "build.sh"), *shlex.split(variables.pop("arguments", ""))]
    return subprocess.run(command, env={"PATH": str(folder), **variables}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("engines", "chosen"),
    [
        ({"docker": 0, "podman": 0, "buildah": 0}, "docker"),
        ({"docker": 1, "podman": 0, "buildah": 0}, "podman"),
        ({"docker": 1, "buildah": 0}, "buildah"),
    ],
)
def test_the_first_engine_that_works_builds(tmp_path: Path, engines: dict[str, int], chosen: str) -> None:
    done = build(tmp_path, engines)
    assert done.stdout.startswith(f"{chosen} build "), done.stderr
    assert "-t aigate:dev " in done.stdout
    assert ("--format docker" in done.stdout) is (chosen != "docker"), "the OCI format has no health check"


def test_bases_tag_and_arguments_are_handed_on(tmp_path: Path) -> None:
    engines = dict.fromkeys(ENGINES, 0)
    done = build(tmp_path, engines, BASE="b:1", BUILDER="r:1", TAG="t:1", ENGINE="podman", arguments="--pull")
    words = done.stdout.split()
    assert words[:2] == ["podman", "build"]
    assert {"BASE=b:1", "BUILDER=r:1", "t:1", "--pull"} <= set(words)
    assert words[-1] == "."


@pytest.mark.parametrize("variables", [{}, {"ENGINE": "kaniko"}])
def test_without_an_engine_it_says_what_is_missing(tmp_path: Path, variables: dict[str, str]) -> None:
    done = build(tmp_path, {"docker": 1}, **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert all(name in done.stderr for name in ENGINES)
