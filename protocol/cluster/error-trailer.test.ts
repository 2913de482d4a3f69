import { describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import { decodeError, encodeError } from './error-trailer.ts';

describe('the error in a trailer', () => {
  it('arrives whole', () => {
    const error = new AppError({
      code: 'workload.not-found',
      message: 'There is no workload „shpo“',
      reason: 'Did you mean shop?',
      context: { namespace: 'prod' },
      remedies: [{ label: 'See them', command: 'telepresence list' }],
    });
    expect(decodeError(encodeError(error))?.toData()).toEqual(error.toData());
  });

  it.each([null, '', '%%%', 'bm8ganNvbg==', 'e30='])('is none in %j', (text) => {
    expect(decodeError(text)).toBeUndefined();
  });
});
