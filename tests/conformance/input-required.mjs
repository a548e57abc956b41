// The fixtures of multi-round calls: an answer `input_required` asks the client for something, and
// the client calls again with `inputResponses` and the untouched `requestState`.

import { randomBytes } from 'node:crypto';

import { acceptedContent, createRequestStateCodec, inputRequired } from '@modelcontextprotocol/server';

const codec = createRequestStateCodec({ key: randomBytes(32), ttlSeconds: 300 });

/** For the server's options: a state that was touched on its way is refused before any handler. */
export const requestState = { verify: codec.verify };

const answer = value => ({ content: [{ type: 'text', text: value }] });
const field = (message, name, type = 'string') =>
    inputRequired.elicit({
        message,
        requestedSchema: { type: 'object', properties: { [name]: { type } }, required: [name] }
    });
const sample = (prompt, maxTokens) =>
    inputRequired.createMessage({
        messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
        maxTokens
    });

/** Registers every `test_input_required_result_*` and the streaming elicitation. */
export function registerInputRequired(server, clientCapabilities) {
    const tool = (name, description, run) =>
        server.registerTool(name, { description }, ctx => run(ctx, ctx.mcpReq.inputResponses));

    const askName = async (_ctx, responses) => {
        const name = acceptedContent(responses, 'user_name')?.name;
        if (typeof name === 'string') return answer(`Hello, ${name}!`);
        return inputRequired({ inputRequests: { user_name: field('What is your name?', 'name') } });
    };
    tool('test_input_required_result_elicitation', 'Asks the user for a name.', askName);
    tool('test_streaming_elicitation', 'Asks the user for a name.', askName);

    const askModel = async (_ctx, responses) => {
        const content = responses?.capital_question?.content;
        if (content) return answer(`The model said: ${content.text}`);
        return inputRequired({
            inputRequests: { capital_question: sample('What is the capital of France?', 100) }
        });
    };
    tool('test_input_required_result_sampling', 'Asks the model a question.', askModel);
    // The suite calls this one as a client that cannot sample: the SDK must refuse to ask it.
    tool('test_missing_capability', 'Asks the model a question.', askModel);

    tool('test_input_required_result_list_roots', 'Asks for the roots.', async (_ctx, responses) => {
        const roots = responses?.client_roots?.roots;
        if (roots) return answer(`Roots: ${roots.map(root => root.uri).join(', ')}`);
        return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
    });

    const confirm = async (ctx, responses) => {
        const state = ctx.mcpReq.requestState();
        if (state?.asked === 'confirm' && responses?.confirm) return answer('state-ok');
        return inputRequired({
            inputRequests: { confirm: field('Please confirm', 'ok', 'boolean') },
            requestState: await codec.mint({ asked: 'confirm' })
        });
    };
    tool('test_input_required_result_request_state', 'Asks, and remembers in the state.', confirm);
    tool('test_input_required_result_tampered_state', 'Refuses a state that was touched.', confirm);

    tool('test_input_required_result_multiple_inputs', 'Asks three things at once.', async (ctx, responses) => {
        const complete = ['user_name', 'greeting', 'client_roots'].every(key => responses?.[key]);
        if (complete && ctx.mcpReq.requestState()?.asked === 'three') return answer('All three answered.');
        return inputRequired({
            inputRequests: {
                user_name: field('What is your name?', 'name'),
                greeting: sample('Generate a greeting', 50),
                client_roots: inputRequired.listRoots()
            },
            requestState: await codec.mint({ asked: 'three' })
        });
    });

    tool('test_input_required_result_multi_round', 'Asks twice.', async (ctx, responses) => {
        const state = ctx.mcpReq.requestState();
        const name = acceptedContent(responses, 'step1')?.name;
        const color = acceptedContent(responses, 'step2')?.color;
        if (state?.round === 2 && color) return answer(`${state.name} likes ${color}.`);
        if (state?.round === 1 && name) {
            return inputRequired({
                inputRequests: { step2: field('Step 2: What is your favorite color?', 'color') },
                requestState: await codec.mint({ round: 2, name })
            });
        }
        return inputRequired({
            inputRequests: { step1: field('Step 1: What is your name?', 'name') },
            requestState: await codec.mint({ round: 1 })
        });
    });

    tool('test_input_required_result_capabilities', 'Asks only what the client can do.', async (ctx, responses) => {
        if (responses && Object.keys(responses).length > 0) return answer('Answered.');
        const able = clientCapabilities(ctx);
        const inputRequests = {};
        if (able.elicitation) inputRequests.user_name = field('What is your name?', 'name');
        if (able.sampling) inputRequests.greeting = sample('Generate a greeting', 50);
        if (able.roots) inputRequests.client_roots = inputRequired.listRoots();
        if (Object.keys(inputRequests).length === 0) return answer('The client can be asked nothing.');
        return inputRequired({ inputRequests });
    });

    server.registerPrompt(
        'test_input_required_result_prompt',
        { description: 'Asks for a context first.' },
        async ctx => {
            const context = acceptedContent(ctx.mcpReq.inputResponses, 'user_context')?.context;
            if (typeof context === 'string') {
                return { messages: [{ role: 'user', content: { type: 'text', text: `Context: ${context}` } }] };
            }
            return inputRequired({
                inputRequests: { user_context: field('What context should the prompt use?', 'context') }
            });
        }
    );
}
