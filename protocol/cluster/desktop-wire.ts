/** What our laptops and our traffic-manager say to each other beyond the shared wire; others ignore it. */

/** `ClientInfo.product` of a laptop that keeps its session alive every few seconds, and may be taken for gone when it does not. */
export const desktopProduct = 'telepresence-desktop';

/** Request header of `ArriveAsClient`: id of the session that the traffic-manager has forgotten, to be made anew under the same id. */
export const formerSessionHeader = 'telepresence-former-session';
