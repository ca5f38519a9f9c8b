// What a program wrote last, beside why it is told of: often that is the whole answer. Used for ends (providers/) and for
// starts that were given up (start-instance.ts).

const CHARACTERS = 500;

export function withLastWords(cause: string, log: readonly string[]): string {
  const last = log.findLast((line) => line.trim() !== '')?.trim();
  return last === undefined ? cause : `${cause}; its last words: ${last.slice(0, CHARACTERS)}`;
}
