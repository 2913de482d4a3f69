import { join } from 'node:path';

/** The topmost folder of the source tree. */
export const checkout = join(import.meta.dirname, '..');

/** Where finished bundles are. */
export const distDirectory = join(checkout, 'dist');

/** Scratch files of tools and the reports of tests; may be removed at any time. */
export const cacheDirectory = join(checkout, '.cache');
