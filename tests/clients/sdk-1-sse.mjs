// A client of revision 2024-11-05: HTTP+SSE, at `<server>/sse`.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';

import { chosen, everything, finish, test, url } from './check.mjs';

for (const server of ['web', 'everything'].filter(chosen)) {
    const name = `sse ${server}`;
    await test(`${name} connects and runs a session`, async () => {
        const client = new Client({ name: 'penstock-sse', version: '1.0.0' });
        await client.connect(new SSEClientTransport(url(`${server}/sse`)));
        await everything(name, client, {
            call: (params, options) => client.callTool(params, CallToolResultSchema, options),
            listTools: () => client.listTools()
        });
        await client.close();
    });
}

finish();
