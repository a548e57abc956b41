// The fixture server of the conformance suite, on the official SDK: Streamable HTTP for both eras
// on one URL. Usage: node server.mjs PORT (0 picks one). Prints `listening on 127.0.0.1:PORT`.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import {
    localhostHostValidation,
    localhostOriginValidation,
    NodeStreamableHTTPServerTransport,
    toNodeHandler,
    toWebRequest
} from '@modelcontextprotocol/node';
import { createMcpHandler, isInitializeRequest, isLegacyRequest } from '@modelcontextprotocol/server';

import { buildServer } from './fixtures.mjs';
import { EventLog } from './event-log.mjs';

const hostAllowed = localhostHostValidation();
const originAllowed = localhostOriginValidation();

// The modern era: a server a request, nothing kept between them but the bus of change events.
const modern = createMcpHandler(() => buildServer({ notify: () => modern.notify }), { legacy: 'reject' });
const serveModern = toNodeHandler(modern);

// The legacy era: a transport a session, found again by its id.
const sessions = new Map();

async function serveLegacy(req, res, body) {
    const known = sessions.get(req.headers['mcp-session-id']);
    if (known) return known.handleRequest(req, res, body);
    if (req.headers['mcp-session-id'] || !isInitializeRequest(body)) {
        const status = req.headers['mcp-session-id'] ? 404 : 400;
        const message = status === 404 ? 'Session not found' : 'Mcp-Session-Id header is required';
        res.writeHead(status, { 'content-type': 'application/json' });
        res.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message }, id: body?.id ?? null }));
        return;
    }
    const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        eventStore: new EventLog(),
        retryInterval: 200,
        onsessioninitialized: id => sessions.set(id, transport),
        onsessionclosed: id => sessions.delete(id)
    });
    const server = buildServer({});
    await server.connect(transport);
    await transport.handleRequest(req, res, body);
}

async function readBody(req) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    if (chunks.length === 0) return undefined;
    try {
        return JSON.parse(Buffer.concat(chunks).toString('utf8'));
    } catch {
        return undefined;
    }
}

const http = createServer(async (req, res) => {
    try {
        if (!hostAllowed(req, res) || !originAllowed(req, res)) return;
        if (new URL(req.url, 'http://localhost').pathname !== '/mcp') {
            res.writeHead(404).end();
            return;
        }
        const body = req.method === 'POST' ? await readBody(req) : undefined;
        if (await isLegacyRequest(await toWebRequest(req, body))) await serveLegacy(req, res, body);
        else await serveModern(req, res, body);
    } catch (error) {
        console.error(error);
        if (!res.headersSent) res.writeHead(500);
        res.end();
    }
});

http.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
    console.log(`listening on 127.0.0.1:${http.address().port}`);
});
