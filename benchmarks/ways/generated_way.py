"""A client that openapi-python-client generates from the published contract for each run.

Importing this module generates the package and adds its folder to ``sys.path``; child processes find it there.
"""

import atexit
import shutil
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.by_hand import ACCOUNT, GROUP, HEADERS, PROJECT, TAG, TOKEN, headers, next_run
from benchmarks.processes import run
from benchmarks.ways import Missing, Way, change

_CONTRACT = Path(__file__).parents[3] / "shared/reference/openapi/fielding-only.yml"
_PACKAGE = "generated_fielding_client"


def _generate() -> None:
    """Generate the package for this process and its children.

    Raises:
        Missing: If the generator or the contract is not available.
    """
    if find_spec("openapi_python_client") is None:
        raise Missing("openapi-python-client is not installed")
    if not _CONTRACT.exists():
        raise Missing("the published contract is not available")
    folder = Path(tempfile.mkdtemp(prefix="fieldingkit-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = folder / "settings.yml"
    settings.write_text("post_hooks: []\n")
    options = {"--path": _CONTRACT, "--meta": "none", "--output-path": folder / _PACKAGE, "--config": settings}
    words = [str(word) for option in options.items() for word in option]
    run([sys.executable, "-m", "openapi_python_client", "generate", *words], quiet=True)
    if not (folder / _PACKAGE / "client.py").exists():
        raise Missing("openapi-python-client generated nothing")
    sys.path.append(str(folder))


if find_spec(_PACKAGE) is None:
    _generate()


def _calls(base: str) -> tuple[Any, Any, Any, dict[str, Any], dict[str, Any]]:
    client = import_module(f"{_PACKAGE}.client").AuthenticatedClient(base_url=base, token=TOKEN, headers=HEADERS)
    path = {
        "account_id": int(ACCOUNT),
        "project_id": PROJECT,
        "client": client,
        "cint_api_version": HEADERS["Cint-API-Version"],
    }
    pausing = import_module(f"{_PACKAGE}.api.fielding.pause_fielding_run")
    reading = import_module(f"{_PACKAGE}.api.fielding_batch.get_bulk_pause_target_groups_job")
    return client, pausing, reading, {**path, "target_group_id": GROUP, "if_match": TAG}, path


def asynchronous(base: str) -> Way:
    """Use its functions named ``asyncio``."""
    client, pausing, reading, pause_path, job_path = _calls(base)

    async def pause() -> object:
        headers()  # it cannot send a trace context; the work is done nevertheless
        answer = await pausing.asyncio_detailed(**pause_path, fielding_run_id=next_run())
        return change(answer.status_code, answer.headers)

    async def job(groups: int) -> object:
        return await reading.asyncio(**job_path, job_id=str(groups))

    return Way(pause, job, client.get_async_httpx_client().aclose)


def blocking(base: str) -> Way:
    """Use its functions named ``sync``."""
    client, pausing, reading, pause_path, job_path = _calls(base)

    def pause() -> object:
        headers()
        answer = pausing.sync_detailed(**pause_path, fielding_run_id=next_run())
        return change(answer.status_code, answer.headers)

    def job(groups: int) -> object:
        return reading.sync(**job_path, job_id=str(groups))

    return Way(pause, job, client.get_httpx_client().close)
