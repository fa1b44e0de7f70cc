"""A web service that pauses target groups and says what became of each.

    python examples/service.py

One client serves all requests. A job that takes longer than a request may is answered with its token, which any process
can resume. The account comes from the environment; without CINT_ACCOUNT_ID a sandbox in this process takes its place.
"""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from fieldingkit import AsyncClient, batch_jobs
from fieldingkit.errors import ConfigurationError, FieldingKitError, InvalidCommandError, JobError, JobTimeoutError
from fieldingkit.sandbox import Sandbox

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CLIENT = web.AppKey("client", AsyncClient)
PORT = int(os.environ.get("PORT", "8080"))


async def pause(request: web.Request) -> web.Response:
    """Pause the target groups of the body."""
    body = await read_object(request)
    command = batch_jobs.PauseTargetGroups(
        project_id=body.get("project_id"), target_group_ids=body.get("target_group_ids")
    )
    result = await request.app[CLIENT].run(command, timeout=20.0)
    return web.json_response(result.to_dict())


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the body, which must be a JSON object."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidCommandError("the body must be a JSON object", field="body")
    return body


async def job(request: web.Request) -> web.Response:
    """Return the result of a job that an earlier request did not wait for."""
    try:
        handle = request.app[CLIENT].job(request.match_info["token"])
    except ConfigurationError as exc:
        raise web.HTTPNotFound(text=str(exc)) from exc
    result = await handle.wait(timeout=20.0)
    if not isinstance(result, batch_jobs.BatchResult):
        raise web.HTTPNotFound(text="not a job of this service")
    return web.json_response(result.to_dict())


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an error with what it says about the action."""
    try:
        return await handler(request)
    except InvalidCommandError as exc:
        return web.json_response({"error": str(exc), "field": exc.field}, status=400)
    except JobTimeoutError as exc:
        return web.json_response({"job": f"/jobs/{exc.token}"}, status=202)
    except FieldingKitError as exc:
        token = exc.token if isinstance(exc, JobError) else None
        answer = {"error": str(exc), "maybe_applied": exc.maybe_applied, "trace_id": exc.trace_id, "job": token}
        return web.json_response(answer, status=502)


async def client(app: web.Application) -> AsyncIterator[None]:
    """Open one client for the life of the service."""
    async with AsyncClient.from_env() as app[CLIENT]:
        yield


def service() -> web.Application:
    """Return the service."""
    app = web.Application(middlewares=[errors])
    app.cleanup_ctx.append(client)
    app.router.add_post("/pause", pause)
    app.router.add_get("/jobs/{token}", job)
    return app


@contextmanager
def account() -> Iterator[None]:
    """Use the account of the environment, or a sandbox with some target groups."""
    if "CINT_ACCOUNT_ID" in os.environ:
        yield
        return
    with Sandbox() as sandbox:
        os.environ.update(sandbox.environment)
        project = sandbox.seed(live=3, draft=1)
        ids = ", ".join(f'"{group}"' for group in project.ids())
        print("CINT_ACCOUNT_ID is not set: a sandbox takes the place of the API. Try:\n")
        print(
            f"""curl -d '{{"project_id": "{project.id}", "target_group_ids": [{ids}]}}' http://127.0.0.1:{PORT}/pause\n"""
        )
        yield


if __name__ == "__main__":
    with account():
        web.run_app(service(), host="127.0.0.1", port=PORT)
