// The trivial graph of the goals: a 64x64 picture of one colour, saved.

export function readyGraph({ colour, prefix }: { colour: number; prefix: string }) {
  return {
    '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: colour } },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: prefix } },
  };
}

export function overridesBody(colour: number): string {
  return `{"overrides":{"1":{"inputs":{"color":${colour}}}}}`;
}
