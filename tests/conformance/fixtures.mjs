// What the conformance suite calls by name: tools, resources, prompts. Their texts and shapes are
// the suite's; where a fixture means nothing to the era of the request, the SDK refuses it itself.

import { setTimeout as sleep } from 'node:timers/promises';

import {
    completable,
    fromJsonSchema,
    McpServer,
    ResourceTemplate
} from '@modelcontextprotocol/server';
import * as z from 'zod';

import { registerInputRequired, requestState } from './input-required.mjs';

// One red pixel, and a second's hundredth of silence.
const PNG =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA==';

/** A schema whose keywords a server, and so a gateway, may not lose: the suite compares it whole. */
const KEYWORDS = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    $defs: {
        address: {
            $anchor: 'addressDef',
            type: 'object',
            properties: { street: { type: 'string' }, city: { type: 'string' } }
        }
    },
    properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' }
    },
    allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
    if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
    then: { required: ['phone'] },
    else: { required: ['email'] },
    additionalProperties: false
};

const text = value => ({ type: 'text', text: value });
const image = { type: 'image', data: PNG, mimeType: 'image/png' };
const answer = (...content) => ({ content });
const clientCapabilities = ctx =>
    ctx.mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ??
    ctx.mcpReq._meta?.['io.modelcontextprotocol/clientCapabilities'] ??
    {};

/** A server with every fixture. `notify` reaches the modern era's bus of change events. */
export function buildServer({ notify }) {
    const hint = { ttlMs: 60_000, cacheScope: 'public' };
    const server = new McpServer(
        { name: 'penstock-conformance-fixture', version: '1.0.0' },
        {
            capabilities: {
                tools: { listChanged: true },
                resources: { subscribe: true, listChanged: true },
                prompts: { listChanged: true },
                logging: {},
                completions: {}
            },
            cacheHints: {
                'server/discover': hint,
                'tools/list': hint,
                'prompts/list': hint,
                'resources/list': hint,
                'resources/templates/list': hint,
                'resources/read': { ttlMs: 1_000, cacheScope: 'private' }
            },
            requestState
        }
    );
    registerContent(server);
    registerConversation(server);
    registerChanges(server, notify);
    registerResources(server);
    registerPrompts(server);
    registerInputRequired(server, clientCapabilities);
    return server;
}

/** Tools whose answer is the point. */
function registerContent(server) {
    const plain = (name, description, content) =>
        server.registerTool(name, { description }, async () => answer(...content));
    plain('test_simple_text', 'Answers with text.', [text('This is a simple text response for testing.')]);
    plain('test_image_content', 'Answers with an image.', [image]);
    plain('test_audio_content', 'Answers with audio.', [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }]);
    plain('test_embedded_resource', 'Answers with an embedded resource.', [
        {
            type: 'resource',
            resource: {
                uri: 'test://embedded-resource',
                mimeType: 'text/plain',
                text: 'This is an embedded resource content.'
            }
        }
    ]);
    plain('test_multiple_content_types', 'Answers with text, an image and a resource.', [
        text('Multiple content types test:'),
        image,
        {
            type: 'resource',
            resource: {
                uri: 'test://mixed-content-resource',
                mimeType: 'application/json',
                text: JSON.stringify({ test: 'data', value: 123 })
            }
        }
    ]);
    server.registerTool('test_error_handling', { description: 'Always fails.' }, async () => {
        throw new Error('This tool intentionally returns an error for testing');
    });
}

/** Tools that say something, or ask something, before they answer. */
function registerConversation(server) {
    server.registerTool('test_tool_with_logging', { description: 'Logs three messages.' }, async ctx => {
        await ctx.mcpReq.log('info', 'Tool execution started');
        await sleep(50);
        await ctx.mcpReq.log('info', 'Tool processing data');
        await sleep(50);
        await ctx.mcpReq.log('info', 'Tool execution completed');
        return answer(text('Logged three messages.'));
    });
    server.registerTool('test_logging_tool', { description: 'Logs one message.' }, async ctx => {
        await ctx.mcpReq.log('info', 'A message for those who asked for one');
        return answer(text('Logged.'));
    });
    server.registerTool('test_tool_with_progress', { description: 'Reports progress.' }, async ctx => {
        const progressToken = ctx.mcpReq._meta?.progressToken;
        for (const progress of [0, 50, 100]) {
            if (progress > 0) await sleep(50);
            if (progressToken === undefined) continue;
            await ctx.mcpReq.notify({
                method: 'notifications/progress',
                params: { progressToken, progress, total: 100 }
            });
        }
        return answer(text('Progressed to 100 of 100.'));
    });
    server.registerTool(
        'slow',
        {
            description: 'Takes its time, step by step: for the client suites.',
            inputSchema: z.object({ ms: z.number(), steps: z.number() })
        },
        async ({ ms, steps }, ctx) => {
            const progressToken = ctx.mcpReq._meta?.progressToken;
            for (let step = 1; step <= steps; step += 1) {
                await sleep(ms / steps, undefined, { signal: ctx.mcpReq.signal });
                if (progressToken === undefined) continue;
                await ctx.mcpReq.notify({
                    method: 'notifications/progress',
                    params: { progressToken, progress: step, total: steps }
                });
            }
            return answer(text(`completed in ${steps} steps`));
        }
    );
    server.registerTool(
        'test_sampling',
        { description: 'Asks the client for a completion.', inputSchema: z.object({ prompt: z.string() }) },
        async ({ prompt }, ctx) => {
            const result = await ctx.mcpReq.requestSampling({
                messages: [{ role: 'user', content: text(prompt) }],
                maxTokens: 100
            });
            return answer(text(`LLM response: ${result.content.text}`));
        }
    );
    const ask = async (ctx, message, requestedSchema, lead) => {
        const { action, content } = await ctx.mcpReq.elicitInput({ message, requestedSchema });
        return answer(text(`${lead}: action=${action}, content=${JSON.stringify(content ?? {})}`));
    };
    server.registerTool(
        'test_elicitation',
        { description: 'Asks the user.', inputSchema: z.object({ message: z.string() }) },
        ({ message }, ctx) =>
            ask(
                ctx,
                message,
                {
                    type: 'object',
                    properties: {
                        username: { type: 'string', description: "User's response" },
                        email: { type: 'string', description: "User's email address" }
                    },
                    required: ['username', 'email']
                },
                'User response'
            )
    );
    server.registerTool('test_elicitation_sep1034_defaults', { description: 'Asks with defaults.' }, ctx =>
        ask(
            ctx,
            'Please review the defaults',
            {
                type: 'object',
                properties: {
                    name: { type: 'string', default: 'John Doe' },
                    age: { type: 'integer', default: 30 },
                    score: { type: 'number', default: 95.5 },
                    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
                    verified: { type: 'boolean', default: true }
                }
            },
            'Elicitation completed'
        )
    );
    const titled = (prefix, suffix) =>
        ['First', 'Second', 'Third'].map((title, i) => ({ const: `${prefix}${i + 1}`, title: `${title} ${suffix}` }));
    const options = ['option1', 'option2', 'option3'];
    server.registerTool('test_elicitation_sep1330_enums', { description: 'Asks with every enum form.' }, ctx =>
        ask(
            ctx,
            'Please choose',
            {
                type: 'object',
                properties: {
                    untitledSingle: { type: 'string', enum: options },
                    titledSingle: { type: 'string', oneOf: titled('value', 'Option') },
                    legacyEnum: {
                        type: 'string',
                        enum: ['opt1', 'opt2', 'opt3'],
                        enumNames: ['Option One', 'Option Two', 'Option Three']
                    },
                    untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
                    titledMulti: { type: 'array', items: { anyOf: titled('value', 'Choice') } }
                }
            },
            'Elicitation completed'
        )
    );
    server.registerTool(
        'test_x_mcp_header',
        {
            description: 'Takes an argument that also travels as a header.',
            inputSchema: fromJsonSchema({
                type: 'object',
                properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
                required: ['region']
            })
        },
        async ({ region }) => answer(text(`Region: ${region}`))
    );
    server.registerTool(
        'json_schema_2020_12_tool',
        { description: 'Has a schema with every kind of keyword.', inputSchema: fromJsonSchema(KEYWORDS) },
        async ({ name }) => answer(text(`Name: ${name}`))
    );
}

/** Tools that change the lists, and tell whoever listens. */
function registerChanges(server, notify) {
    server.registerTool('test_trigger_tool_change', { description: 'Announces new tools.' }, async () => {
        if (notify) notify().toolsChanged();
        else server.sendToolListChanged();
        return answer(text('Announced.'));
    });
    server.registerTool('test_trigger_prompt_change', { description: 'Announces new prompts.' }, async () => {
        if (notify) notify().promptsChanged();
        else server.sendPromptListChanged();
        return answer(text('Announced.'));
    });
}

function registerResources(server) {
    const json = { mimeType: 'application/json' };
    const plain = { mimeType: 'text/plain' };
    server.registerResource(
        'static-text',
        'test://static-text',
        { description: 'A text that never changes.', ...plain },
        async uri => ({
            contents: [{ uri: uri.href, ...plain, text: 'This is the content of the static text resource.' }]
        })
    );
    server.registerResource(
        'static-binary',
        'test://static-binary',
        { description: 'An image that never changes.', mimeType: 'image/png' },
        async uri => ({ contents: [{ uri: uri.href, mimeType: 'image/png', blob: PNG }] })
    );
    server.registerResource(
        'watched',
        'test://watched-resource',
        { description: 'A text that clients subscribe to.', ...plain },
        async uri => ({ contents: [{ uri: uri.href, ...plain, text: 'Watched.' }] })
    );
    server.registerResource(
        'template',
        new ResourceTemplate('test://template/{id}/data', { list: undefined }),
        { description: 'A record by its id.', ...json },
        async (uri, { id }) => ({
            contents: [
                { uri: uri.href, ...json, text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }
            ]
        })
    );
    const subscribed = new Set();
    server.server.setRequestHandler('resources/subscribe', async ({ params }) => {
        subscribed.add(params.uri);
        return {};
    });
    server.server.setRequestHandler('resources/unsubscribe', async ({ params }) => {
        subscribed.delete(params.uri);
        return {};
    });
}

function registerPrompts(server) {
    const user = content => ({ role: 'user', content });
    server.registerPrompt('test_simple_prompt', { description: 'No arguments.' }, async () => ({
        messages: [user(text('This is a simple prompt for testing.'))]
    }));
    const startingWith = (...words) => prefix => words.filter(word => word.startsWith(prefix));
    server.registerPrompt(
        'test_prompt_with_arguments',
        {
            description: 'Two arguments.',
            argsSchema: z.object({
                arg1: completable(z.string(), startingWith('paris', 'park', 'party')),
                arg2: completable(z.string(), startingWith('hello', 'world'))
            })
        },
        async ({ arg1, arg2 }) => ({
            messages: [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))]
        })
    );
    server.registerPrompt(
        'test_prompt_with_embedded_resource',
        { description: 'Embeds a resource.', argsSchema: z.object({ resourceUri: z.string() }) },
        async ({ resourceUri }) => ({
            messages: [
                user({
                    type: 'resource',
                    resource: {
                        uri: resourceUri,
                        mimeType: 'text/plain',
                        text: 'Embedded resource content for testing.'
                    }
                }),
                user(text('Please process the embedded resource above.'))
            ]
        })
    );
    server.registerPrompt('test_prompt_with_image', { description: 'Embeds an image.' }, async () => ({
        messages: [user(image), user(text('Please analyze the image above.'))]
    }));
}
