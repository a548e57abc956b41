// mcp-proxy in front of one server over HTTP: `bridge.mjs PORT URL legacy|modern`.
//
// Its command line bridges to a program on stdio; this does what it does, with the client on HTTP.
// What it keeps for clients that resume, and its answers to web pages, are off.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Server } from "@modelcontextprotocol/server";
import { proxyServer, resolveVersionNegotiation, startHTTPServer } from "mcp-proxy";

const [port, url, era] = process.argv.slice(2);
const client = new Client(
  { name: "bridge", version: "1" },
  { capabilities: {}, versionNegotiation: resolveVersionNegotiation(era) },
);
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const serverCapabilities = client.getServerCapabilities();
await startHTTPServer({
  createServer: async () => {
    const server = new Server(client.getServerVersion(), { capabilities: serverCapabilities });
    await proxyServer({ client, server, serverCapabilities });
    return server;
  },
  cors: false,
  eventStore: false,
  host: "127.0.0.1",
  port: Number(port),
  sseEndpoint: null,
  streamEndpoint: "/mcp",
});
