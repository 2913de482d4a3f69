import { deflateSync, inflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { smallPng } from './small-png.ts';

const signature = Buffer.from('89504e470d0a1a0a', 'hex');

/** Without CRCs, which only the result has to have. */
function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)]);
}

it('keeps every pixel of a picture with few colours', () => {
  const header = Buffer.from([0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
  // Second row by the filter "up": its first pixel is as above, its second differs by one in red.
  const rows = Buffer.from([0, 10, 20, 30, 40, 50, 60, 2, 0, 0, 0, 1, 0, 0]);
  const png = Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
  const small = smallPng(png);
  const at = (type: string) => small.indexOf(type) + 4;
  const length = (type: string) => small.readUInt32BE(small.indexOf(type) - 4);
  expect(small[at('IHDR') + 9]).toBe(3);
  const palette = [...small.subarray(at('PLTE'), at('PLTE') + length('PLTE'))];
  const indices = [...inflateSync(small.subarray(at('IDAT'), at('IDAT') + length('IDAT')))];
  const colour = (index = 0) => palette.slice(index * 3, index * 3 + 3);
  expect([indices[1], indices[2], indices[4], indices[5]].map(colour)).toEqual([
    [10, 20, 30],
    [40, 50, 60],
    [10, 20, 30],
    [41, 50, 60],
  ]);
});

it('leaves alone what it does not know', () => {
  const other = Buffer.from('not a picture');
  expect(smallPng(other)).toBe(other);
});
