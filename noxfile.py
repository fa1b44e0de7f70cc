"""The project's tasks: `nox -l` lists them, `nox` runs those that must pass, `nox -s NAME` one of them."""

import functools
import os
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["lint", "types", "tests", "readme", "docs", "package"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")


def found_pythons() -> dict[str, str]:
    """The supported Pythons that this machine has, oldest first; pyenv's are found where its shims do not reach."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    found = {}
    for version in nox.project.python_versions(PYPROJECT):
        others = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
        for path in [shutil.which(f"python{version}"), *map(str, others)]:
            if path and answers(path, version):
                found.setdefault(version, path)
    return found


def answers(python: str, version: str) -> bool:
    """Whether it can be run and is of that version: a pyenv shim may be neither."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return result.stdout.strip() == version


PYTHONS = found_pythons()

# More workers than cores: many tests wait for another process, or for a disk.
WORKERS = ["-n", str(2 * (os.cpu_count() or 1)), "--dist", "worksteal"]


def groups(*names: str) -> list[str]:
    """The packages of some dependency groups."""
    return list(nox.project.dependency_groups(PYPROJECT, *names))


@functools.cache
def wheel() -> str:
    """Build the wheel that is going to be tested, once a run."""
    folder = Path("dist/tested").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        ["python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), "."], check=True
    )
    return str(next(folder.glob("*.whl")))


def install_wheel(session: nox.Session, extras: str, *packages: str) -> None:
    """Install the wheel and what goes with it; in an environment that is used again, over the wheel of the last run."""
    session.install(f"{wheel()}[{extras}]", *packages)
    session.install("--quiet", "--force-reinstall", "--no-deps", wheel())


def interpreter(session: nox.Session) -> str:
    """The Python of a session's environment."""
    return str(Path(session.bin) / "python")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting, spelling, and who may import whom."""
    session.install(*groups("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")
    session.run("lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """mypy and pyright at their strictest, and what a user's editor sees."""
    install_wheel(session, "cli", *groups("types"))
    session.run("mypy")
    # The provider is checked where Airflow is: nox -s airflow.
    shutil.rmtree(next(Path(session.virtualenv.location).glob("lib/python*/site-packages/fieldingkit/airflow")))
    project, pyright = Path.cwd(), ["pyright", "--pythonpath", interpreter(session)]
    # From elsewhere, since pyright would take the folder here for the package; both at once, since each needs one core.
    with session.chdir(session.create_tmp()), ThreadPoolExecutor() as pool:
        strict = pool.submit(session.run, *pyright, "--project", str(project))
        session.run(*pyright, "--ignoreexternal", "--verifytypes", "fieldingkit")
        strict.result()


@nox.session
@nox.parametrize("python", [nox.param(path, id=version) for version, path in PYTHONS.items()])
def tests(session: nox.Session) -> None:
    """The tests, against the built wheel, on every supported Python that is found."""
    install_wheel(session, "cli", *groups("tests"))
    session.run("python", "-P", "-c", "import fieldingkit as f; assert 'site-packages' in f.__file__, f.__file__")
    session.run("pytest", *WORKERS, "--ignore", "tests/integration/docs", *session.posargs)


@nox.session
def speed(session: nox.Session) -> None:
    """The same tests with what the extra ``speed`` brings: uvloop and orjson must not change what comes of anything."""
    install_wheel(session, "cli,speed", *groups("tests"))
    session.run("python", "-c", "import orjson, uvloop")
    session.run("pytest", *WORKERS, "--ignore", "tests/integration/docs", *session.posargs)


@nox.session
def transport(session: nox.Session) -> None:
    """The same tests with requests sent by aiohttp's session, which is otherwise for proxies and instrumentations."""
    install_wheel(session, "cli", *groups("tests"))
    tests = ["--ignore", "tests/integration/docs", *session.posargs]
    session.run("pytest", *WORKERS, *tests, env={"TESTED_PATH": "session"})


@nox.session(python=PYTHONS.get("3.11"))
def lowest(session: nox.Session) -> None:
    """The same tests with the oldest supported version of each package that fieldingkit and its extras require."""
    project = PYPROJECT["project"]
    extras = [package for extra in ("cli", "speed") for package in project["optional-dependencies"][extra]]
    pins = [package.replace(">=", "==") for package in [*project["dependencies"], *extras]]
    install_wheel(session, "cli,speed", *groups("tests"), *pins)
    session.run("pytest", *WORKERS, "--ignore", "tests/integration/docs", *session.posargs)


@nox.session
def readme(session: nox.Session) -> None:
    """Run the code blocks of the README and of the docs."""
    install_wheel(session, "cli", *groups("tests"))
    session.run("pytest", "tests/integration/docs", *session.posargs, env={"TESTED_WHEEL": wheel()})


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into ``site/``; a warning, a broken link or anchor, or a page outside the navigation fails it."""
    session.install("-e", ".[cli]", *groups("docs"))
    session.run("zensical", "build", "--clean", "--strict")
    session.run("python", "-m", "support.site_check", "site", env={"PYTHONPATH": "tests"})


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel and sdist twice, compare and check them, and run the demo from each in an empty environment."""
    session.install(*PYPROJECT["build-system"]["requires"], *groups("package"))
    folder = Path(session.create_tmp()).absolute()
    built, again = Path("dist/release").absolute(), folder / "again"
    for old in (folder, built):
        shutil.rmtree(old, ignore_errors=True)
    session.run("python", "-m", "build", "--no-isolation", "--outdir", str(built))
    # The second build is of the unpacked sdist, elsewhere: it needs nothing that the sdist lacks, and copies no paths.
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    session.run(
        "python",
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        str(again),
        str(folder / sdist.name.removesuffix(".tar.gz")),
    )
    files = sorted(built.iterdir())
    for file in files:
        if file.read_bytes() != (again / file.name).read_bytes():
            session.error(f"{file.name} differs between two builds")
    session.run("twine", "check", "--strict", *map(str, files))
    session.run("check-wheel-contents", *(str(file) for file in files if file.suffix == ".whl"))
    # Without a public host there is neither an address nor a page to name.
    session.run("pyroma", "--min", "10", "--skip-tests", "AuthorEmail,Url", ".")
    for file in files:
        environment = folder / file.suffix.strip(".")
        session.run("python", "-m", "venv", str(environment))
        python = str(environment / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "--no-compile"]
        session.run(*install, str(file), external=True)
        session.run(python, "-c", "import fieldingkit; fieldingkit.Client; fieldingkit.batch_jobs", external=True)
        session.run(*install, "fieldingkit[cli]", external=True)  # as installed, with what the extra adds
        with session.chdir(environment):
            session.run(str(environment / "bin" / "fieldingkit"), "demo", external=True, silent=True)


@nox.session
def api(session: nox.Session) -> None:
    """Compare the public names with those of the last tag, or with another revision: `-- --against REVISION`."""
    session.install(*groups("api"))
    session.run("griffe", "check", "fieldingkit", *session.posargs)


@nox.session
def airflow(session: nox.Session) -> None:
    """The Airflow provider, against a real Airflow; slow to install, so only on demand and in CI."""
    install_wheel(session, "airflow,cli", *groups("tests", "types"))
    session.run("mypy", "--config-file", "tests/airflow/mypy.ini")
    session.run("pyright", "--project", "tests/airflow/pyrightconfig.json", "--pythonpath", interpreter(session))
    session.run("pytest", "tests/airflow", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure everything that there is a budget for, side by side; `-- --quick` only shows that everything runs."""
    session.install("-e", ".[cli,speed]", *groups("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def drift(session: nox.Session) -> None:
    """Compare two contracts: `-- OLD.yml NEW.yml`; fails if an operation that has a command changed."""
    session.install("-e", ".", *(each for each in groups("tests") if each.startswith("pyyaml")))
    session.run("python", "-m", "support.contract_drift", *session.posargs, env={"PYTHONPATH": "tests"})
