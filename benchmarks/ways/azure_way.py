"""azure-core's pipeline on its aiohttp transport, with the policies that Azure's generated clients have."""

from azure.core import AsyncPipelineClient
from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline import policies
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import HttpRequest

from benchmarks.by_hand import JOBS, TAG, TOKEN, Change, Group, groups_of, path_of_pause
from benchmarks.ways import Way, change

_HEADERS = {"Accept": "application/json", "Cint-API-Version": "2025-12-18"}


def asynchronous(base: str) -> Way:
    """Use ``AsyncPipelineClient``."""
    client: AsyncPipelineClient[HttpRequest, object] = AsyncPipelineClient(
        base,
        transport=AioHttpTransport(),
        policies=[
            policies.RequestIdPolicy(),
            policies.HeadersPolicy(_HEADERS),
            policies.UserAgentPolicy("by-hand/1.0"),
            policies.ProxyPolicy(),
            policies.ContentDecodePolicy(),
            policies.AsyncRetryPolicy(),
            policies.AzureKeyCredentialPolicy(AzureKeyCredential(TOKEN), "Authorization", prefix="Bearer"),
            policies.CustomHookPolicy(),
            policies.NetworkTraceLoggingPolicy(),
            policies.DistributedTracingPolicy(),
            policies.SensitiveHeaderCleanupPolicy(),
            policies.HttpLoggingPolicy(),
        ],
    )

    async def pause() -> Change:
        answer = await client.send_request(HttpRequest("POST", base + path_of_pause(), headers={"If-Match": TAG}))
        return change(answer.status_code, answer.headers)

    async def job(groups: int) -> list[Group]:
        answer = await client.send_request(HttpRequest("GET", f"{base}{JOBS}/{groups}"))
        answer.raise_for_status()
        return groups_of(answer.json())

    return Way(pause, job, client.close)
