import { isAbsolute, join } from 'node:path';
import { CommanderError } from 'commander';
import { productPaths } from '#base/node/paths.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type CommandName, commandLoaders } from './commands/names.ts';
import { withStdinKubeconfig } from './flags/stdin-kubeconfig.ts';
import type { CliIo, Command, GlobalFlags, Invocation } from './invocation.ts';
import { Output, type OutputFormat, outputFormats } from './output/output.ts';
import { buildProgram } from './program.ts';
import { createProgress } from './progress/progress.ts';

/** Runs one command line, without the program's name, and resolves to its exit code. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  if (argv[0] === '__complete') {
    const { complete } = await import('./completion/complete.ts');
    return await complete(argv.slice(argv[1] === '--' ? 2 : 1), io);
  }
  const split = argv.indexOf('--');
  const own = split === -1 ? argv : argv.slice(0, split);
  const trailing = split === -1 ? undefined : argv.slice(split + 1);
  let exitCode = 0;
  const program = buildProgram(async (name, options, args) => {
    exitCode = await runCommand(name, { io, globals: program.opts<GlobalFlags>(), trailing }, options, args);
  });
  const texts = { writeOut: (text: string) => void io.stdout.write(text), writeErr: () => undefined };
  for (const command of [program, ...program.commands.flatMap((sub) => [sub, ...sub.commands])]) command.configureOutput(texts);
  try {
    if (own.length === 0) program.help();
    await program.parseAsync([...own], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    return await reportUsage(error, own, io);
  }
  return exitCode;
}

/** Commands that run another one, given after `--`. */
const takesCommand: readonly CommandName[] = ['connect', 'intercept', 'shell'];

async function runCommand(
  name: CommandName,
  context: Pick<Invocation, 'io' | 'globals' | 'trailing'>,
  options: Readonly<Record<string, unknown>>,
  args: readonly string[],
): Promise<number> {
  const { io, globals } = context;
  const paths = productPaths(
    globals.config === undefined ? io.env : { ...io.env, TELEPRESENCE_CONFIG: absolute(io.cwd, globals.config) },
  );
  const output = new Output({
    stdout: io.stdout,
    stderr: io.stderr,
    format: globals.output,
    command: name,
    logDirectory: paths.logDirectory,
  });
  const progress = createProgress(output.isStructured && globals.progress === 'auto' ? 'quiet' : globals.progress, io.stderr);
  const invocation: Invocation = { ...context, paths, output, progress, signal: io.interrupts.signal };
  let exitCode = 0;
  let failure: AppError | undefined;
  try {
    if (context.trailing !== undefined && !takesCommand.includes(name))
      throw usageError(`"${name}" takes no command after --`, name);
    // The grammar in program.ts declares exactly the options that the module of the same name reads.
    const command = (await commandLoaders[name]()) as Command<Readonly<Record<string, unknown>>>;
    exitCode = (await command(invocation, await withStdinKubeconfig(options, invocation), args)) ?? 0;
  } catch (thrown) {
    failure = AppError.from(thrown);
    exitCode = failure.entry.exitCode;
  }
  progress.clear();
  await output.finish(failure);
  return exitCode;
}

async function reportUsage(error: CommanderError, argv: readonly string[], io: CliIo): Promise<number> {
  const command = typedCommand(argv);
  // Help that was asked for in a wrong place, such as a group of commands without one of them.
  const message = error.code === 'commander.help' ? `"${command}" needs a command` : error.message.replace(/^error: /, '');
  const failure = usageError(message, command);
  const output = new Output({
    stdout: io.stdout,
    stderr: io.stderr,
    format: typedFormat(argv),
    command,
    logDirectory: productPaths(io.env).logDirectory,
  });
  await output.finish(failure);
  return failure.entry.exitCode;
}

/** The message's further lines are the parser's guess at what was meant. */
function usageError(text: string, command: string): AppError {
  const [message = '', ...hints] = text.split('\n');
  return new AppError({
    code: 'usage',
    message,
    ...(hints.length === 0 ? {} : { reason: hints.join(' ').replace(/^\(|\)$/g, '') }),
    remedies: [{ label: 'See the help', command: `telepresence ${command} --help`.replace('  ', ' ') }],
  });
}

/** As much of a command's name as was typed: `helm install`, `helm`, or nothing. */
function typedCommand(argv: readonly string[]): string {
  const names = Object.keys(commandLoaders);
  const whole = names.find((name) => ` ${argv.join(' ')} `.includes(` ${name} `));
  return whole ?? argv.find((word) => names.some((name) => name.startsWith(`${word} `))) ?? '';
}

/** The format that was asked for, read without the parser, which has just failed. */
function typedFormat(argv: readonly string[]): OutputFormat {
  const index = argv.findIndex((word) => word === '--output' || word.startsWith('--output='));
  const word = argv[index] ?? '';
  const value = word === '--output' ? argv[index + 1] : word.slice('--output='.length);
  return outputFormats.find((format) => format === value) ?? 'default';
}

function absolute(cwd: string, path: string): string {
  return isAbsolute(path) ? path : join(cwd, path);
}
