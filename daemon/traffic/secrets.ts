/** What stands in place of a value that is not shown. */
export const hiddenValue = '[hidden]';

/** Headers that let somebody in, or are named as if they did. */
const secretHeader =
  /^(?:(?:proxy-|x-(?:[a-z-]+-)?)?authorization|cookie2?|set-cookie2?|proxy-authenticate|www-authenticate|authentication-info|x-amz-security-token|x-forwarded-client-cert|sec-websocket-key)$|api[-_]?key|token|secret|password|credential|session[-_]?id|signature/i;

/** Parameters of queries that do. */
const secretParameter =
  /([?&;#](?:[^=&;#]*(?:token|secret|passw|api[-_]?key|credential|signature|session)[^=&;#]*|sig|code|key|auth|pwd)=)[^&;#]+/gi;

const userInfo = /:\/\/[^\s/@]+@/;

export function isSecretHeader(name: string): boolean {
  return secretHeader.test(name);
}

/** A request's target without the values of secret parameters. */
export function hiddenTarget(target: string): string {
  const plain = target.includes('@') ? target.replace(userInfo, `://${hiddenValue}@`) : target;
  return /[?#]/.test(plain) ? plain.replace(secretParameter, `$1${hiddenValue}`) : plain;
}

/** Addresses within a header, such as `Location` and `Referer`, have queries, too. */
export function hiddenHeader(name: string, value: string): { readonly value: string; readonly isHidden: boolean } {
  if (isSecretHeader(name)) return { value: hiddenValue, isHidden: true };
  const shown = hiddenTarget(value);
  return { value: shown, isHidden: shown !== value };
}
