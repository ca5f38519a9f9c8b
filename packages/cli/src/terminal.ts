// Plain lines for a person: aligned, dimmed and coloured only on a terminal that wants it. The demo prints through it.

export interface Terminal {
  line(text?: string): void;
  title(text: string): void;
  step(label: string, text: string): void;
  code(text: string): void;
  error(text: string): void;
}

interface TerminalOptions {
  write(text: string): void;
  writeError(text: string): void;
  colour: boolean;
}

export function createTerminal({ write, writeError, colour }: TerminalOptions): Terminal {
  const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const bold = (text: string) => paint(1, text);
  const dim = (text: string) => paint(2, text);
  const green = (text: string) => paint(32, text);
  const red = (text: string) => paint(31, text);
  return {
    line: (text = '') => write(`${text}\n`),
    title: (text) => write(`\n${bold(text)}\n\n`),
    step: (label, text) => write(`  ${green(label.padEnd(11))} ${text}\n`),
    code: (text) => write(`${text.replace(/^(?=.)/gm, '    ').replace(/^ {4}# .*$/gm, dim)}\n`),
    error: (text) => writeError(`${red('comfleet demo:')} ${text}\n`),
  };
}

export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
