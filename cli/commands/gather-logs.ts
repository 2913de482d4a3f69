import { resolve } from 'node:path';
import type { ApiClient } from '#net/rpc/client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import { findDaemon } from '../daemon/find-daemon.ts';
import { openDaemon } from '../daemon/open-daemon.ts';
import type { Command, Invocation } from '../invocation.ts';
import { stageProgress } from '../progress/stage-progress.ts';

export interface GatherLogsOptions {
  readonly outputFile?: string;
  readonly daemons: string;
  readonly trafficManager: string;
  readonly trafficAgents: string;
  readonly anonymize?: boolean;
  readonly getPodYaml?: boolean;
}

type Daemon = CallInput<'gatherLogs'>['daemons'][number];

/** `kubeauth` is a part of older versions; scripts name it, and it has no log here. */
const daemonNames: Readonly<Record<string, readonly Daemon[]>> = {
  all: ['user', 'root'],
  user: ['user'],
  root: ['root'],
  kubeauth: [],
  none: [],
};

/** Puts the logs of laptop and cluster into a zip file. Without a daemon one is started for as long as that takes. */
export const gatherLogs: Command<GatherLogsOptions> = async (invocation, options) => {
  const input = inputOf(invocation, options);
  const running = await findDaemon(invocation);
  const api = running ?? (await openDaemon(invocation));
  try {
    await gather(invocation, api, input);
  } finally {
    if (running === undefined) await api.call('quit', {});
    api.close();
  }
  return 0;
};

async function gather(invocation: Invocation, api: ApiClient, input: CallInput<'gatherLogs'>): Promise<void> {
  const { output, progress } = invocation;
  const result = await api.call('gatherLogs', input, stageProgress(invocation));
  progress.clear();
  if (!output.isStructured) for (const problem of result.problems) output.note(problem);
  output.result(result, () => {
    const count = result.entries.length === 1 ? '1 file' : `${result.entries.length} files`;
    return `Logs have been written to ${result.file} (${count})`;
  });
}

function inputOf({ io, globals }: Invocation, options: GatherLogsOptions): CallInput<'gatherLogs'> {
  const agents = options.trafficAgents;
  return {
    ...(globals.use === undefined ? {} : { use: globals.use }),
    outputFile: resolve(io.cwd, options.outputFile ?? `telepresence_logs_${timeInName(new Date())}.zip`),
    daemons: chosenDaemons(options.daemons),
    trafficManager: options.trafficManager === 'true',
    trafficAgents: /^(all|none)$/i.test(agents) ? agents.toLowerCase() : agents,
    anonymize: options.anonymize === true,
    podYaml: options.getPodYaml === true,
  };
}

function chosenDaemons(text: string): Daemon[] {
  const chosen = text.split(',').flatMap((word) => {
    const daemons = daemonNames[word.trim().toLowerCase()];
    if (daemons !== undefined) return daemons;
    throw new AppError({
      code: 'usage',
      message: `--daemons does not know "${word.trim()}"`,
      remedies: [{ label: 'Write all, root, user or None, several by commas' }],
    });
  });
  return [...new Set(chosen)];
}

/** Local time, without what file systems do not take. */
function timeInName(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}-${two(date.getMinutes())}-${two(date.getSeconds())}`;
}
