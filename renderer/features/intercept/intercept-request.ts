import type { InterceptRequest } from '#protocol/local-api/model.ts';
import type { WorkloadRow } from '../../stores/workloads.ts';
import { texts } from '../../texts/en.ts';
import type { InterceptDraft, WizardStep } from './intercept-draft.ts';
import { type PortChoice, portChoices, wishedPort } from './port-choices.ts';

const words = texts.intercept;
const maxPort = 65_535;

export type Field =
  | 'workload'
  | 'port'
  | 'portText'
  | 'name'
  | 'laptopPort'
  | 'address'
  | 'command'
  | 'directory'
  | 'launcher'
  | 'environment'
  | 'toPod'
  | 'envFile';
export type Problems = Partial<Readonly<Record<Field, string>>>;

export interface DraftContext {
  readonly row: WorkloadRow | undefined;
  /** Names of engagements of this connection. */
  readonly takenNames: readonly string[];
  readonly connectedNamespace: string;
}

/** What is wrong with a step's fields, in words that stand beside them. */
export function stepProblems(step: WizardStep, draft: InterceptDraft, context: DraftContext): Problems {
  if (step === 'what') return whatProblems(draft, context);
  if (step === 'where') return whereProblems(draft, context);
  return {};
}

/** The request as the daemon takes it; undefined while something is missing. */
export function draftRequest(draft: InterceptDraft, context: DraftContext): InterceptRequest | undefined {
  const { row, connectedNamespace } = context;
  if (row === undefined || hasProblems(whatProblems(draft, context)) || hasProblems(whereProblems(draft, context)))
    return undefined;
  const { workload } = row;
  const choice = chosenPort(draft, row);
  const laptopPort = effectivePort(draft, row);
  if (laptopPort === undefined) return undefined;
  const identifier = choice?.identifier ?? (draft.portText.trim() === '' ? undefined : draft.portText.trim());
  const name = effectiveName(draft, row);
  return {
    name,
    ...(name === workload.name ? {} : { workload: workload.name }),
    ...(workload.namespace === connectedNamespace ? {} : { namespace: workload.namespace }),
    ...serviceOf(draft, row, choice),
    ...(draft.container === undefined ? {} : { container: draft.container }),
    ports: [{ laptopPort, ...(identifier === undefined ? {} : { identifier }) }],
    ...(draft.address === '' ? {} : { address: draft.address }),
    toPod: draft.toPod.map(Number),
    ...(draft.envFile === '' ? {} : { envFile: { path: draft.envFile, syntax: draft.envSyntax } }),
    ...handlerOf(draft),
  };
}

export function effectiveName(draft: Pick<InterceptDraft, 'name'>, { workload }: Pick<WorkloadRow, 'workload'>): string {
  return draft.name === '' ? workload.name : draft.name;
}

/** Chosen by a person, else by a link, else by itself where it is the only one. */
export function chosenPort(draft: Pick<InterceptDraft, 'port' | 'portWish'>, row: WorkloadRow): PortChoice | undefined {
  const choices = portChoices(row.details);
  const chosen = choices.find(({ id }) => id === draft.port);
  if (chosen !== undefined) return chosen;
  if (draft.portWish !== undefined) return wishedPort(choices, draft.portWish);
  return choices.length === 1 ? choices[0] : undefined;
}

/** Whether a link asks for a port that the workload does not have, or has several times. */
export function isWishUnmet(draft: InterceptDraft, row: WorkloadRow): boolean {
  const isAsked = draft.portWish?.identifier !== undefined || draft.portWish?.service !== undefined;
  return isAsked && portChoices(row.details).length > 0 && chosenPort(draft, row) === undefined;
}

/** Unless somebody says otherwise, the program listens where the container does. */
export function effectivePort(
  draft: Pick<InterceptDraft, 'laptopPort' | 'port' | 'portWish' | 'portText'>,
  row: WorkloadRow | undefined,
): number | undefined {
  if (draft.laptopPort !== undefined) return draft.laptopPort;
  if (row === undefined) return undefined;
  const choice = chosenPort(draft, row);
  if (choice !== undefined) return choice.containerPort;
  const written = Number.parseInt(draft.portText, 10);
  return isPort(written) ? written : undefined;
}

/** NAME=value, one a line; `problem` is the number of the first line that is not. */
export function parseEnvironment(text: string): {
  readonly values: Readonly<Record<string, string>>;
  readonly problem: number | undefined;
} {
  const values: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const match = /^\s*([A-Za-z_][A-Za-z0-9_.-]*)=(.*)$/.exec(line);
    if (match === null) return { values, problem: index + 1 };
    const [, name = '', value = ''] = match;
    values[name] = value;
  }
  return { values, problem: undefined };
}

export function hasProblems(problems: Problems): boolean {
  return Object.keys(problems).length > 0;
}

function whatProblems(draft: InterceptDraft, { row, takenNames }: DraftContext): Problems {
  if (draft.workload === undefined) return { workload: words.workloadMissing };
  if (row === undefined) return { workload: words.workloadGone };
  const problems: { -readonly [Name in Field]?: string } = {};
  const choices = portChoices(row.details);
  if (choices.length > 0 && chosenPort(draft, row) === undefined) problems.port = words.portMissing;
  if (
    choices.length === 0 &&
    draft.portText.trim() !== '' &&
    !/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|\d{1,5})(\/(TCP|UDP))?$/.test(draft.portText.trim())
  )
    problems.portText = words.portInvalid;
  const name = effectiveName(draft, row);
  if (!/^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/.test(name)) problems.name = words.nameInvalid;
  else if (takenNames.includes(name)) problems.name = words.nameTaken;
  return problems;
}

function whereProblems(draft: InterceptDraft, { row }: DraftContext): Problems {
  const problems: { -readonly [Name in Field]?: string } = {};
  const port = effectivePort(draft, row);
  if (port === undefined || !isPort(port)) problems.laptopPort = words.laptopPortMissing;
  if (!/^[A-Za-z0-9.:_-]*$/.test(draft.address)) problems.address = words.addressInvalid;
  if (draft.handler === 'command') {
    if (draft.command.trim() === '') problems.command = words.commandMissing;
    if (!isWholePath(draft.directory)) problems.directory = words.directoryMissing;
  }
  if (draft.handler === 'folder') {
    if (!isWholePath(draft.directory)) problems.directory = words.directoryMissing;
    else if (draft.launcher === undefined) problems.launcher = words.launcherMissing;
  }
  const { problem } = parseEnvironment(draft.environment);
  if (draft.handler !== 'port' && problem !== undefined) problems.environment = words.environmentInvalid(problem);
  if (!draft.toPod.every((port_) => isPort(Number(port_)))) problems.toPod = words.toPodInvalid;
  if (draft.envFile !== '' && !isWholePath(draft.envFile)) problems.envFile = words.directoryMissing;
  return problems;
}

function handlerOf(draft: InterceptDraft): Pick<InterceptRequest, 'handler'> {
  if (draft.handler === 'port') return {};
  const { values } = parseEnvironment(draft.environment);
  const { launcher } = draft;
  if (draft.handler === 'command') {
    return { handler: { command: draft.command.trim(), directory: draft.directory, environment: { ...values } } };
  }
  if (launcher === undefined) return {};
  const { command, directory, environment } = launcher;
  return { handler: { command, directory, environment: { ...environment, ...values } } };
}

/** Where the cluster does not tell of Services, the link is believed. */
function serviceOf(
  { portWish }: InterceptDraft,
  row: WorkloadRow,
  choice: PortChoice | undefined,
): Pick<InterceptRequest, 'service'> {
  if (choice === undefined) return portWish?.service === undefined ? {} : { service: portWish.service };
  return choice.service === undefined || !needsService(row) ? {} : { service: choice.service };
}

/** A port that one Service has needs no word about which Service is meant. */
function needsService({ details }: WorkloadRow): boolean {
  return (details?.services.length ?? 0) > 1;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= maxPort;
}

function isWholePath(path: string): boolean {
  return path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path);
}
