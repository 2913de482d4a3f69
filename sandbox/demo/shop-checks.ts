import type { Catalogue } from '../shop/products.ts';

/** What the workload's environment and secret have to look like where the catalogue runs. */
export interface ExpectedEnvironment {
  readonly title: string;
  /** Fingerprint of the club's secret. */
  readonly club: string;
}

/** What is wrong with the environment in which a catalogue runs, a line each. */
export function environmentFaults({ title, club }: Catalogue, expected: ExpectedEnvironment): readonly string[] {
  return [
    ...(title.startsWith(expected.title) ? [] : [`its title is "${title}", so SHOP_TITLE did not arrive`]),
    ...(club === expected.club ? [] : ['its CLUB_TOKEN is not the secret of the shop']),
  ];
}

/** What is wrong with a sale, a line each: everything in stock costs less than before and says so, and all else is as it was. */
export function saleFaults(before: Catalogue, during: Catalogue): readonly string[] {
  if (during.offers.length !== before.offers.length) return ['it has other products'];
  return before.offers.flatMap((was) => {
    const is = during.offers.find(({ id }) => id === was.id);
    if (is === undefined) return [`${was.name} is gone`];
    if (was.inStock === 0) return is.price === was.price ? [] : [`${was.name} is sold out, and has another price`];
    return is.price < was.price && is.formerPrice === was.price ? [] : [`${was.name} is not on sale: ${is.price}`];
  });
}
