import type { ConnectChange, Place } from '../stores/view.ts';

/** What the window can do itself where a remedy names a command line. */
export type RemedyPlan =
  | { readonly kind: 'open'; readonly place: Place }
  /** `isAgain`: the command ends what is connected first. */
  | { readonly kind: 'connect'; readonly change: ConnectChange; readonly isAgain: boolean }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'stop-daemon' }
  | { readonly kind: 'leave'; readonly engagement: string }
  | { readonly kind: 'upgrade'; readonly values: readonly string[]; readonly isReused: boolean };

const pages: ReadonlyMap<string, Place> = new Map<string, Place>([
  ['list', { page: 'workloads' }],
  ['status', { page: 'workloads' }],
  ['doctor', { page: 'diagnose' }],
  ['list-namespaces', { page: 'connect' }],
  ['list-contexts', { page: 'connect' }],
  ['config view', { page: 'settings' }],
  ['gather-logs', { page: 'logs' }],
  ['intercept', { page: 'intercept' }],
]);

/** What to say instead of it is the person's to know: `NAME`, `…`, `{first,second}`. */
const placeholder = /^[A-Z_]{2,}$|[…{}]|=[A-Z_]{2,}\b/;
/** Lines that are more than one command of ours. */
const shellSyntax = /[|;&<>$`'"\\]/;

/** `undefined`: the person takes the command to a shell. */
export function remedyPlan(command: string): RemedyPlan | undefined {
  const again = /^telepresence quit && telepresence connect(.*)$/.exec(command);
  const line = again === null ? command : `telepresence connect${again[1] ?? ''}`;
  if (shellSyntax.test(line)) return undefined;
  const [program, ...words] = line.trim().split(/\s+/);
  if (program !== 'telepresence') return undefined;
  const [verb = '', ...args] = words;
  switch (verb) {
    case 'connect':
      return connectPlan(args, again !== null);
    case 'helm':
      return helmPlan(args);
    case 'quit':
      if (args.length === 0) return { kind: 'disconnect' };
      return args.join(' ') === '-s' ? { kind: 'stop-daemon' } : undefined;
    case 'resume':
      return args.length === 0 ? { kind: 'resume' } : undefined;
    case 'leave':
      return args.length === 1 && args[0] !== undefined && !placeholder.test(args[0])
        ? { kind: 'leave', engagement: args[0] }
        : undefined;
    case 'list':
      if (args.includes('--intercepts')) return { kind: 'open', place: { page: 'engagements' } };
      break;
    default:
  }
  const place = pages.get(verb) ?? pages.get(`${verb} ${args[0] ?? ''}`);
  return place === undefined ? undefined : { kind: 'open', place };
}

const textFlags = new Map<string, 'context' | 'namespace' | 'managerNamespace'>([
  ['--context', 'context'],
  ['--namespace', 'namespace'],
  ['--manager-namespace', 'managerNamespace'],
]);
const listFlags = new Map<string, 'vnat' | 'alsoProxy' | 'neverProxy' | 'allowConflictingSubnets' | 'mappedNamespaces'>([
  ['--vnat', 'vnat'],
  ['--also-proxy', 'alsoProxy'],
  ['--never-proxy', 'neverProxy'],
  ['--allow-conflicting-subnets', 'allowConflictingSubnets'],
  ['--mapped-namespaces', 'mappedNamespaces'],
]);

function connectPlan(args: readonly string[], isAgain: boolean): RemedyPlan | undefined {
  let change: ConnectChange = {};
  for (let index = 0; index < args.length; index += 1) {
    const flag = args[index] ?? '';
    if (flag === '--rootless') {
      change = { ...change, mode: 'rootless' };
      continue;
    }
    index += 1;
    const value = args[index];
    const text = textFlags.get(flag);
    const list = listFlags.get(flag);
    if (value === undefined || (text === undefined && list === undefined)) return undefined;
    // The field stays empty, for the person to fill in.
    if (placeholder.test(value)) continue;
    if (text !== undefined) change = { ...change, [text]: value };
    else if (list !== undefined) change = { ...change, [list]: value.split(',') };
  }
  return { kind: 'connect', change, isAgain };
}

function helmPlan([action, ...args]: readonly string[]): RemedyPlan | undefined {
  // Installing is offered where a context is chosen, with the namespace of the traffic-manager as its field.
  if (action === 'install') return args.includes('--set') ? undefined : connectPlan(args, false);
  if (action !== 'upgrade') return undefined;
  const values: string[] = [];
  let isReused = false;
  for (let index = 0; index < args.length; index += 1) {
    if (args[index] === '--reuse-values') isReused = true;
    else if (args[index] === '--set') {
      index += 1;
      const value = args[index];
      if (value === undefined || placeholder.test(value)) return undefined;
      values.push(value);
    } else return undefined;
  }
  return { kind: 'upgrade', values, isReused };
}
