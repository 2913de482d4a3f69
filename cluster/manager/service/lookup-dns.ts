import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DNSRequest, DNSResponseSchema } from '#protocol/cluster/generated/manager_pb.js';
import type { ClusterDns } from '../dns/cluster-dns.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { unknownSession } from './unknown-session.ts';

export const lookupDnsPath = '/telepresence.manager.Manager/LookupDNS';

/**
 * Answers one look-up, as a call of HTTP/2 or of a multiplexed connection.
 *
 * @throws ConnectError for a session that is not known.
 */
export async function answerLookup(
  { session: info, name, type }: DNSRequest,
  { sessions, dns }: { readonly sessions: SessionRegistry; readonly dns: ClusterDns },
  signal?: AbortSignal,
): Promise<MessageInitShape<typeof DNSResponseSchema>> {
  const session = sessions.find(info?.sessionId ?? '');
  if (session === undefined) throw unknownSession(info?.sessionId ?? '');
  const namespace = session.kind === 'laptop' ? session.laptop.namespace : session.agent.namespace;
  const { rcode, rrs } = await dns.lookup(name, type, namespace, signal);
  return { rCode: rcode, rrs };
}
