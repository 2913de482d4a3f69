import type { Command as Commander, Option } from 'commander';
import type { CliIo } from '../invocation.ts';
import { buildProgram } from '../program.ts';
import { completeValue, type ValueKind, valueKinds } from './value-candidates.ts';

/**
 * Answers a shell's completion script: the words after the program's name, the last one being typed. Prints a candidate per line, with
 * a description after a tab. Completion never fails aloud and starts nothing.
 */
export async function complete(words: readonly string[], io: CliIo): Promise<number> {
  const program = buildProgram(() => Promise.resolve());
  try {
    for (const { value, description } of await candidates(program, words, io)) {
      io.stdout.write(description === undefined ? `${value}\n` : `${value}\t${description}\n`);
    }
  } catch {
    // A cluster out of reach means no candidates.
  }
  return 0;
}

export interface Candidate {
  readonly value: string;
  readonly description?: string;
}

/** What may stand at the place of the last word. */
export async function candidates(program: Commander, words: readonly string[], io: CliIo): Promise<Candidate[]> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  if (before.includes('--')) return [];
  const { command, positionals, pendingOption, optionValues } = walk(program, before);
  const equals = current.indexOf('=');
  if (pendingOption !== undefined) return await optionCandidates(pendingOption, current, optionValues, io);
  if (current.startsWith('--') && equals !== -1) {
    const flag = current.slice(0, equals);
    const option = findOption(program, command, flag);
    if (option === undefined) return [];
    const found = await optionCandidates(option, current.slice(equals + 1), optionValues, io);
    return found.map((candidate) => ({ ...candidate, value: `${flag}=${candidate.value}` }));
  }
  if (current.startsWith('-')) return flagCandidates(program, command, current);
  if (command.commands.length > 0) return subcommandCandidates(command, current);
  const argument = command.registeredArguments[positionals] ?? command.registeredArguments.findLast((last) => last.variadic);
  if (argument === undefined) return [];
  if (argument.argChoices !== undefined) return startingWith(argument.argChoices, current);
  const kind = argumentKinds[argument.name()];
  return kind === undefined ? [] : startingWith(await completeValue(kind, optionValues, io), current);
}

/** Arguments and flags whose values are looked up, by name. */
const argumentKinds: Readonly<Record<string, ValueKind>> = {
  workload: 'workload',
  name: 'workload',
  engagement: 'engagement',
};
const optionKinds: Readonly<Record<string, ValueKind>> = {
  context: 'context',
  namespace: 'namespace',
  managerNamespace: 'namespace',
  mappedNamespaces: 'namespace',
  use: 'connection',
  workload: 'workload',
};

interface Place {
  readonly command: Commander;
  readonly positionals: number;
  readonly pendingOption: Option | undefined;
  readonly optionValues: Readonly<Record<string, string>>;
}

function walk(program: Commander, words: readonly string[]): Place {
  let command = program;
  let positionals = 0;
  let pendingOption: Option | undefined;
  const optionValues: Record<string, string> = {};
  for (const word of words) {
    if (pendingOption !== undefined) {
      optionValues[pendingOption.attributeName()] = word;
      pendingOption = undefined;
    } else if (word.startsWith('-') && word !== '-') {
      const [flag = '', ...value] = word.split('=');
      const option = findOption(program, command, flag);
      if (option === undefined) continue;
      if (value.length > 0) optionValues[option.attributeName()] = value.join('=');
      else if (option.required) pendingOption = option;
    } else {
      const next = command.commands.find((sub) => sub.name() === word || sub.aliases().includes(word));
      if (next === undefined) positionals += 1;
      else command = next;
    }
  }
  return { command, positionals, pendingOption, optionValues };
}

function findOption(program: Commander, command: Commander, flag: string): Option | undefined {
  return [...command.options, ...program.options].find(({ short, long }) => flag === short || flag === long);
}

function flagCandidates(program: Commander, command: Commander, current: string): Candidate[] {
  const options = [...command.options, ...(command === program ? [] : program.options)];
  return [
    ...options.flatMap(({ long, description }) => (long === undefined || long === null ? [] : [{ value: long, description }])),
    { value: '--help', description: 'show help' },
  ].filter(({ value }) => value.startsWith(current));
}

function subcommandCandidates(command: Commander, current: string): Candidate[] {
  return command.commands
    .map((sub) => ({ value: sub.name(), description: sub.description() }))
    .filter(({ value }) => value.startsWith(current));
}

async function optionCandidates(
  option: Option,
  current: string,
  values: Readonly<Record<string, string>>,
  io: CliIo,
): Promise<Candidate[]> {
  if (option.argChoices !== undefined) return startingWith(option.argChoices, current);
  const kind = optionKinds[option.attributeName()];
  if (kind === undefined || !valueKinds.includes(kind)) return [];
  // Only the last item of a list is being typed.
  const listed = option.attributeName() === 'mappedNamespaces' ? current.slice(0, current.lastIndexOf(',') + 1) : '';
  const found = startingWith(await completeValue(kind, values, io), current.slice(listed.length));
  return found.map(({ value }) => ({ value: `${listed}${value}` }));
}

function startingWith(values: readonly string[], prefix: string): Candidate[] {
  return values.filter((value) => value.startsWith(prefix)).map((value) => ({ value }));
}
