import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a product of this kind could leave changed on a machine, as lines by what they are about. */
export type MachineState = Readonly<Record<string, readonly string[]>>;

const commands: Readonly<Record<string, readonly string[]>> = {
  interfaces: ['ip', '-brief', 'link'],
  addresses: ['ip', '-brief', 'address'],
  'IPv4 routes': ['ip', '-4', 'route', 'show', 'table', 'all'],
  'IPv6 routes': ['ip', '-6', 'route', 'show', 'table', 'all'],
  rules: ['ip', 'rule'],
  'packet filter': ['nft', 'list', 'tables'],
};

/** As far as this user may see it; a program that is missing says nothing, before and after. */
export async function readMachineState(): Promise<MachineState> {
  const outputs = await Promise.all(
    Object.entries(commands).map(async ([name, [program = '', ...args]]) => {
      const text = await run(program, args).then(
        ({ stdout }) => stdout,
        () => '',
      );
      return [name, lines(text)] as const;
    }),
  );
  const resolver = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  return { ...Object.fromEntries(outputs), resolver: lines(resolver) };
}

/** What differs, a line each; empty: nothing. */
export function compareMachineStates(before: MachineState, after: MachineState): readonly string[] {
  return Object.keys(before).flatMap((name) => {
    const [was, is] = [before[name] ?? [], after[name] ?? []];
    return [
      ...was.filter((line) => !is.includes(line)).map((line) => `${name}: gone: ${line}`),
      ...is.filter((line) => !was.includes(line)).map((line) => `${name}: new: ${line}`),
    ];
  });
}

/** Containers of others come and go, each with one end of a pair; so do the laptops of `e2e/laptop`. */
const ofOthers = /\bveth[0-9a-f]{8}\b|\bv-l-[0-9A-Za-z]{6}\b/;

function lines(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !ofOthers.test(line));
}
