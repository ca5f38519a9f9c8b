// "Did you mean …": the names closest to a misspelt one. Called when a message is written, so it is bounded: a server
// may know ten thousand file names.

const CANDIDATES_MAX = 20_000;
const NAME_CHARACTERS_MAX = 100;

/** Up to `max` candidates near the name, nearest first; none that differs in more than about a third of it. */
export function listNearest(name: string, candidates: Iterable<string>, max = 3): string[] {
  const wanted = name.slice(0, NAME_CHARACTERS_MAX).toLowerCase();
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  const found: { candidate: string; distance: number }[] = [];
  let seen = 0;
  for (const candidate of candidates) {
    seen += 1;
    if (seen > CANDIDATES_MAX) break;
    const other = candidate.slice(0, NAME_CHARACTERS_MAX).toLowerCase();
    const distance = distanceWithin(wanted, other, allowed);
    if (distance !== undefined) found.push({ candidate, distance });
    // A name that only lacks or adds an ending (sd15 / sd15.safetensors) is near whatever the edits count.
    else if (wanted.length >= 3 && (other.startsWith(wanted) || (other.length >= 3 && wanted.startsWith(other)))) {
      found.push({ candidate, distance: allowed + Math.abs(other.length - wanted.length) });
    }
  }
  found.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return found.slice(0, max).map(({ candidate }) => candidate);
}

/** Edits (insert, delete, replace, swap of neighbours) between two texts, or undefined when more than the limit. */
function distanceWithin(a: string, b: string, limit: number): number | undefined {
  if (Math.abs(a.length - b.length) > limit) return undefined;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    let best = row;
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let cost = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (isSame ? 0 : 1),
      );
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (isSwap) cost = Math.min(cost, at(before, column - 2) + 1);
      current.push(cost);
      best = Math.min(best, cost);
    }
    if (best > limit) return undefined;
    before = previous;
    previous = current;
  }
  const distance = at(previous, b.length);
  return distance <= limit ? distance : undefined;
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
