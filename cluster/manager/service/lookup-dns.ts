import type { ServerHttp2Stream } from 'node:http2';
import { serveUnary } from '#net/grpc/unary-call.ts';
import { Manager } from '#protocol/cluster/generated/manager_pb.js';
import type { ClusterDns } from '../dns/cluster-dns.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { unknownSession } from './unknown-session.ts';

export const lookupDnsPath = '/telepresence.manager.Manager/LookupDNS';

/** Serves one look-up by hand, since programs wait for them one after another. Never rejects. */
export async function serveLookupDns(
  stream: ServerHttp2Stream,
  parts: { readonly sessions: SessionRegistry; readonly dns: ClusterDns },
): Promise<void> {
  await serveUnary(stream, Manager.method.lookupDNS, async ({ session: info, name, type }, signal) => {
    const session = parts.sessions.find(info?.sessionId ?? '');
    if (session === undefined) throw unknownSession(info?.sessionId ?? '');
    const namespace = session.kind === 'laptop' ? session.laptop.namespace : session.agent.namespace;
    const { rcode, rrs } = await parts.dns.lookup(name, type, namespace, signal);
    return { rCode: rcode, rrs };
  });
}
