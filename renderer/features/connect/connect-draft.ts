import { create } from 'zustand';
import type { ConnectRequest } from '#protocol/local-api/model.ts';

/** What is filled in. It stays while the window is open. */
export interface ConnectDraft {
  /** Undefined: the kubeconfig's current one. */
  readonly context: string | undefined;
  readonly namespace: string;
  readonly mode: 'host' | 'rootless' | undefined;
  readonly managerNamespace: string;
  readonly mappedNamespaces: string[];
  readonly alsoProxy: string[];
  readonly neverProxy: string[];
  readonly allowConflictingSubnets: string[];
  readonly vnat: string[];
}

export const useConnectDraft = create<ConnectDraft>()(() => ({
  context: undefined,
  namespace: '',
  mode: undefined,
  managerNamespace: '',
  mappedNamespaces: [],
  alsoProxy: [],
  neverProxy: [],
  allowConflictingSubnets: [],
  vnat: [],
}));

export function changeDraft(change: Partial<ConnectDraft>): void {
  useConnectDraft.setState(change);
}

/** Members of the draft that are lists of subnets. */
const subnetFields = ['alsoProxy', 'neverProxy', 'allowConflictingSubnets', 'vnat'] as const;
export type SubnetField = (typeof subnetFields)[number];

const kubeName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const subnet = /^[0-9a-fA-F.:]+\/\d{1,3}$/;
/** What `vnat` takes beside subnets. */
const subnetWords: readonly string[] = ['all', 'pods', 'service', 'also', 'local'];

export function isKubeName(name: string): boolean {
  return kubeName.test(name);
}

/** The first value that is no subnet. */
export function wrongSubnet(values: readonly string[], field: SubnetField): string | undefined {
  return values.find((value) => !subnet.test(value) && !(field === 'vnat' && subnetWords.includes(value)));
}

export function canConnect(draft: ConnectDraft): boolean {
  const names = [draft.namespace, draft.managerNamespace].filter((name) => name !== '');
  return (
    [...names, ...draft.mappedNamespaces].every(isKubeName) &&
    subnetFields.every((field) => wrongSubnet(draft[field], field) === undefined)
  );
}

/** Without what was left as it is: the daemon compares requests. */
export function draftRequest(draft: ConnectDraft, mode: 'host' | 'rootless'): ConnectRequest {
  const listed = (name: 'mappedNamespaces' | SubnetField) => (draft[name].length === 0 ? {} : { [name]: [...draft[name]] });
  return {
    kubeFlags: draft.context === undefined ? {} : { context: draft.context },
    ...(draft.namespace === '' ? {} : { namespace: draft.namespace }),
    ...(draft.managerNamespace === '' ? {} : { managerNamespace: draft.managerNamespace }),
    ...(mode === 'host' ? {} : { mode }),
    ...listed('mappedNamespaces'),
    ...listed('alsoProxy'),
    ...listed('neverProxy'),
    ...listed('allowConflictingSubnets'),
    ...listed('vnat'),
  };
}
