import type { DeepLink } from '#protocol/app-bridge/deep-link.ts';
import type { LinkTarget } from '../domain/link-target.ts';
import { texts } from '../texts/en.ts';

const words = texts.shell;

type Elsewhere = Extract<LinkTarget, { kind: 'elsewhere' }>;

/** Context and namespace of a connection that is to be made. */
export function linkPlaceText({ context, namespace }: Elsewhere): string {
  return `${context ?? words.linkCurrent} · ${namespace ?? words.linkCurrent}`;
}

/** What following a link does, one step a line. */
export function linkSteps(link: DeepLink, target: LinkTarget): readonly string[] {
  const reach = target.kind === 'there' ? reachStep(link, target.connection.state.kind === 'paused') : connectStep(target);
  return [...reach, ...(link.kind === 'intercept' ? [words.linkIntercept(link.workload)] : [])];
}

/** What the link says beside it, by name. */
export function linkFacts(link: DeepLink, target: LinkTarget): readonly (readonly [name: string, value: string])[] {
  const place = target.kind === 'there' ? target.connection : target;
  const managerNamespace = link.kind === 'connect' ? link.managerNamespace : undefined;
  const { service, container, port } = link.kind === 'intercept' ? link : {};
  const [laptopPort, clusterPort] = port?.split(':') ?? [];
  return [
    [words.context, place.context ?? words.linkCurrent],
    [words.namespace, place.namespace ?? words.linkCurrent],
    ...fact(words.linkManagerNamespace, managerNamespace),
    ...(link.kind === 'intercept' ? fact(words.linkWorkload, link.workload) : []),
    ...fact(words.linkService, service),
    ...fact(words.linkContainer, container),
    ...fact(words.linkPort, clusterPort),
    ...fact(words.linkLaptopPort, laptopPort),
  ];
}

function reachStep({ kind }: DeepLink, isPaused: boolean): readonly string[] {
  if (isPaused) return [words.linkResume];
  return kind === 'connect' ? [words.linkConnected] : [];
}

function connectStep({ context, namespace }: Elsewhere): readonly string[] {
  return [words.linkConnect(context ?? words.linkCurrent, namespace ?? words.linkCurrent)];
}

function fact(name: string, value: string | undefined): readonly (readonly [string, string])[] {
  return value === undefined ? [] : [[name, value]];
}
