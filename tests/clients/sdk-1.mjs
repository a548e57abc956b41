// The client of the TypeScript SDK's 1.x line: sessions, and the resumption of a broken stream.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { chosen, everything, finish, test, textOf, url } from './check.mjs';

const info = { name: 'penstock-sdk-1', version: '1.0.0' };
const call = client => (params, options) => client.callTool(params, CallToolResultSchema, options);

for (const server of ['web', 'everything'].filter(chosen)) {
    const name = `sdk-1 ${server}`;
    await test(`${name} initialises and runs a session`, async () => {
        const client = new Client(info);
        const transport = new StreamableHTTPClientTransport(url(server));
        await client.connect(transport);
        assert.ok(transport.sessionId, 'no session id');
        await everything(name, client, { call: call(client), listTools: () => client.listTools() });
        await transport.terminateSession();
        await client.close();
    });
    await test(`${name} answers what the server asks in the middle of a call`, async () => {
        const client = new Client(info, { capabilities: { elicitation: {} } });
        let asked = 0;
        client.setRequestHandler(ElicitRequestSchema, async () => {
            asked += 1;
            return { action: 'decline' };
        });
        await client.connect(new StreamableHTTPClientTransport(url(server)));
        // The server registers the tool when it has seen the client's capabilities.
        await client.listTools();
        const result = await call(client)({ name: 'trigger-elicitation-request', arguments: {} });
        assert.match(textOf(result), /declin/i);
        assert.equal(asked, 1);
        await client.close();
    });
    await test(`${name} keeps two sessions apart, and an ended one stays ended`, async () => {
        const [first, second] = [new Client(info), new Client(info)];
        const transports = [url(server), url(server)].map(at => new StreamableHTTPClientTransport(at));
        await first.connect(transports[0]);
        await second.connect(transports[1]);
        const { sessionId } = transports[0];
        assert.notEqual(sessionId, transports[1].sessionId);
        await transports[0].terminateSession();
        await first.close();
        const result = await call(second)({ name: 'echo', arguments: { message: 'still here' } });
        assert.equal(textOf(result), 'Echo: still here');
        await second.close();
        const answer = await fetch(url(server), {
            method: 'POST',
            headers: {
                'content-type': 'application/json',
                accept: 'application/json, text/event-stream',
                'mcp-session-id': sessionId,
                'mcp-protocol-version': '2025-11-25'
            },
            body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
        });
        assert.ok([400, 404].includes(answer.status), `an ended session was answered ${answer.status}`);
    });
}

// The first server replays what was sent before the client came back; the second, our fixture, goes
// on sending on the resumed stream. Either must have seen the first connection's end before the
// second's beginning, or the SDK forgets the resumed stream with the broken one.
const resumable = [
    {
        server: 'web',
        away_ms: 1_200,
        operation: { name: 'trigger-long-running-operation', arguments: { duration: 0.8, steps: 4 } }
    },
    { server: 'fixture', away_ms: 500, operation: { name: 'slow', arguments: { ms: 2_000, steps: 4 } } }
];
for (const { server, away_ms, operation } of resumable.filter(({ server }) => chosen(server))) {
    await test(`sdk-1 ${server} resumes a call whose connection broke`, async () => {
        const before = new Client(info);
        const broken = new StreamableHTTPClientTransport(url(server));
        await before.connect(broken);
        const token = await new Promise(resolve => {
            const options = { onprogress: () => {}, onresumptiontoken: resolve };
            // Nobody waits for this call: its connection is about to break.
            call(before)(operation, options).catch(() => {});
        });
        // Closing the client ends its connections but not the session: nothing was deleted.
        const { sessionId } = broken;
        await before.close();
        await sleep(away_ms);
        const after = new Client(info);
        await after.connect(new StreamableHTTPClientTransport(url(server), { sessionId }));
        const result = await call(after)(operation, { resumptionToken: token, onprogress: () => {} });
        assert.match(textOf(result), /completed/);
        await after.close();
    });
}

if (chosen('time')) {
    await test('sdk-1 time asks a bridged Python server', async () => {
        const client = new Client(info);
        await client.connect(new StreamableHTTPClientTransport(url('time')));
        const { tools } = await client.listTools();
        assert.deepEqual(tools.map(tool => tool.name).sort(), ['convert_time', 'get_current_time']);
        const result = await call(client)({ name: 'get_current_time', arguments: { timezone: 'UTC' } });
        assert.match(textOf(result), /UTC/);
        await client.close();
    });
}

finish();
