import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What one question about the machine gave: lines, or why there is no answer. */
export type Reading =
  | { readonly kind: 'read'; readonly lines: readonly string[] }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** What a product of this kind could leave changed on a machine, by what it is about. */
export type MachineState = Readonly<Record<string, Reading>>;

export interface MachineComparison {
  /** What was read before and after. */
  readonly compared: readonly string[];
  /** What could be read neither before nor after, with the reason: nobody knows whether it is as before. */
  readonly unseen: readonly string[];
  /** What differs, a line each; empty: nothing that was compared. */
  readonly changes: readonly string[];
}

const commands: Readonly<Record<string, readonly string[]>> = {
  interfaces: ['ip', '-brief', 'link'],
  addresses: ['ip', '-brief', 'address'],
  'IPv4 routes': ['ip', '-4', 'route', 'show', 'table', 'all'],
  'IPv6 routes': ['ip', '-6', 'route', 'show', 'table', 'all'],
  'IPv4 rules': ['ip', '-4', 'rule'],
  'IPv6 rules': ['ip', '-6', 'rule'],
  // Without the counters, which go up by themselves.
  'packet filter': ['nft', '--stateless', 'list', 'ruleset'],
};

/** As far as this user may see it. */
export async function readMachineState(): Promise<MachineState> {
  const outputs = await Promise.all(
    Object.entries(commands).map(async ([name, [program = '', ...args]]) => {
      return [name, await readAll(run(program, args).then(({ stdout }) => stdout))] as const;
    }),
  );
  return { ...Object.fromEntries(outputs), resolver: await readAll(readFile('/etc/resolv.conf', 'utf8')) };
}

/** What could not be read counts as the same only where it is told: a failing program says nothing about the machine. */
export function compareMachineStates(before: MachineState, after: MachineState): MachineComparison {
  const compared: string[] = [];
  const unseen: string[] = [];
  const changes: string[] = [];
  for (const [name, was] of Object.entries(before)) {
    const is = after[name] ?? { kind: 'unreadable', reason: 'it was not looked at' };
    if (was.kind === 'read' && is.kind === 'read') {
      compared.push(name);
      changes.push(...without(was.lines, is.lines).map((line) => `${name}: gone: ${line}`));
      changes.push(...without(is.lines, was.lines).map((line) => `${name}: new: ${line}`));
    } else if (is.kind === 'unreadable') {
      if (was.kind === 'unreadable') unseen.push(`${name} (${is.reason})`);
      else changes.push(`${name}: cannot be read any more: ${is.reason}`);
    } else if (was.kind === 'unreadable') {
      unseen.push(`${name} (${was.reason}, before)`);
    }
  }
  return { compared, unseen, changes };
}

/** The sentence of the demo's end where nothing differs. */
export function asBefore({ compared, unseen }: MachineComparison): string {
  const same =
    compared.length === 0 ? 'Nothing of this machine could be compared.' : `As before on this machine: ${compared.join(', ')}.`;
  return unseen.length === 0 ? same : `${same}\nNot compared, for this user cannot see it: ${unseen.join(', ')}.`;
}

async function readAll(text: Promise<string>): Promise<Reading> {
  try {
    return { kind: 'read', lines: relevantLines(await text) };
  } catch (error) {
    return { kind: 'unreadable', reason: reasonOf(error) };
  }
}

/** Containers of others come and go, each with one end of a pair; so do the laptops of `e2e/laptop`. */
const ofOthers = /\bveth[0-9a-f]{8}\b|\bv-l-[0-9A-Za-z]{6}\b/;
/** What a router advertised is refreshed all the time. */
const lifetimes = / expires -?\d+sec/g;

/** Tables and chains of Kubernetes and container engines, which follow their services and containers all the time. */
const blockOfOthers = /^table \S+ kube-proxy |^\s+chain (KUBE-|CNI-|DOCKER|LIBVIRT_)/;
const jumpToOthers = /\bjump (KUBE-|CNI-|DOCKER|LIBVIRT_)/;

/** What to compare of a program's output. */
export function relevantLines(text: string): readonly string[] {
  return withoutBlocksOfOthers(text.split('\n'))
    .map((line) => line.replaceAll(lifetimes, '').trimEnd())
    .filter((line) => line !== '' && !ofOthers.test(line) && !jumpToOthers.test(line));
}

/** A block ends with a brace as far in as it began. */
function withoutBlocksOfOthers(lines: readonly string[]): readonly string[] {
  let end: string | undefined;
  return lines.filter((line) => {
    if (end === undefined && blockOfOthers.test(line)) end = `${/^\s*/.exec(line)?.[0] ?? ''}}`;
    if (end === undefined) return true;
    if (line === end) end = undefined;
    return false;
  });
}

/** Lines of `all` that `others` lacks; one that is there twice has to be there twice. */
function without(all: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return all.filter((line) => {
    const index = left.indexOf(line);
    if (index === -1) return true;
    left.splice(index, 1);
    return false;
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, stderr = '', path, message } = error as NodeJS.ErrnoException & { readonly stderr?: string };
  if (code === 'ENOENT') return `there is no ${path ?? 'such program'}`;
  return stderr.trim().split('\n')[0] || message;
}
