"""The client of the Python SDK's first major version, which takes many an HTTP status for its session's end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from suite import BASE, guarded, run


async def blocked_at(server: str) -> None:
    @asynccontextmanager
    async def connect(sampled=None) -> AsyncIterator[ClientSession]:
        async with (
            streamable_http_client(f"{BASE}/{server}") as (read, write, _),
            ClientSession(read, write, sampling_callback=sampled) as session,
        ):
            await session.initialize()
            yield session

    await guarded(f"python-1 {server}", connect, McpError)


run({
    "guarded": lambda: blocked_at("guarded"),
    "guarded-program": lambda: blocked_at("guarded-program"),
})
