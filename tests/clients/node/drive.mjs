// The `openai` package as its users hold it. One capability a name; prints what came back as one line of JSON.
import OpenAI from "openai";

const [capability] = process.argv.slice(2);
const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 0 });
const model = process.env.MODEL ?? "echo";
const messages = [{ role: "user", content: "Hello" }];
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const twoCalls = [{ role: "user", content: 'call tool get_weather {"city":"Oslo"} call tool get_weather {"city":"Rome"}' }];

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const capabilities = {
  plain: async () => (await client.chat.completions.create({ model, messages, n: 2 })).choices.map((c) => c.message.content),

  stream: async () => {
    const options = { model, messages, stream: true, stream_options: { include_usage: true } };
    const chunks = await collect(await client.chat.completions.create(options));
    return {
      text: chunks.map((c) => c.choices[0]?.delta.content ?? "").join(""),
      finish: chunks.map((c) => c.choices[0]?.finish_reason).find(Boolean),
      total: chunks.at(-1).usage.total_tokens,
    };
  },

  assembled: async () => {
    const stream = client.chat.completions.stream({ model, messages, logprobs: true, top_logprobs: 1 });
    const choice = (await stream.finalChatCompletion()).choices[0];
    return { text: choice.message.content, tokens: choice.logprobs.content.map((t) => t.token).join("") };
  },

  tools: async () => {
    const stream = client.chat.completions.stream({ model, messages: twoCalls, tools: [weather] });
    const calls = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
    return calls.map((call) => [call.function.name, JSON.parse(call.function.arguments).city]);
  },

  run: async () => {
    const asked = [];
    const tool = { ...weather.function, parse: JSON.parse, function: ({ city }) => (asked.push(city), `sunny in ${city}`) };
    const runner = client.chat.completions.runTools({ model, messages: twoCalls, tools: [{ type: "function", function: tool }] });
    return { answer: await runner.finalContent(), asked };
  },

  schema: async () => {
    const schema = { type: "object", properties: { n: { type: "integer", minimum: 3 } }, required: ["n"] };
    const response_format = { type: "json_schema", json_schema: { name: "n", schema, strict: true } };
    return (await client.chat.completions.parse({ model, messages, response_format })).choices[0].message.parsed;
  },

  images: async () => {
    const image = { type: "image_url", image_url: { url: "data:image/gif;base64,R0lGODlhAQABAAAAACw=" } };
    const content = [{ type: "text", text: "What is this?" }, image];
    return (await client.chat.completions.create({ model, messages: [{ role: "user", content }] })).choices[0].message.content;
  },

  models: async () => (await collect(client.models.list())).map((m) => m.id),

  error: async () => {
    try {
      await collect(await client.chat.completions.create({ model, messages, stream: true }));
    } catch (error) {
      return { name: error.constructor.name, status: error.status, code: error.code, message: error.message };
    }
    throw new Error("no error came");
  },

  cancel: async () => {
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    return Number(process.hrtime.bigint()) / 1e9; // the clock that the tests read too
  },
};

console.log(JSON.stringify(await capabilities[capability]()));
