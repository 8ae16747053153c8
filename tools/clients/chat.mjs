// Has a conversation with the official OpenAI library, each turn whole and as
// a stream, and prints what came back as JSON.
// Usage: node chat.mjs '{"baseURL":"…/v1","apiKey":"…","turns":["…"]}'
import OpenAI from 'openai';

const { baseURL, apiKey, turns } = JSON.parse(process.argv[2]);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

const models = [];
for await (const model of client.models.list()) models.push(model.id);

const messages = [{ role: 'system', content: 'Answer every question with OK.' }];
const replies = [];
for (const text of turns) {
  messages.push({ role: 'user', content: [{ type: 'text', text }] });
  const whole = await client.chat.completions.create({ model: models[0], messages });
  const stream = await client.chat.completions.create({
    model: models[0], messages, stream: true, stream_options: { include_usage: true },
  });
  let streamed = '';
  let pieces = 0;
  let usage = null;
  for await (const chunk of stream) {
    streamed += chunk.choices[0]?.delta?.content ?? '';
    pieces += 1;
    usage = chunk.usage ?? usage;
  }
  const { content } = whole.choices[0].message;
  const gathered = await client.chat.completions.stream({ model: models[0], messages }).finalContent();
  messages.push({ role: 'assistant', content });
  replies.push({
    content, streamed, gathered, pieces, matter: whole.govqa.matters[0]?.code ?? '',
    usage: whole.usage.total_tokens, streamedUsage: usage?.total_tokens ?? 0,
  });
}

let missing = '';
try {
  await client.chat.completions.create({ model: 'no-such-model', messages });
} catch (err) {
  if (!(err instanceof OpenAI.NotFoundError)) throw err;
  missing = err.code;
}
console.log(JSON.stringify({ models, replies, missing }));
