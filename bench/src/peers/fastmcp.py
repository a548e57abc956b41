"""A proxy of fastmcp in front of one server: `proxy.py PORT URL`.

All calls share one connected client, as its documentation allows. By default each call opens a
client and a session of its own, which costs many times as much.
"""

import asyncio
import sys

from fastmcp import Client
from fastmcp.server import create_proxy


async def main(port: int, url: str) -> None:
    async with Client(url) as client:
        await create_proxy(client).run_async(
            transport="http",
            host="127.0.0.1",
            port=port,
            json_response=True,
            show_banner=False,
            log_level="ERROR",
            uvicorn_config={"access_log": False},
        )


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
