import type { Logger } from '#base/common/log.ts';
import { dnsRcode } from '#net/dns/constants.ts';
import { isWithin, normalizeName } from '#net/dns/names.ts';
import { packMessage } from '#net/dns/packed-records.ts';
import { readRecords, writeRecords } from '#net/dns/wire.ts';

/** A response code and the answers, packed one after another. */
export interface LookupAnswer {
  readonly rcode: number;
  readonly rrs: Buffer;
}

export interface Questioner {
  ask(name: string, type: number, signal?: AbortSignal): Promise<Buffer>;
}

/** Look-ups as the pods of the cluster make them. */
export class ClusterDns {
  readonly #questioner: Questioner;
  readonly #clusterDomain: string;
  readonly #logger: Logger;

  constructor(questioner: Questioner, clusterDomain: string, logger: Logger) {
    this.#questioner = questioner;
    this.#clusterDomain = clusterDomain;
    this.#logger = logger;
  }

  /**
   * Asks for the name and, where it may be short for a name of the cluster, for that too. A failure to ask is SERVFAIL.
   *
   * @param namespace of the laptop's connection: where a single label is looked for
   */
  async lookup(name: string, type: number, namespace: string, signal?: AbortSignal): Promise<LookupAnswer> {
    const asked = normalizeName(name);
    const candidates = candidateNames(asked, this.#clusterDomain, namespace);
    const answers = candidates.map(async (candidate) => renamed(await this.#ask(candidate, type, signal), candidate, asked));
    let last: LookupAnswer = { rcode: dnsRcode.nameError, rrs: Buffer.alloc(0) };
    for (const pending of answers) {
      last = await pending;
      if (last.rcode === dnsRcode.noError) return last;
    }
    return last;
  }

  async #ask(name: string, type: number, signal?: AbortSignal): Promise<LookupAnswer> {
    try {
      return packMessage(await this.#questioner.ask(name, type, signal));
    } catch (error) {
      this.#logger.debug('A look-up failed', { name, type, error });
      return { rcode: dnsRcode.serverFailure, rrs: Buffer.alloc(0) };
    }
  }
}

/**
 * The names that a short one may stand for, best first, as a pod's search path would have it: `web` in the laptop's namespace, `web.shop`
 * and `pod-0.web.shop` below `svc`, `web.shop.svc` below the cluster's domain. A name that says where it is stands for itself alone.
 *
 * @param name normalized
 */
export function candidateNames(name: string, clusterDomain: string, namespace: string): readonly string[] {
  const domain = normalizeName(clusterDomain);
  if (name === '' || isWithin(name, domain) || isWithin(name, 'arpa')) return [name];
  if (isWithin(name, 'svc')) return name === 'svc' ? [name] : [`${name}.${domain}`];
  // `_http._tcp.web.shop` is as short as `web.shop`.
  const hostLabels = name.split('.').filter((label) => !label.startsWith('_')).length;
  if (hostLabels === 1) return namespace === '' ? [name] : [`${name}.${normalizeName(namespace)}.svc.${domain}`, name];
  return hostLabels <= 3 ? [`${name}.svc.${domain}`, name] : [name];
}

/** The answer as one to the short name: the laptop must find the name that it asked for. */
function renamed(answer: LookupAnswer, candidate: string, asked: string): LookupAnswer {
  if (candidate === asked || answer.rrs.length === 0) return answer;
  const records = readRecords(answer.rrs);
  const rrs = writeRecords(
    records.map((record) => (normalizeName(record.owner) === candidate ? { ...record, owner: asked } : record)),
  );
  return { rcode: answer.rcode, rrs };
}
