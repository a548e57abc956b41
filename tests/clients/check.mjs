// What the client scripts share: tests by name, each with a limit of time, and a verdict at the end.
//
// Usage of every script: node SCRIPT BASE [SERVER...], where BASE is penstock's URL up to the
// server's name and the names pick servers out of the script's own.

import assert from 'node:assert/strict';

const LIMIT_MS = 15_000;

const [base, ...only] = process.argv.slice(2);
if (!base) {
    console.error('usage: node SCRIPT BASE [SERVER...]');
    process.exit(64);
}

let failed = 0;

/** The URL of a virtual server. */
export const url = server => new URL(`${base}/${server}`);

/** Whether the servers named on the command line, or none, ask for this one. */
export const chosen = server => only.length === 0 || only.includes(server);

/** Runs one test and prints how it went; a failed test does not end the script. */
export async function test(name, run) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not done within ${LIMIT_MS} ms`)), LIMIT_MS);
    });
    try {
        await Promise.race([run(), late]);
        console.log(`ok ${name}`);
    } catch (error) {
        failed += 1;
        console.log(`not ok ${name}: ${String(error?.message ?? error).replaceAll('\n', ' ')}`);
    } finally {
        clearTimeout(timer);
    }
}

/** Ends the script: what a failed test left open does not keep it alive. */
export const finish = () => process.exit(failed === 0 ? 0 : 1);

/** The text of a tool's answer. */
export const textOf = result => result.content.map(part => part.text ?? '').join('');

/** The tests that hold for every client that is connected to `server-everything`. */
export async function everything(name, client, { call, listTools }) {
    await test(`${name} lists tools, prompts, resources and templates`, async () => {
        const names = (await listTools()).tools.map(tool => tool.name);
        assert.ok(names.includes('echo') && names.includes('get-sum'), `tools are ${names}`);
        assert.ok((await client.listPrompts()).prompts.length > 0, 'no prompts');
        assert.ok((await client.listResources()).resources.length > 0, 'no resources');
        assert.ok((await client.listResourceTemplates()).resourceTemplates.length > 0, 'no templates');
    });
    await test(`${name} calls a tool, gets a prompt, reads a resource`, async () => {
        const sum = await call({ name: 'get-sum', arguments: { a: 19, b: 23 } });
        assert.match(textOf(sum), /42/);
        const prompt = await client.getPrompt({ name: 'simple-prompt' });
        assert.ok(prompt.messages.length > 0, 'an empty prompt');
        const [resource] = (await client.listResources()).resources;
        const { contents } = await client.readResource({ uri: resource.uri });
        assert.equal(contents[0].uri, resource.uri);
    });
    await test(`${name} carries text of every kind and size unchanged`, async () => {
        for (const message of ['', '\u0000\u2028 "\\/', 'zürich 🜁 東京', 'x'.repeat(300_000)]) {
            const result = await call({ name: 'echo', arguments: { message } });
            assert.ok(textOf(result) === `Echo: ${message}`, `a text of ${message.length} came back changed`);
        }
    });
    await test(`${name} keeps concurrent calls apart`, async () => {
        const calls = Array.from({ length: 24 }, async (_, i) => {
            const result = await call({ name: 'echo', arguments: { message: `call ${i}` } });
            assert.equal(textOf(result), `Echo: call ${i}`);
        });
        await Promise.all(calls);
    });
    const long = (duration, steps) => ({
        name: 'trigger-long-running-operation',
        arguments: { duration, steps }
    });
    await test(`${name} streams progress before the result`, async () => {
        const seen = [];
        const arrived = [];
        const started = performance.now();
        await call(long(0.6, 3), {
            onprogress: ({ progress }) => {
                seen.push(progress);
                arrived.push(performance.now() - started);
            }
        });
        // The 1.x client drops a progress that it reads together with the result: the last one may.
        assert.deepEqual(seen.slice(0, 2), [1, 2]);
        assert.ok(arrived[0] < 500, `the first progress took ${arrived[0].toFixed(0)} ms: it was held back`);
    });
    await test(`${name} cancels a call and goes on`, async () => {
        const cancel = new AbortController();
        setTimeout(() => cancel.abort('enough'), 200);
        const started = performance.now();
        await assert.rejects(call(long(8, 8), { signal: cancel.signal }));
        assert.ok(performance.now() - started < 2_000, 'the cancel waited for the call');
        assert.equal(textOf(await call({ name: 'echo', arguments: { message: 'after' } })), 'Echo: after');
    });
}
