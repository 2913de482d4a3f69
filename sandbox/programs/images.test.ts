import { describe, expect, it } from 'vitest';
import { createImageRegistry, fullName } from './images.ts';

describe('images', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['team/app:1', 'docker.io/team/app:1'],
    ['localhost/node:24', 'localhost/node:24'],
    ['registry:5000/app', 'registry:5000/app:latest'],
  ])('%s stands for %s', (short, full) => {
    expect(fullName(short)).toBe(full);
  });

  it('are found by any form of their name, and refused where their files are missing', () => {
    const images = createImageRegistry();
    images.register({ nginx: { entrypoint: ['sleep'], arguments: ['1'] } });
    expect(images.find('docker.io/library/nginx:latest')?.entrypoint).toEqual(['sleep']);
    expect(images.find('nginx:2')).toBeUndefined();
    expect(() => images.register({ app: { files: { '/app': '/does/not/exist' } } })).toThrow(/which does not exist/);
  });
});
