// Exceptions that python would raise, with the type name that ComfyUI reports. Thrown where its own code would throw.

export class PythonError extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.name = type;
    this.type = type;
  }
}
