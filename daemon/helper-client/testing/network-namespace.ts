import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A throw-away network namespace with its own resolv.conf; nothing outside it is touched. */
export interface NetworkNamespace {
  readonly name: string;
  /** Seen as /etc/resolv.conf by everything that is started inside. */
  readonly resolvConf: string;
  run(command: string, ...args: string[]): string;
  start(command: readonly string[]): LineProcess;
  setResolvConf(text: string): void;
  remove(): void;
}

/** A process that is spoken to in lines of JSON. */
export interface LineProcess {
  readonly process: ChildProcessWithoutNullStreams;
  readonly exited: Promise<number | string>;
  ask(command: string, argument?: string, input?: unknown): Promise<unknown>;
  /** Everything on standard error so far. */
  stderr(): string;
}

export function makeNetworkNamespace(resolvConf: string): NetworkNamespace {
  const name = `tphelper${randomBytes(4).toString('hex')}`;
  const directory = `/etc/netns/${name}`;
  const path = `${directory}/resolv.conf`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, resolvConf);
  execFileSync('ip', ['netns', 'add', name]);
  const inside = ['netns', 'exec', name];
  const namespace: NetworkNamespace = {
    name,
    resolvConf: path,
    run: (command, ...args) => execFileSync('ip', [...inside, command, ...args], { encoding: 'utf8', stdio: 'pipe' }),
    start: (command) => lineProcess(spawn('ip', [...inside, ...command], { stdio: 'pipe' })),
    setResolvConf: (text) => writeFileSync(path, text),
    remove: () => {
      execFileSync('ip', ['netns', 'delete', name]);
      rmSync(directory, { recursive: true });
      try {
        rmdirSync('/etc/netns');
      } catch {
        // Other namespaces have files there.
      }
    },
  };
  namespace.run('ip', 'link', 'set', 'lo', 'up');
  return namespace;
}

/** What must be the same before and after: links, routes, rules, resolv.conf. */
export function describeNamespace(namespace: NetworkNamespace): string {
  return [
    namespace.run('ip', '-brief', 'address'),
    namespace.run('ip', 'route', 'show', 'table', 'all'),
    namespace.run('ip', '-6', 'route', 'show', 'table', 'all'),
    namespace.run('nft', 'list', 'ruleset'),
    readFileSync(namespace.resolvConf, 'utf8'),
  ].join('\n');
}

function lineProcess(child: ChildProcessWithoutNullStreams): LineProcess {
  const waiting: ((line: string) => void)[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += String(text);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{"event"')) waiting.shift()?.(line);
  });
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  return {
    process: child,
    exited,
    stderr: () => errors,
    ask: async (command, argument = '', input = {}) => {
      const answer = new Promise<string>((resolve) => waiting.push(resolve));
      child.stdin.write(`${JSON.stringify({ command, argument, input })}\n`);
      const ended = exited.then((code) => {
        throw new Error(`Process ended (${code}): ${errors}`);
      });
      const value = JSON.parse(await Promise.race([answer, ended])) as { output?: unknown; error?: unknown };
      if (value.error !== undefined) throw Object.assign(new Error(JSON.stringify(value.error)), { data: value.error });
      return value.output;
    },
  };
}
