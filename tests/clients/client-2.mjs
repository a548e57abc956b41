// The client of the TypeScript SDK's 2.x line, in both eras.

import assert from 'node:assert/strict';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { chosen, everything, finish, test, textOf, url } from './check.mjs';

async function connect(server, mode, handlers = {}) {
    const capabilities = handlers.elicit ? { elicitation: { form: {} } } : {};
    const client = new Client(
        { name: 'penstock-client-2', version: '1.0.0' },
        { capabilities, versionNegotiation: { mode } }
    );
    if (handlers.elicit) client.setRequestHandler('elicitation/create', handlers.elicit);
    const transport = new StreamableHTTPClientTransport(url(server));
    await client.connect(transport);
    return { client, transport };
}

for (const server of ['web', 'everything', 'old'].filter(chosen)) {
    const name = `client-2 ${server}`;
    await test(`${name} finds a legacy server and runs a session`, async () => {
        const { client, transport } = await connect(server, 'auto');
        assert.equal(client.getNegotiatedProtocolVersion(), '2025-11-25');
        assert.ok(transport.sessionId, 'no session id');
        await everything(name, client, {
            call: (params, options) => client.callTool(params, options),
            listTools: () => client.listTools()
        });
        await transport.terminateSession();
        await client.close();
    });
}

if (chosen('time')) {
    await test('client-2 time converts over a bridged Python server', async () => {
        const { client } = await connect('time', 'auto');
        const result = await client.callTool({
            name: 'convert_time',
            arguments: { source_timezone: 'UTC', time: '12:00', target_timezone: 'Asia/Tokyo' }
        });
        assert.match(textOf(result), /21:00/);
        await client.close();
    });
}

if (chosen('fixture')) {
    const modern = { pin: '2026-07-28' };
    await test('client-2 fixture discovers the modern era by itself', async () => {
        const { client, transport } = await connect('fixture', 'auto');
        assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28');
        assert.equal(transport.sessionId, undefined);
        await client.close();
    });
    await test('client-2 fixture lists, calls and reads without a session', async () => {
        const { client } = await connect('fixture', modern);
        assert.ok((await client.listTools()).tools.length > 10, 'few tools');
        const result = await client.callTool({ name: 'test_simple_text', arguments: {} });
        assert.match(textOf(result), /simple text response/);
        const { contents } = await client.readResource({ uri: 'test://template/123/data' });
        assert.equal(JSON.parse(contents[0].text).id, '123');
        await client.close();
    });
    await test('client-2 fixture streams progress in the modern era', async () => {
        const { client } = await connect('fixture', modern);
        const seen = [];
        await client.callTool(
            { name: 'test_tool_with_progress', arguments: {} },
            { onprogress: ({ progress }) => seen.push(progress) }
        );
        assert.deepEqual(seen, [0, 50, 100]);
        await client.close();
    });
    await test('client-2 fixture answers what a call requires, round after round', async () => {
        const asked = [];
        const { client } = await connect('fixture', modern, {
            elicit: async ({ params }) => {
                asked.push(params.message);
                const [key] = Object.keys(params.requestedSchema.properties);
                return { action: 'accept', content: { [key]: key === 'color' ? 'green' : 'Ada' } };
            }
        });
        const result = await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} });
        assert.equal(textOf(result), 'Ada likes green.');
        assert.equal(asked.length, 2);
        await client.close();
    });
    await test('client-2 fixture sends an argument as a header too', async () => {
        const { client } = await connect('fixture', modern);
        await client.listTools();
        for (const region of ['eu-west', 'zürich', ' padded ']) {
            const result = await client.callTool({ name: 'test_x_mcp_header', arguments: { region } });
            assert.equal(textOf(result), `Region: ${region}`);
        }
        await client.close();
    });
    await test('client-2 fixture hears of a change on a listening stream', async () => {
        const { client } = await connect('fixture', modern);
        const heard = new Promise(resolve => {
            client.setNotificationHandler('notifications/tools/list_changed', resolve);
        });
        const subscription = await client.listen({ toolsListChanged: true });
        await client.callTool({ name: 'test_trigger_tool_change', arguments: {} });
        await heard;
        await subscription.close();
        await client.close();
    });
}

finish();
