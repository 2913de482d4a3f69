import { productPaths } from '#base/node/paths.ts';
import { findDaemonAt } from '#net/rpc/find-daemon.ts';
import { readState } from '#net/rpc/state-mirror.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type LayoutResult, result, runProgram } from './layout-program.ts';

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Whether daemon and command line find the sandbox, and have it start with the demo shop and the traffic-manager in it. A machine that may
 * not run one says so in the result's name.
 */
export async function checkSandbox(command: string, env: NodeJS.ProcessEnv): Promise<readonly LayoutResult[]> {
  if (process.platform !== 'linux') return [];
  const obstacle = await findObstacle();
  if (obstacle !== undefined)
    return [await checkDaemon(env, false), { name: `telepresence sandbox up (not tried: ${obstacle})` }];
  try {
    const up = await runProgram(command, ['sandbox', 'up', '--shop', '--output', 'json'], env);
    return [
      result('telepresence sandbox up --shop', up, (text) => text.includes('"shop": "shop"')),
      await checkDaemon(env, true),
      result('telepresence sandbox status', await runProgram(command, ['sandbox', 'status'], env), (text) =>
        text.includes('The sandbox runs'),
      ),
    ];
  } finally {
    await runProgram(command, ['sandbox', 'down'], env);
  }
}

/** What the sandbox needs of a machine, and this one has not. */
async function findObstacle(): Promise<string | undefined> {
  const script = ['ip', 'nft', 'setpriv', 'nsenter', 'unshare'].map(
    (name) => `command -v ${name} >/dev/null || { echo no ${name}; exit 1; }`,
  );
  const user = process.getuid?.() === 0 ? '' : '--user --map-root-user';
  const lines = [...script, `unshare ${user} --mount --net --pid --fork true`];
  const { code, output } = await runProgram('/bin/sh', ['-c', lines.join('\n')], { PATH: systemPath });
  return code === 0 ? undefined : output.trim();
}

async function checkDaemon(env: NodeJS.ProcessEnv, isStarted: boolean): Promise<LayoutResult> {
  const name = 'the daemon’s sandbox';
  const api = await findDaemonAt(productPaths(env).daemonSocket);
  if (api === undefined) return { name, problem: 'there is no daemon' };
  try {
    const { capabilities } = (await readState(api)).daemon;
    if (!capabilities.includes('sandbox')) return { name, problem: 'the daemon does not offer it' };
    if (!isStarted) return { name };
    const { namespace } = await api.call('startSandbox', {});
    return namespace === 'shop' ? { name } : { name, problem: `it is in the namespace ${namespace}` };
  } catch (error) {
    const { message, reason = '' } = AppError.from(error);
    return { name, problem: `${message} ${reason}` };
  } finally {
    api.close();
  }
}
