import { describe, expect, it } from 'vitest';
import { clubFingerprint } from '../shop/club.ts';
import type { Catalogue } from '../shop/products.ts';
import { environmentFaults, saleFaults } from './shop-checks.ts';

const before: Catalogue = {
  title: 'Tea for two for members',
  servedBy: 'v1',
  club: clubFingerprint('a-secret'),
  offers: [
    { id: 'cup', name: 'Cup', price: 6, inStock: 48 },
    { id: 'spoon', name: 'Spoon', price: 3.2, inStock: 0 },
  ],
};
const [cup, spoon] = [
  { id: 'cup', name: 'Cup', price: 4.8, formerPrice: 6, inStock: 48 },
  { id: 'spoon', name: 'Spoon', price: 3.2, inStock: 0 },
];

describe('the checks of the shop', () => {
  it('takes a sale for one', () => {
    expect(saleFaults(before, { ...before, offers: [cup, spoon] })).toEqual([]);
  });

  it('names what is not on sale, gone or changed', () => {
    expect(saleFaults(before, before)).toEqual(['Cup is not on sale: 6']);
    expect(saleFaults(before, { ...before, offers: [{ ...cup, formerPrice: 7 }, spoon] })).toEqual(['Cup is not on sale: 4.8']);
    expect(saleFaults(before, { ...before, offers: [cup, { ...spoon, price: 1 }] })).toHaveLength(1);
    expect(saleFaults(before, { ...before, offers: [cup] })).toEqual(['it has other products']);
    expect(saleFaults(before, { ...before, offers: [cup, { ...spoon, id: 'fork' }] })).toEqual(['Spoon is gone']);
  });

  it('knows an environment with variable and secret by what came of them', () => {
    const expected = { title: 'Tea for two', club: clubFingerprint('a-secret') };
    expect(environmentFaults(before, expected)).toEqual([]);
    expect(environmentFaults({ ...before, title: 'Shop for members' }, expected)).toHaveLength(1);
    expect(environmentFaults({ ...before, club: clubFingerprint('another') }, expected)).toHaveLength(1);
    const { club: _missing, ...withoutClub } = before;
    expect(environmentFaults(withoutClub, expected)).toHaveLength(1);
  });

  it('does not tell the secret by its fingerprint', () => {
    expect(clubFingerprint('a-secret')).toMatch(/^[0-9a-f]{12}$/);
  });
});
