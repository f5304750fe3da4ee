// npm ai with @ai-sdk/openai-compatible: text, streams, tools that it runs itself, objects, embeddings.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, generateObject, generateText, streamText, tool } from 'ai';
import { z } from 'zod';

const server = createOpenAICompatible({ name: 'lmf', baseURL: process.env.LMF_ADDRESS, apiKey: 'key', includeUsage: true, supportsStructuredOutputs: true });
const caller = createOpenAICompatible({ name: 'lmf', baseURL: process.env.LMF_CALLER });
const prompt = 'Hello';

const whole = await generateText({ model: server('m'), prompt, maxOutputTokens: 8, temperature: 0 });
assert.equal(whole.finishReason, 'length');
assert.equal(whole.usage.outputTokens, 8);
const stream = streamText({ model: server('m'), prompt, maxOutputTokens: 8, temperature: 0 });
let said = '';
for await (const piece of stream.textStream) said += piece;
assert.equal(said, whole.text);
assert.equal((await stream.usage).outputTokens, 8);

const { object } = await generateObject({ model: server('m'), prompt, maxOutputTokens: 200, schema: z.object({ name: z.enum(['Oslo', 'Lima']), large: z.boolean() }) });
assert.ok(['Oslo', 'Lima'].includes(object.name));

const tools = { get_weather: tool({ description: 'Weather of a city.', inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `cold in ${city}` }) };
const called = await generateText({ model: caller('m'), prompt, tools });
assert.deepEqual(called.toolCalls.map((call) => [call.toolName, call.input]), [['get_weather', { city: 'Oslo' }]]);
assert.equal(called.toolResults[0].output, 'cold in Oslo');
const parts = [];
for await (const part of streamText({ model: caller('m'), prompt, tools }).fullStream) parts.push(part);
assert.ok(parts.filter((part) => part.type === 'tool-input-delta').length >= 3);
assert.deepEqual(parts.find((part) => part.type === 'tool-call').input, { city: 'Oslo' });
const forced = await generateText({ model: server('m'), prompt, tools, toolChoice: 'required', maxOutputTokens: 300 });
assert.equal(forced.toolCalls[0].toolName, 'get_weather');

const { embeddings } = await embedMany({ model: server.textEmbeddingModel('m'), values: ['Hello', 'Oslo'] });
assert.equal(embeddings.length, 2);
const version = JSON.parse(readFileSync(new URL('node_modules/ai/package.json', import.meta.url))).version;
console.log(`ai ${version}: content`);
