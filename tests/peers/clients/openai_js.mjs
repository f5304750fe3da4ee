// npm openai: chat, streams, tools, a parsed answer, embeddings.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { VERSION } from 'openai/version';
import { z } from 'zod';

const client = new OpenAI({ baseURL: process.env.LMF_ADDRESS, apiKey: 'key' });
const caller = new OpenAI({ baseURL: process.env.LMF_CALLER, apiKey: 'none' });
const messages = [{ role: 'user', content: 'Hello' }];
const weather = { type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } };

const whole = await client.chat.completions.create({ model: 'm', messages, max_completion_tokens: 8, temperature: 0 });
assert.equal(whole.choices[0].finish_reason, 'length');
const stream = await client.chat.completions.create({ model: 'm', messages, max_tokens: 8, temperature: 0, stream: true, stream_options: { include_usage: true } });
let said = '', usage;
for await (const chunk of stream) {
  said += chunk.choices[0]?.delta?.content ?? '';
  usage = chunk.usage ?? usage;
}
assert.equal(said, whole.choices[0].message.content);
assert.equal(usage.completion_tokens, 8);

const town = await client.chat.completions.parse({ model: 'm', messages, max_tokens: 200, response_format: zodResponseFormat(z.object({ name: z.enum(['Oslo', 'Lima']), large: z.boolean() }), 'town') });
assert.ok(['Oslo', 'Lima'].includes(town.choices[0].message.parsed.name));

let seen;
const runner = caller.chat.completions.stream({ model: 'm', messages, tools: [weather] });
runner.on('tool_calls.function.arguments.done', (event) => { seen = event; });
const called = (await runner.finalChatCompletion()).choices[0];
assert.equal(called.finish_reason, 'tool_calls');
assert.deepEqual(JSON.parse(called.message.tool_calls[0].function.arguments), { city: 'Oslo' });
assert.equal(seen.name, 'get_weather');

const vectors = await client.embeddings.create({ model: 'm', input: ['Hello', 'Oslo'] });
assert.equal(vectors.data.length, 2);
assert.ok(Math.abs(vectors.data[0].embedding.reduce((sum, value) => sum + value * value, 0) - 1) < 1e-4);
assert.equal((await client.models.list()).data[0].id, 'noise');
await assert.rejects(client.models.retrieve('another'), OpenAI.NotFoundError);
await assert.rejects(client.chat.completions.create({ model: 'm', messages: [] }), OpenAI.BadRequestError);
console.log(`openai ${VERSION} (npm): content`);
