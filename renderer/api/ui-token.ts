const key = 'telepresence-token';
const fragment = /^#token=([\w.~-]+)$/;

/**
 * The token comes once, in the fragment of the address, which no server is sent. It moves to the storage of this tab, so that a reload
 * still has it and neither history nor a copied address does.
 */
export function takeToken(): string | undefined {
  const token = fragment.exec(location.hash)?.[1];
  if (token === undefined) return sessionStorage.getItem(key) ?? undefined;
  sessionStorage.setItem(key, token);
  history.replaceState(null, '', location.pathname + location.search);
  return token;
}
