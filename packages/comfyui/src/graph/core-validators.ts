// Which of ComfyUI's own classes judge inputs themselves (VALIDATE_INPUTS), read from running servers (0.3.64).
// object_info does not tell: for these inputs ComfyUI skips its min, max and combo checks. Used by the input checks.

/** Class → inputs that its own validator takes over. */
export const CORE_VALIDATORS: ReadonlyMap<string, readonly string[]> = new Map([
  ['LoadImage', ['image']],
  ['LoadImageMask', ['image']],
  ['LoadImageOutput', ['image']],
  ['LoadLatent', ['latent']],
  ['WebcamCapture', ['image']],
  ['LoadAudio', ['audio']],
  ['LoadVideo', ['file']],
  ['KlingCameraControls', ['horizontal_movement', 'vertical_movement', 'pan', 'tilt', 'roll', 'zoom']],
  ['FluxProUltraImageNode', ['aspect_ratio']],
]);

/** Classes whose validator takes `input_types`, which switches the link type check off. */
export const CORE_TYPE_JUDGES: ReadonlySet<string> = new Set(['TripoConversionNode']);

/** `*` inputs of ComfyUI's own classes that take every link. Elsewhere `*` may be a plain, strict string. */
export const LENIENT_STAR_INPUTS: ReadonlySet<string> = new Set(['PreviewAny.source']);
