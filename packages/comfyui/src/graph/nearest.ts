// Existing names close to an unknown one, for messages ("did you mean"). Bounded work: it runs on refused input.

const MAX_NAMES = 5_000;
const MAX_CHARS = 80;
const MAX_DISTANCE = 5;
// A request may hold ten thousand unknown names; the first ones are enough to learn from.
const MAX_ANSWERS = 20;

/** Up to three of `names` that `wanted` may have been meant for, closest first. */
export function nearestNames(wanted: string, names: Iterable<string>): string[] {
  const target = wanted.slice(0, MAX_CHARS).toLowerCase();
  const limit = Math.max(1, Math.min(MAX_DISTANCE, Math.floor(target.length / 3)));
  const found: { name: string; distance: number }[] = [];
  let seen = 0;
  for (const name of names) {
    if (++seen > MAX_NAMES) break;
    const candidate = name.slice(0, MAX_CHARS).toLowerCase();
    const isPart =
      target.length >= 3 && (candidate.includes(target) || (candidate.length >= 3 && target.includes(candidate)));
    const distance = editDistance(target, candidate, limit);
    if (distance <= limit) found.push({ name, distance });
    else if (isPart) found.push({ name, distance: limit + Math.abs(candidate.length - target.length) });
  }
  found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return found.slice(0, 3).map(({ name }) => name);
}

/** The same for the next of many problems: nothing once enough of them are answered. */
export function nearestFor(problemsSoFar: number, wanted: string, listNames: () => Iterable<string>): string[] {
  return problemsSoFar < MAX_ANSWERS ? nearestNames(wanted, listNames()) : [];
}

/** Letters to add, drop, change or swap to get from one to the other; `limit + 1` when it takes more than `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = nextRow({ a, b, row }, last, beforeLast);
    if (Math.min(...current) > limit) return limit + 1;
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? limit + 1;
}

// The costs of turning the first `row` letters of a into each beginning of b.
function nextRow({ a, b, row }: { a: string; b: string; row: number }, last: number[], beforeLast: number[]): number[] {
  const current = [row];
  for (let column = 1; column <= b.length; column++) {
    const isSame = a[row - 1] === b[column - 1];
    const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
    const replaced = (last[column - 1] ?? 0) + (isSame ? 0 : 1);
    const swapped = isSwap ? (beforeLast[column - 2] ?? 0) + 1 : replaced;
    current.push(Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, replaced, swapped));
  }
  return current;
}
