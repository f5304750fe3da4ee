// What llama.cpp answers, greedily: llama.mjs FILE.gguf TOKENS TEXT... prints [{prompt: ids, answer: ids, text}] for each text.
// node-llama-cpp is looked for in the folder `node` of LMF_PEERS.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const require = createRequire(process.env.LMF_PEERS + "/node/");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(require.resolve("node-llama-cpp")));
const [file, count, ...texts] = process.argv.slice(2);
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: file});
const answers = [];
for (const text of texts) {
  const context = await model.createContext({contextSize: 512, flashAttention: false});
  const prompt = model.tokenize(text, true);
  const answer = [];
  for await (const token of context.getSequence().evaluate(prompt, {temperature: 0})) {
    answer.push(token);
    if (answer.length >= Number(count)) break;
  }
  answers.push({prompt: Array.from(prompt), answer, text: model.detokenize(answer)});
  await context.dispose();
}
console.log(JSON.stringify(answers));
process.exit(0);
