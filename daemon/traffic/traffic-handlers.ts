import { writeFile } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import { exactPattern } from '#base/common/exact-pattern.ts';
import type { Handlers } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import type { Connections, Thread } from '../connection/connections.ts';
import { engagementNotFound } from '../engagements/engagement-not-found.ts';
import type { RawTraffic } from './raw-traffic.ts';

type TrafficCalls = 'watchTraffic' | 'readTraffic' | 'exportTraffic' | 'clearTraffic';

/** Read at once: the thread that hands them over has traffic to carry. */
const readLot = 50;

/** The calls of the local API that are about traffic. What passes stays in the connection's thread until somebody asks. */
export function createTrafficHandlers(
  daemon: Pick<DaemonContext, 'state'>,
  connections: Pick<Connections, 'thread'>,
): Pick<Handlers, TrafficCalls> {
  return {
    async watchTraffic({ use, engagement, bodies }, { emit, signal }) {
      const owner = ownerOf(daemon, engagement);
      await connections.thread(use ?? owner).call('watchTraffic', { engagement, bodies }, { signal, onEvent: emit });
      return {};
    },
    async readTraffic({ use, id, reveal }) {
      const { trafficDetail } = await import('./traffic-detail.ts');
      const [raw] = await read(connections.thread(use), [id]);
      if (raw === undefined) throw goneError();
      return trafficDetail(raw, reveal);
    },
    async exportTraffic({ use, ids, reveal, outputFile: file }) {
      const [{ trafficDetail }, { harOf }] = await Promise.all([import('./traffic-detail.ts'), import('./har.ts')]);
      const thread = connections.thread(use);
      const all = [...new Set(ids)];
      const found: RawTraffic[] = [];
      for (let at = 0; at < all.length; at += readLot) found.push(...(await read(thread, all.slice(at, at + readLot))));
      const requests = found.filter(({ request }) => request !== undefined);
      const har = harOf(
        requests.map((raw) => trafficDetail(raw, reveal)),
        reveal,
      );
      await writeNew(file, har);
      return { file, entries: requests.length, missing: all.length - found.length };
    },
    async clearTraffic({ use }) {
      await connections.thread(use).call('clearTraffic', {});
      return {};
    },
  };
}

async function read(thread: Thread, ids: readonly number[]): Promise<readonly RawTraffic[]> {
  return (await thread.call('readTraffic', { ids })).traffic;
}

/** @throws AppError where there is such a file already, or cannot be. */
async function writeNew(file: string, text: string): Promise<void> {
  if (!isAbsolute(file)) throw new AppError({ code: 'usage', message: `${file} is not a whole path` });
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: `There is no folder ${dirname(file)}`,
      EEXIST: 'It is there already',
    };
    throw new AppError(
      {
        code: 'usage',
        message: `${file} cannot be written`,
        reason: reasons[code ?? ''] ?? message,
        remedies: [{ label: 'Name another file', command: '--har' }],
      },
      error,
    );
  }
}

/** What names the only connection that has an engagement of the name. @throws AppError where none has: it would be waited for in vain. */
function ownerOf({ state }: Pick<DaemonContext, 'state'>, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const all = Object.values(state.state.engagements);
  const owners = all.filter((engagement) => engagement.name === name);
  const [owner] = owners;
  if (owner !== undefined) return owners.length === 1 ? exactPattern(owner.connection) : undefined;
  throw engagementNotFound(
    name,
    all.map((engagement) => engagement.name),
  );
}

function goneError(): AppError {
  return new AppError({
    code: 'not-found',
    message: 'The request is not kept any more',
    reason: 'The daemon keeps the latest ones only, and none over its own end',
  });
}
