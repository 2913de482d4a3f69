import { lookup } from 'node:dns/promises';
import type { DnsServer } from './dns-server.ts';
import { searchDomain } from './route.ts';

export type DnsVerification = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Half a second apart, so that one lost packet, or a hook that takes effect late, is no failure. */
const attemptMs = 500;

/**
 * Whether the laptop's programs really ask this server: a name that nobody knows is looked up by the system's resolver library
 * (`getaddrinfo`), and has to arrive here.
 *
 * @param resolve looks a name up as a program would
 */
export async function verifyDns(
  server: DnsServer,
  { timeoutMs = 2_000, resolve = (name: string): Promise<unknown> => lookup(name, { all: true }) } = {},
): Promise<DnsVerification> {
  const { promise, resolve: finish } = Promise.withResolvers<DnsVerification>();
  using cleanup = new DisposableStack();
  let lastAnswer = 'the resolver gave no answer';
  const attempt = (): void => {
    const expected = cleanup.use(server.expectQuestion(searchDomain));
    void expected.arrived.then(() => finish({ ok: true }));
    resolve(expected.name).then(
      () => (lastAnswer = 'another DNS server answered'),
      (error: unknown) => (lastAnswer = `the resolver said ${error instanceof Error ? error.message : String(error)}`),
    );
  };
  attempt();
  const again = setInterval(attempt, attemptMs);
  cleanup.defer(() => clearInterval(again));
  const timer = setTimeout(
    () => finish({ ok: false, reason: `A test look-up did not reach the cluster's DNS within ${timeoutMs} ms: ${lastAnswer}` }),
    timeoutMs,
  );
  cleanup.defer(() => clearTimeout(timer));
  return await promise;
}
