import { realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What stays up of a demo. */
export interface KeptDemo {
  /** As a person types the product's command. */
  readonly command: string;
  /** What these commands need in their environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** The kubeconfig of the sandbox, or what the person uses. */
  readonly kubeconfig: string;
  /** Of a real cluster; absent: the sandbox. */
  readonly context: string | undefined;
  readonly rootless: boolean;
  /** The demo has installed the traffic-manager, which was not there. */
  readonly hasInstalled: boolean;
  readonly shopNamespace: string;
}

/** What a person is told who keeps a demo: lines for a shell start with `$`, the way they are to be typed. */
export function wayOn(kept: KeptDemo): readonly string[] {
  const { command, environment, directory, kubeconfig, context, rootless, hasInstalled, shopNamespace } = kept;
  const url = `http://web.${shopNamespace}`;
  const exports = Object.entries(environment).map(([name, value]) => `${name}=${shellWord(value)}`);
  const end =
    context === undefined
      ? [`${command} quit --stop-daemons`, `${command} sandbox down`]
      : [
          `kubectl --context ${shellWord(context)} delete namespace ${shopNamespace}`,
          ...(hasInstalled ? [`${command} helm uninstall --context ${shellWord(context)}`] : []),
          // After the others, which start a daemon where there is none.
          `${command} quit --stop-daemons`,
        ];
  return [
    rootless ? `The shop, within ${command} shell: ${url}` : `The shop, in any program of this machine: ${url}`,
    `The kubeconfig: ${kubeconfig}`,
    '',
    'The commands below need this in your shell:',
    `$ export ${exports.join(' ')}`,
    '',
    'To try:',
    `$ ${command} status`,
    `$ ${command} list --namespace ${shopNamespace}`,
    `$ ${command} shell -- curl --silent ${url}`,
    `$ ${command} intercept catalogue --port 8080`,
    `$ ${command} leave catalogue`,
    `$ ${command} ui --no-open`,
    '',
    'To end it, and leave nothing behind:',
    `$ ${[...end, `rm -r ${shellWord(directory)}`].join(' && ')}`,
  ];
}

/** `telepresence` where that is this checkout's, else its path. */
export function commandName(checkout: string, path: string): string {
  const program = join(checkout, 'bin/telepresence');
  const first = path
    .split(delimiter)
    .map((directory) => real(join(directory, 'telepresence')))
    .find((found) => found !== undefined);
  return first !== undefined && first === real(program) ? 'telepresence' : shellWord(program);
}

/** Quoted for a POSIX shell where it has to be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
