import { productVersion } from '#base/common/version.ts';

/** What `Version` says first. */
export const managerProductName = 'Telepresence Desktop Traffic Manager';

/**
 * Stock clients compare the version with theirs: below 2.7 they refuse, above 2.20 they expect calls and behaviour of later releases. So it
 * names the release whose interface is spoken, and this product's own version as build metadata, which comparisons ignore (semver section 10).
 * Laptops of this product do not compare it: what they find beyond that interface, they ask for (`telepresence.desktop.v1`, and fields from
 * 1000 that are simply absent elsewhere).
 */
export const managerVersion = `v2.20.3+desktop.${productVersion}`;
