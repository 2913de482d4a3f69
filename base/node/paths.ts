import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the parts of the product on one laptop meet, for one user. */
export interface Paths {
  /** Sockets and other things that end with the login session; mode 0700. */
  readonly runtimeDirectory: string;
  readonly daemonSocket: string;
  /** Names the helper of this user and runtime directory: 12 hexadecimal digits. */
  readonly helperInstance: string;
  /** In a directory that belongs to root. */
  readonly helperSocket: string;
  readonly configFile: string;
  /** Desired state and the install id. */
  readonly stateDirectory: string;
  readonly logDirectory: string;
}

/** Root-owned; one directory for each helper instance below it. */
export const helperRuntimeDirectory = '/run/telepresence';

/**
 * Paths by the XDG base directory specification; `TELEPRESENCE_RUNTIME_DIR` and `TELEPRESENCE_CONFIG` override the runtime
 * directory and the configuration file. Without `XDG_RUNTIME_DIR` sockets live in a folder of the user's own in the system's
 * temporary directory.
 */
export function productPaths(env: Readonly<Record<string, string | undefined>>, uid = process.getuid?.() ?? 0): Paths {
  const home = env['HOME'] ?? homedir();
  const under = (variable: string, fallback: string) => join(nonEmpty(env[variable]) ?? join(home, fallback), 'telepresence');
  const runtimeDirectory =
    nonEmpty(env['TELEPRESENCE_RUNTIME_DIR']) ??
    (nonEmpty(env['XDG_RUNTIME_DIR']) === undefined
      ? join(tmpdir(), `telepresence-${uid}`)
      : join(env['XDG_RUNTIME_DIR'] ?? '', 'telepresence'));
  const stateDirectory = under('XDG_STATE_HOME', '.local/state');
  return {
    runtimeDirectory,
    daemonSocket: join(runtimeDirectory, 'daemon.sock'),
    // Most commands need neither, and would wait 10 ms for the code that hashes.
    get helperInstance() {
      return hash(`${uid}:${runtimeDirectory}`).slice(0, 12);
    },
    get helperSocket() {
      return join(helperRuntimeDirectory, this.helperInstance, 'helper.sock');
    },
    configFile: nonEmpty(env['TELEPRESENCE_CONFIG']) ?? join(under('XDG_CONFIG_HOME', '.config'), 'config.yml'),
    stateDirectory,
    logDirectory: join(stateDirectory, 'logs'),
  };
}

function hash(text: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex');
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
