import { create } from 'zustand';
import type { EnvSyntax } from '#protocol/local-api/env-syntaxes.ts';

export const wizardSteps = ['what', 'who', 'where', 'review'] as const;
export type WizardStep = (typeof wizardSteps)[number];

export const handlerKinds = ['port', 'command', 'folder'] as const;
export type HandlerKind = (typeof handlerKinds)[number];

/** A way to start a program, found in a folder. */
export interface Launcher {
  readonly kind: 'npm-script' | 'launch-configuration' | 'procfile' | 'compose';
  readonly name: string;
  readonly command: string;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly problem?: string | undefined;
}

/** A port as a link names it: by name or number, and the Service that it is of. */
export interface PortWish {
  readonly identifier: string | undefined;
  readonly service: string | undefined;
}

/** Everything that is filled in. It stays when the page is left, whichever way. */
export interface InterceptDraft {
  readonly step: WizardStep;
  /** Steps whose errors are shown, since somebody wanted to go on from there. */
  readonly tried: readonly WizardStep[];
  /** `workloadKey`. */
  readonly workload: string | undefined;
  /** Empty: that of the workload. */
  readonly name: string;
  /** Id of a `PortChoice`. */
  readonly port: string | undefined;
  /** What a link says of the port, until somebody chooses one. */
  readonly portWish: PortWish | undefined;
  /** Where no ports are known. */
  readonly portText: string;
  readonly container: string | undefined;
  readonly handler: HandlerKind;
  /** Undefined: that of the container. */
  readonly laptopPort: number | undefined;
  readonly address: string;
  readonly command: string;
  readonly directory: string;
  readonly launcher: Launcher | undefined;
  readonly environment: string;
  readonly envFile: string;
  readonly envSyntax: EnvSyntax;
  readonly toPod: string[];
}

const empty: InterceptDraft = {
  step: 'what',
  tried: [],
  workload: undefined,
  name: '',
  port: undefined,
  portWish: undefined,
  portText: '',
  container: undefined,
  handler: 'port',
  laptopPort: undefined,
  address: '',
  command: '',
  directory: '',
  launcher: undefined,
  environment: '',
  envFile: '',
  envSyntax: 'docker',
  toPod: [],
};

export const useInterceptDraft = create<InterceptDraft>()(() => empty);

export function changeDraft(change: Partial<InterceptDraft>): void {
  useInterceptDraft.setState(change);
}

/** Another workload has other ports and containers; how to handle it may well be the same. */
export function chooseWorkload(workload: string | undefined): void {
  const before = useInterceptDraft.getState();
  if (before.workload === workload) return;
  useInterceptDraft.setState({
    workload,
    name: '',
    port: undefined,
    portWish: undefined,
    portText: '',
    container: undefined,
    laptopPort: undefined,
    step: 'what',
    tried: [],
  });
}

/** After a start: the next intercept begins anew, with the same folder. */
export function resetDraft(): void {
  const { directory, handler } = useInterceptDraft.getState();
  useInterceptDraft.setState({ ...empty, directory, handler });
}
