// Which tokens of two prompts correspond: magedit_lab.prompts.alignment.

/** For each target token the source token that it repeats, or -1 where it is new (Needleman-Wunsch; gap 0, match 1). */
export function align(source, target) {
  const score = scores(source, target);
  const origin = Array(target.length).fill(-1);
  let [i, j] = [source.length, target.length];
  while (i && j) {
    if (score[i][j] === score[i][j - 1]) j--;
    else if (score[i][j] === score[i - 1][j]) i--;
    else origin[--j] = --i; // a match: the only way to gain
  }
  return origin;
}

function scores(source, target) {
  const score = Array.from({ length: source.length + 1 }, () => Array(target.length + 1).fill(0));
  for (let i = 1; i <= source.length; i++)
    for (let j = 1; j <= target.length; j++) {
      const same = source[i - 1] === target[j - 1] ? 1 : -1;
      score[i][j] = Math.max(score[i - 1][j - 1] + same, score[i - 1][j], score[i][j - 1]);
    }
  return score;
}

/** `align` of two prompts at full length; padding is paired by its distance from the end token. */
export function refinement(tokenizer, source, target) {
  const [a, b] = [tokenizer.encode(source).ids, tokenizer.encode(target).ids];
  const padding = Array.from({ length: tokenizer.length - b.length }, (_, k) => a.length + k);
  return [...align(a, b), ...padding.map((column) => Math.min(column, tokenizer.length - 1))];
}

/** Columns of the target's tokens that repeat a token of the source, start and end tokens left out. */
export function common(tokenizer, source, target) {
  const origin = align(tokenizer.encode(source).ids, tokenizer.encode(target).ids);
  return origin.flatMap((i, column) => (i >= 0 ? [column] : [])).slice(1, -1);
}

/** Columns of an edit word: its new occurrences, or all where none is new. */
export function edited(tokenizer, source, target, word) {
  const fresh = fresher(tokenizer, source, target, word);
  return fresh.length ? fresh : tokenizer.positions(target, word);
}

/** `edited` where any is new; an error where none is. */
export function requireNew(tokenizer, source, target, word) {
  const fresh = fresher(tokenizer, source, target, word);
  if (fresh.length) return fresh;
  const why = `word '${word}' stands in both prompts, so its attention is the source's and can't be guided`;
  throw new Error(`${why}; choose a word that is new in '${target}'`);
}

function fresher(tokenizer, source, target, word) {
  const shared = common(tokenizer, source, target);
  return tokenizer.positions(target, word).filter((column) => !shared.includes(column));
}
