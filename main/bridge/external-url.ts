import { AppError } from '#protocol/errors/app-error.ts';

/**
 * An address that may be opened in the browser: a web page over TLS, or a plain one by the name of a Service or of the laptop, which is
 * how workloads are looked at. Other schemes could start programs.
 *
 * @throws AppError `usage` for anything else.
 */
export function checkExternalUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null) throw refused(text, 'it is not an address');
  if (url.username !== '' || url.password !== '') throw refused(text, 'it has a name or a password in it');
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isInnerName(url.hostname))) return url.href;
  throw refused(text, 'only https: is opened, and http: of the cluster and of the laptop');
}

/** `service`, `service.namespace[.svc…]`, or the loopback. */
function isInnerName(name: string): boolean {
  if (name === 'localhost' || /^127(\.\d+){3}$/.test(name) || name === '[::1]') return true;
  if (/^[\d.]+$/.test(name)) return false;
  return /^[a-z0-9-]+(\.[a-z0-9-]+)?$/.test(name) || /^[a-z0-9-]+\.[a-z0-9-]+\.svc(\.|$)/.test(name);
}

function refused(text: string, reason: string): AppError {
  return new AppError({ code: 'usage', message: `The address is not opened: ${text.slice(0, 200)}`, reason });
}
