// Dynamic prompts, as the editor resolves them when it queues: comments cut, one of `{a|b}` chosen, `\{` unescaped.
// Called by emit.ts.

/** Deeper braces than anybody writes stay as they are. */
const MAX_DEPTH = 50;

/** @example resolvePrompt('a {red|blue} cat // draft', () => 0) // 'a red cat ' */
export function resolvePrompt(text: string, random: () => number, depth = 0): string {
  if (!/[/{\\]/.test(text)) return text;
  const input = withoutComments(text);
  let result = '';
  let at = 0;
  while (at < input.length) {
    const char = input.charAt(at);
    if (char === '{' && depth < MAX_DEPTH) {
      const block = readBlock(input, at + 1);
      at = block.end;
      result += resolvePrompt(choose(block.choices, random), random, depth + 1);
    } else if (char === '\\') {
      // What is escaped is no brace; the backslash goes in the end.
      result += input.slice(at, at + 2);
      at += 2;
    } else {
      result += char;
      at += 1;
    }
  }
  return result.replace(/\\([{}|])/g, '$1');
}

function choose(choices: readonly string[], random: () => number): string {
  return choices[Math.min(Math.floor(random() * choices.length), choices.length - 1)] ?? '';
}

function readBlock(input: string, start: number): { choices: string[]; end: number } {
  const choices: string[] = [];
  let from = start;
  let depth = 0;
  for (let at = start; at < input.length; at += 1) {
    const char = input.charAt(at);
    if (char === '\\') at += 1;
    else if (char === '{') depth += 1;
    else if (char === '}') {
      if (depth === 0) return { choices: [...choices, input.slice(from, at)], end: at + 1 };
      depth -= 1;
    } else if (char === '|' && depth === 0) {
      choices.push(input.slice(from, at));
      from = at + 1;
    }
  }
  return { choices: [...choices, input.slice(from)], end: input.length };
}

/** One pass; a comment that is never closed is none. */
function withoutComments(text: string): string {
  let result = '';
  let from = 0;
  let isClosable = true;
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at)) {
    const end = commentEnd(text, at, isClosable);
    if (end === undefined) {
      if (text.charAt(at + 1) === '*') isClosable = false;
      at += 1;
      continue;
    }
    result += text.slice(from, at);
    from = end;
    at = end;
  }
  return result + text.slice(from);
}

function commentEnd(text: string, at: number, isClosable: boolean): number | undefined {
  const next = text.charAt(at + 1);
  if (next === '/') {
    LINE_END.lastIndex = at;
    return LINE_END.exec(text)?.index ?? text.length;
  }
  const end = next === '*' && isClosable ? text.indexOf('*/', at + 2) : -1;
  return end === -1 ? undefined : end + 2;
}

const LINE_END = /[\n\r\u2028\u2029]/g;
