import { ERROR_CODES, ERRORS } from '@comfleet/api';
import { describe, expect, it } from 'vitest';
import { BEHAVIOURS, makeAnswer } from './behaviours.pure.ts';
import { readWish } from './wish.pure.ts';

const LOC = ['header', 'comfleet-simulate'];

function wish(text: string) {
  const read = readWish(text, LOC);
  if (read.kind === 'bad') throw new Error(read.problem.msg);
  return read.wish;
}

describe('what a caller asks of the simulator', () => {
  it('is a code, told where it usually is', () => {
    expect(wish('10011')).toEqual({ code: 10011, place: 'result', afterMs: undefined, times: 1, text: '10011' });
    expect(wish('429001')).toMatchObject({ place: 'submit' });
    expect(wish('10005')).toMatchObject({ place: 'status' });
  });

  it.each([
    ['10011;after=2s', { afterMs: 2_000 }],
    ['10011; after=1.5', { afterMs: 1_500 }],
    ['10011;after=250ms', { afterMs: 250 }],
    ['10011;after=0', { afterMs: 0 }],
    ['10011;after=2m', { afterMs: 120_000 }],
    ['10002;in=result', { place: 'result' }],
    ['503001;in=status;times=3', { place: 'status', times: 3 }],
  ])('may say when, where and how often: %s', (text, expected) => {
    expect(wish(text)).toMatchObject(expected);
  });

  it.each([
    ['', 'unknown_code', '200001 ExecutionWithoutNewYield'],
    ['10010', 'unknown_code', '10011 ComfyUIExecutionError'],
    ['ComfyUIExecutionError', 'unknown_code', '10000'],
    ['10011;after=2h', 'bad_format', '500ms, 2s or 1m'],
    ['10011;after=61m', 'bad_format', 'an hour'],
    ['10011;in=submit', 'bad_format', 'in=result'],
    ['503001;in=status;times=0', 'bad_format', '1 to 1000'],
    ['10011;soon', 'bad_format', 'after, in and times'],
  ])('is refused with what is possible: %s', (text, type, says) => {
    expect(readWish(text, LOC)).toMatchObject({
      kind: 'bad',
      problem: { loc: LOC, type, input: text, msg: expect.stringContaining(says) },
    });
  });
});

const SCENE = { nodeId: '7', classType: 'KSampler', deploymentId: 'd', instanceId: 'i', methods: ['POST'] };

describe.each(ERROR_CODES)('the behaviour of %s', (code) => {
  const { places, answer, entry, isRun } = BEHAVIOURS[code];
  const { reportedIn, header, hasDetail } = ERRORS[code];

  it('is told only where the catalogue says', () => {
    expect(places.includes('submit') || places.includes('status') || answer !== undefined).toBe(
      reportedIn.includes('body'),
    );
    expect(places.includes('result')).toBe(reportedIn.includes('result'));
    expect(entry !== undefined).toBe(reportedIn.includes('result'));
    if (isRun) expect(places).toContain('result');
  });

  it('has the words and headers that come with it, and says that it is simulated', () => {
    if (answer) {
      const error = makeAnswer(code, SCENE);
      expect(error.message).toContain('Simulated');
      if (header !== undefined && header !== 'WWW-Authenticate') {
        expect(Object.keys(error.headers ?? {})).toContain(header.toLowerCase());
      }
      expect(error.detail !== undefined).toBe(hasDetail === true);
    }
    if (entry) expect(entry(SCENE).details).toContain('Simulated');
  });
});
