// What the page's tokenizer, words and alignment give for the cases on standard input, as JSON.

import { common, edited, refinement } from "../../../web/engine/alignment.js";
import { Tokenizer } from "../../../web/engine/tokenizer.js";
import { occurrences, split } from "../../../web/engine/words.js";

const given = JSON.parse(await new Response(process.stdin).text());
const tokenizer = new Tokenizer(given.tokenizer);

const points = (text, i) => [...text.slice(0, i)].length; // Python counts code points

const prompts = given.prompts.map((prompt) => {
  const { ids } = tokenizer.encode(prompt);
  const words = split(prompt);
  return {
    ids,
    words,
    columns: words.map((word) => tokenizer.positions(prompt, word)),
    places: words.map((word) => occurrences(prompt, word).map((span) => span.map((i) => points(prompt, i)))),
  };
});
const pairs = given.pairs.map(([source, target, word]) => ({
  refinement: refinement(tokenizer, source, target),
  common: common(tokenizer, source, target),
  edited: edited(tokenizer, source, target, word),
}));
console.log(JSON.stringify({ prompts, pairs }));
