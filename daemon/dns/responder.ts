import { encode } from 'dns-packet';
import { type IpAddress, ipFromBytes, ipToBytes } from '#base/common/ip.ts';
import { dnsRcode, dnsType } from '#net/dns/constants.ts';
import { isWithin, withFinalDot } from '#net/dns/names.ts';
import { nameInData, packMessage } from '#net/dns/packed-records.ts';
import { DnsFormatError, type RawRecord, rawRecord, readRecords, writeName } from '#net/dns/wire.ts';
import type { ClusterAnswer, ClusterResolver } from './cluster-resolver.ts';
import type { FormerResolver } from './former-resolver.ts';
import { type Query, udpLimit, writeRefusal, writeResponse } from './message.ts';
import type { PeerResolver } from './peer-resolver.ts';
import { type DnsQuestion, type PreparedPolicy, type Route, route } from './route.ts';

/** What is sent back, and until when (`performance.now()`) the same bytes answer the same query. */
export interface Response {
  readonly bytes: Buffer;
  readonly reusableUntil: number;
}

/** Seconds that the laptop may keep an answer: what the cluster knows changes with every pod. */
export const answerTtlSeconds = 4;

/** Answers that come from the policy alone change only with it, and then everything is forgotten. */
const literalMs = 60_000;
/** CNAMEs and mappings that lead on to each other. */
const maxChain = 8;
/** A name that may not be the cluster's does not wait longer for a cluster that is silent, */
const ambiguousTimeoutMs = 2_000;
/** and for so long after a failure it does not wait at all. */
const failureMemoryMs = 5_000;

/** Types that a cluster's DNS is asked for. For others an existing name has no records, which is what browsers' HTTPS questions need. */
const clusterTypes: ReadonlySet<number> = new Set([
  dnsType.a,
  dnsType.aaaa,
  dnsType.cname,
  dnsType.mx,
  dnsType.ns,
  dnsType.ptr,
  dnsType.srv,
  dnsType.txt,
]);

type Found =
  | { readonly kind: 'found'; readonly rcode: number; readonly records: readonly RawRecord[]; readonly reusableUntil: number }
  /** `hasClusterFailed`: the cluster might have had the name, but could not be asked. */
  | { readonly kind: 'former'; readonly hasClusterFailed: boolean; readonly isFallback: boolean }
  | { readonly kind: 'failed' };

/** Finds the answer to a question: policy, cluster, other connections, former resolver. */
export class Responder {
  policy: PreparedPolicy;
  lookupTimeoutMs: number;
  /** Whether the cluster's DNS hands names that are not its own back to us. */
  isRecursing = false;
  readonly #cluster: ClusterResolver;
  readonly #former: FormerResolver;
  readonly #peers: PeerResolver;
  #clusterFailedAt = Number.NEGATIVE_INFINITY;

  constructor(
    policy: PreparedPolicy,
    lookupTimeoutMs: number,
    {
      cluster,
      former,
      peers,
    }: { readonly cluster: ClusterResolver; readonly former: FormerResolver; readonly peers: PeerResolver },
  ) {
    this.policy = policy;
    this.lookupTimeoutMs = lookupTimeoutMs;
    this.#cluster = cluster;
    this.#former = former;
    this.#peers = peers;
  }

  async respond(query: Query, transport: 'udp' | 'tcp'): Promise<Response> {
    const found = await this.#find(query, 0);
    const maxBytes = transport === 'udp' ? udpLimit(query) : 0xffff;
    const write = (rcode: number, records: readonly RawRecord[], reusableUntil: number): Response => ({
      bytes: writeResponse(query, rcode, records, maxBytes),
      reusableUntil,
    });
    const isMissing = found.kind === 'found' && found.rcode === dnsRcode.nameError;
    let hasPeerFailed = false;
    if (this.#peers.hasPeers && (found.kind !== 'found' || isMissing)) {
      const peers = await this.#peers.ask(query.bytes, transport);
      if (peers.found !== undefined) return { bytes: peers.found, reusableUntil: 0 };
      hasPeerFailed = peers.hasFailed;
    }
    if (found.kind === 'found') {
      return isMissing && hasPeerFailed
        ? write(dnsRcode.serverFailure, [], 0)
        : write(found.rcode, found.records, this.#peers.hasPeers && isMissing ? 0 : found.reusableUntil);
    }
    // SERVFAIL rather than NXDOMAIN: programs and caches take the latter for final, and the cluster may be back in a second.
    if (found.kind === 'failed') return write(dnsRcode.serverFailure, [], 0);
    const hasFailed = found.hasClusterFailed || hasPeerFailed;
    const response = await this.#former.forward(query.bytes, transport);
    if (response === undefined) {
      return write(found.isFallback && !hasFailed ? dnsRcode.nameError : dnsRcode.serverFailure, [], 0);
    }
    const isUnknown = (response.readUInt16BE(2) & 0xf) === dnsRcode.nameError;
    return hasFailed && isUnknown ? write(dnsRcode.serverFailure, [], 0) : { bytes: response, reusableUntil: 0 };
  }

  /** For another connection: what is this one's own, and a refusal for anything else. */
  async respondToPeer(query: Query, transport: 'udp' | 'tcp'): Promise<Response> {
    const found = await this.#find(query, 0);
    if (found.kind === 'former') {
      const rcode = found.hasClusterFailed ? dnsRcode.serverFailure : dnsRcode.refused;
      return { bytes: writeRefusal(query.bytes, rcode), reusableUntil: 0 };
    }
    const maxBytes = transport === 'udp' ? udpLimit(query) : 0xffff;
    const bytes =
      found.kind === 'failed'
        ? writeResponse(query, dnsRcode.serverFailure, [], maxBytes)
        : writeResponse(query, found.rcode, found.records, maxBytes);
    return { bytes, reusableUntil: 0 };
  }

  async #find(question: DnsQuestion, depth: number): Promise<Found> {
    const chosen = route(question, this.policy);
    switch (chosen.kind) {
      case 'former':
        return { kind: 'former', hasClusterFailed: false, isFallback: false };
      case 'nxdomain':
        return this.#literal([], dnsRcode.nameError);
      case 'addresses':
        return this.#literal(addressRecords(question, chosen.addresses));
      case 'pointer':
        return this.#literal([rawRecord(question.name, dnsType.ptr, answerTtlSeconds, writeName(chosen.target))]);
      case 'alias':
        return this.#follow(question, [cnameRecord(question.name, chosen.target)], performance.now() + literalMs, depth);
      default:
        return this.#askCluster(question, chosen, depth);
    }
  }

  async #askCluster(question: DnsQuestion, { names, otherwise }: Route & { kind: 'cluster' }, depth: number): Promise<Found> {
    const isAmbiguous = otherwise === 'former';
    const former = (hasClusterFailed: boolean): Found => ({ kind: 'former', hasClusterFailed, isFallback: true });
    if (isAmbiguous && this.#former.hasServers && performance.now() < this.#clusterFailedAt + failureMemoryMs)
      return former(true);

    const isAsked = clusterTypes.has(question.type);
    const type = isAsked ? question.type : dnsType.a;
    for (const name of names) {
      if (this.isRecursing && !isWithin(name, this.policy.clusterDomain) && this.#cluster.isPending(name, type))
        return former(false);
      const answer = await this.#resolve(name, type, isAmbiguous);
      if (answer.kind === 'failed') return isAmbiguous ? former(true) : { kind: 'failed' };
      if (answer.rcode === dnsRcode.nameError && answer.records.length === 0) {
        if (type === dnsType.aaaa && (await this.#hasIpv4(name, isAmbiguous))) return this.#literal([], dnsRcode.noError, 0);
        continue;
      }
      const records = isAsked ? answer.records.map((record) => renamed(record, name, question.name)) : [];
      // The packet is made anew from the point on where the answer is to be refreshed.
      return this.#follow(question, records, answer.refreshAt, depth, answer.rcode);
    }
    return isAmbiguous && this.#former.hasServers ? former(false) : this.#literal([], dnsRcode.nameError, 0);
  }

  /** Completes a chain of CNAMEs that ends without what was asked for: a service that stands for a name outside of the cluster. */
  async #follow(
    question: DnsQuestion,
    records: readonly RawRecord[],
    reusableUntil: number,
    depth: number,
    rcode: number = dnsRcode.noError,
  ): Promise<Found> {
    const found: Found = { kind: 'found', rcode, records: records.map(withAnswerTtl), reusableUntil };
    if (question.type === dnsType.cname) return found;
    const target = openEnd(question, records);
    if (target === undefined) return found;
    if (depth >= maxChain) return { kind: 'failed' };
    const rest = await this.#findTarget({ name: target, type: question.type }, depth + 1);
    if (rest.kind !== 'found') return { kind: 'failed' };
    return {
      kind: 'found',
      rcode: rest.rcode,
      records: [...found.records, ...rest.records],
      reusableUntil: Math.min(reusableUntil, rest.reusableUntil),
    };
  }

  async #findTarget(question: DnsQuestion, depth: number): Promise<Found> {
    const found = await this.#find(question, depth);
    if (found.kind !== 'former') return found;
    if (!found.isFallback && clusterTypes.has(question.type)) {
      // The cluster's network may know the name as something else than the laptop's does, and it is the cluster that named it.
      const answer = await this.#resolve(question.name, question.type, true);
      if (answer.kind === 'answered' && answer.rcode === dnsRcode.noError) {
        return {
          kind: 'found',
          rcode: answer.rcode,
          records: answer.records.map(withAnswerTtl),
          reusableUntil: answer.refreshAt,
        };
      }
    }
    return this.#askFormer(question);
  }

  async #askFormer({ name, type }: DnsQuestion): Promise<Found> {
    const query = encode({ type: 'query', id: 1, flags: 0x100, questions: [{ name, type: 'A' }] });
    query.writeUInt16BE(type, query.length - 4);
    let response = await this.#former.forward(query, 'udp');
    const isTruncated = response !== undefined && ((response[2] ?? 0) & 2) !== 0;
    if (isTruncated) response = await this.#former.forward(query, 'tcp');
    if (response === undefined) return { kind: 'failed' };
    try {
      const { rcode, rrs } = packMessage(response);
      return { kind: 'found', rcode, records: readRecords(rrs).map(withAnswerTtl), reusableUntil: 0 };
    } catch (error) {
      if (error instanceof DnsFormatError) return { kind: 'failed' };
      throw error;
    }
  }

  /** Some managers say "no such name" of one without IPv6 addresses. Resolvers ask for both families at once, so this joins that. */
  async #hasIpv4(name: string, isAmbiguous: boolean): Promise<boolean> {
    const answer = await this.#resolve(name, dnsType.a, isAmbiguous);
    return answer.kind === 'answered' && answer.rcode === dnsRcode.noError;
  }

  async #resolve(name: string, type: number, isAmbiguous: boolean): Promise<ClusterAnswer> {
    const answer = await this.#cluster.resolve(
      name,
      type,
      isAmbiguous ? Math.min(this.lookupTimeoutMs, ambiguousTimeoutMs) : this.lookupTimeoutMs,
    );
    this.#clusterFailedAt = answer.kind === 'failed' ? performance.now() : Number.NEGATIVE_INFINITY;
    return answer;
  }

  #literal(records: readonly RawRecord[], rcode: number = dnsRcode.noError, keepMs = literalMs): Found {
    return { kind: 'found', rcode, records, reusableUntil: performance.now() + keepMs };
  }
}

function addressRecords({ name, type }: DnsQuestion, addresses: readonly IpAddress[]): RawRecord[] {
  const family = type === dnsType.a ? 4 : type === dnsType.aaaa ? 6 : undefined;
  return addresses
    .filter((address) => address.family === family)
    .map((address) => rawRecord(name, type, answerTtlSeconds, Buffer.from(ipToBytes(address))));
}

function cnameRecord(name: string, target: string): RawRecord {
  return rawRecord(name, dnsType.cname, answerTtlSeconds, writeName(withFinalDot(target)));
}

/** The answer carries the name that was asked, not the one that it stood for. */
function renamed(record: RawRecord, from: string, to: string): RawRecord {
  return record.owner.toLowerCase() === from ? { ...record, owner: to } : record;
}

function withAnswerTtl(record: RawRecord): RawRecord {
  return record.ttl <= answerTtlSeconds ? record : { ...record, ttl: answerTtlSeconds };
}

/** The name that CNAMEs lead to, where the records hold nothing of it; `undefined` when they do, or when there are no CNAMEs. */
function openEnd({ name, type }: DnsQuestion, records: readonly RawRecord[]): string | undefined {
  let owner = name;
  for (let step = 0; step < maxChain; step += 1) {
    const own = records.filter((record) => record.owner.toLowerCase() === owner);
    if (own.some((record) => record.type === type)) return undefined;
    const cname = own.find((record) => record.type === dnsType.cname);
    if (cname === undefined) return step === 0 ? undefined : owner;
    owner = nameInData(cname.data).toLowerCase();
  }
  return owner;
}

/** Applies a translation to the addresses among the records. */
export function translateAddresses(
  records: readonly RawRecord[],
  translate: (address: IpAddress) => IpAddress | undefined,
): RawRecord[] {
  return records.map((record) => {
    if (record.type !== dnsType.a && record.type !== dnsType.aaaa) return record;
    const address = ipFromBytes(record.data);
    const translated = address === undefined ? undefined : translate(address);
    return translated === undefined || translated.family !== address?.family
      ? record
      : { ...record, data: Buffer.from(ipToBytes(translated)) };
  });
}
