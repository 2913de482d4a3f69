import { productVersion } from '#base/common/version.ts';

/** What `Version` says first, and what the traffic-manager knows this agent as. */
export const agentProductName = 'Telepresence Desktop Traffic Agent';

/** The release whose interface is spoken; this product's own version is build metadata, which comparisons ignore (semver section 10). */
export const agentVersion = `v2.20.3+desktop.${productVersion}`;
