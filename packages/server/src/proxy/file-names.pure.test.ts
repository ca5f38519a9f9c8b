import { expect, it } from 'vitest';
import { readInputName, readViewName, uploadName } from './file-names.pure.ts';

it('an input names a file as ComfyUI reads it', () => {
  expect(readInputName('a.png')).toEqual({ filename: 'a.png', subfolder: '', type: 'input' });
  expect(readInputName('x/y/a.png [output]')).toEqual({ filename: 'a.png', subfolder: 'x/y', type: 'output' });
  // One character goes with the annotation, whatever it is.
  expect(readInputName('a.pngX[temp]')).toEqual({ filename: 'a.png', subfolder: '', type: 'temp' });
});

it.each(['../a.png', 'x/../../a.png', '/etc/passwd', 'a\\b.png', 'a\u0000.png', 'x//a', '', 'x/'])(
  'an input that leads somewhere odd names none: %s',
  (value) => expect(readInputName(value)).toBeUndefined(),
);

it('a view names a file by its parts, and never by an annotation', () => {
  expect(readViewName({ filename: 'a.png', subfolder: 'x/', type: 'temp' })).toEqual({
    filename: 'a.png',
    subfolder: 'x',
    type: 'temp',
  });
  expect(readViewName({ filename: 'a.png [input]', subfolder: '', type: 'output' })).toBeUndefined();
  expect(readViewName({ filename: 'a.png', subfolder: '..', type: 'output' })).toBeUndefined();
  expect(readViewName({ filename: 'a.png', subfolder: '', type: 'models' })).toBeUndefined();
});

it('an upload gets a plain name', () => {
  expect(uploadName('C:\\pictures\\a "b".png')).toBe('a _b_.png');
  expect(uploadName('../../a.png')).toBe('a.png');
  for (const name of ['', '..', 'a.png [output]', 'x'.repeat(300)]) expect(uploadName(name)).toBeUndefined();
});
