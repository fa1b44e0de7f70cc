"""A FastAPI service that receives webhook events: each is verified, and handled once.

    python -m pip install fastapi uvicorn
    python examples/webhook_receiver.py

The API delivers an event at least once and repeats what is not acknowledged. The secret of the webhook comes from
CINT_WEBHOOK_SECRET. Without it a sandbox in this process takes the place of the API: a colleague pauses a target group
there, and the event arrives a moment later.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request

from fieldingkit import AsyncClient, events
from fieldingkit.sandbox import Sandbox

PORT = int(os.environ.get("PORT", "8000"))

# In memory, for one process. Many processes share a store of their own: any object with the methods of `EventStore`.
store = events.InMemoryEventStore()


async def on_event(event: events.Event) -> None:
    """Do what your program does with an event. If it raises, the API delivers the event again."""
    match event:
        case events.TargetGroupUpdated():
            for change in event.changes:
                print(f"{event.target_group_id}: {change.object} to {change.new_value}", flush=True)
        case _:
            print(f"{event.type} {event.id}", flush=True)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Take the secret of the environment, or that of a webhook in a sandbox."""
    if "CINT_WEBHOOK_SECRET" in os.environ:
        app.state.secret = os.environ["CINT_WEBHOOK_SECRET"]
        yield
        return
    print("CINT_WEBHOOK_SECRET is not set: a sandbox takes the place of the API.", flush=True)
    async with Sandbox() as sandbox, AsyncClient(auth=sandbox.token, base_url=sandbox.url) as client:
        # Not `webhooks.CreateWebhook`, which wants https as the API does: a sandbox delivers to this machine over http.
        webhook = {"url": f"http://127.0.0.1:{PORT}/cint", "events": ["target-group-updated"]}
        created = await client.request("POST", f"/accounts/{sandbox.account_id}/webhooks", json=webhook)
        app.state.secret = created.json()["secret"]
        sandbox.seed(live=1).groups[0].act("pause", by="a colleague")
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/cint")
async def receive(request: Request) -> dict[str, str]:
    """Verify a delivery with its raw body, handle its event once, and acknowledge it."""
    try:
        event = events.verify(request.headers, await request.body(), app.state.secret)
    except events.InvalidSignatureError as exc:
        raise HTTPException(401, exc.message) from exc
    except events.InvalidEventError as exc:
        raise HTTPException(400, exc.message) from exc
    if await events.handle_once(event, on_event, store) is events.Claim.BUSY:
        raise HTTPException(503, "the event is being handled")
    return events.acknowledgement(event)


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=PORT)
