import { productVersion } from '#base/common/version.ts';

/** What our laptops and our traffic-manager say to each other beyond the shared wire; others ignore it. */

/** `ClientInfo.product` of a laptop that keeps its session alive every few seconds, and may be taken for gone when it does not. */
export const desktopProduct = 'telepresence-desktop';

/** Request header of `ArriveAsClient`: id of the session that the traffic-manager has forgotten, to be made anew under the same id. */
export const formerSessionHeader = 'telepresence-former-session';

/**
 * The version that every part of ours tells the others. Stock parts compare it with theirs: below 2.7 they refuse, above 2.20 they expect
 * calls and behaviour of later releases. So it names the release whose interface is spoken, and this product's own version as build metadata,
 * which comparisons ignore (semver section 10). Parts of ours do not compare it: what they find beyond that interface, they ask for.
 */
export const wireVersion = `v2.20.3+desktop.${productVersion}`;

/** Annotation of the ConfigMap `traffic-manager`, `<id> <nonce>`: whoever revokes an intercept shows by it that they may change that. */
export const revocationAnnotation = 'telepresence.io/revocation';
