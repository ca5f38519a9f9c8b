// The trivial graph of the goals: a 64x64 picture of one colour, saved.

export function readyGraph({ colour, prefix, side = 64 }: { colour: number; prefix: string; side?: number }) {
  return {
    '1': { class_type: 'EmptyImage', inputs: { width: side, height: side, batch_size: 1, color: colour } },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: prefix } },
  };
}

/** `side` makes the picture larger: a request that keeps the back end busy for a while. */
export function overridesBody(colour: number, side?: number): string {
  const size = side === undefined ? '' : `,"width":${side},"height":${side}`;
  return `{"overrides":{"1":{"inputs":{"color":${colour}${size}}}}}`;
}
