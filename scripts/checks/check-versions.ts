import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { productVersion } from '#base/common/version.ts';
import { checkout } from '../checkout.ts';

/** Whether `productVersion`, package.json and the lockfile say the same. */
export function checkVersions(): readonly string[] {
  return ['package.json', 'package-lock.json'].flatMap((file) => {
    const { version } = JSON.parse(readFileSync(join(checkout, file), 'utf8')) as { readonly version: string };
    return version === productVersion ? [] : [`${file} says ${version}, base/common/version.ts says ${productVersion}`];
  });
}
