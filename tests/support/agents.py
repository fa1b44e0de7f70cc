"""A scripted agent: a client of the MCP SDK that calls the tools of a server in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from mcp import Client
from mcp.client import ClientRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.types import ElicitRequestParams, ElicitResult, TextContent

from fieldingkit import AsyncClient
from fieldingkit.mcp.server import make_server
from fieldingkit.sandbox.model.projects import Project
from fieldingkit.sandbox.model.target_groups import GroupStatus

Answer = Callable[[str], dict[str, Any] | ElicitResult | None]
"""Answers a question: the form, None to decline, or a result as the client sends it."""
Mode = Literal["auto", "legacy"]
"""The protocol: that of 2026, or the one before, in which the server asks its client within a call."""


class Agent:
    """A scripted agent."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that succeeds, and return its result."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        assert result.structured_content is not None
        return result.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool that fails, and return its message."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, result.structured_content
        (content,) = result.content
        assert isinstance(content, TextContent)
        return content.text

    async def tools(self) -> list[str]:
        """Return the names of the tools."""
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def ended(self, run_id: str) -> dict[str, Any]:
        """Return a run once the server does not apply it any more: a cancelled call ends a little later."""
        while (shown := await self.call("show_sweep", run_id=run_id))["in_progress"]:
            await asyncio.sleep(0.01)
        return shown

    async def plan(self, action: str, *groups: dict[str, str]) -> dict[str, Any]:
        """Plan an action."""
        return await self.call("plan_sweep", action=action, target_groups=list(groups))


@asynccontextmanager
async def agent(server: MCPServer, *, answer: Answer | None = None, mode: Mode = "auto") -> AsyncIterator[Agent]:
    """Connect an agent to a server. With an answer, its user can be asked."""

    async def ask(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert answer is not None
        content = answer(params.message)
        if isinstance(content, ElicitResult):
            return content
        return ElicitResult(action="decline") if content is None else ElicitResult(action="accept", content=content)

    async with Client(server, mode=mode, elicitation_callback=None if answer is None else ask) as client:
        yield Agent(client)


def accept(question: str) -> dict[str, Any]:
    """Say yes."""
    return {"apply": True}


def members(project: Project, status: GroupStatus = "live") -> list[dict[str, str]]:
    """Return the target groups of a project with a status, as ``plan_sweep`` takes them."""
    return [{"project_id": project.id, "target_group_id": id_} for id_ in project.ids(status)]


def server_of(client: AsyncClient, folder: Path, *, allow_writes: bool = True, **options: Any) -> MCPServer:
    """Return a server whose state is in a folder."""
    return make_server(
        client, journals=folder / "journals", locks=folder / "locks", allow_writes=allow_writes, **options
    )
