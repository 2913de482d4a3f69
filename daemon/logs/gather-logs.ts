import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { ZipFile } from '#base/node/zip-file.ts';
import { agentContainerName } from '#protocol/agent/agent-config.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput, CallOutput } from '#protocol/local-api/local-api.ts';
import type { Connections } from '../connection/connections.ts';
import { clusterError } from '../kube/cluster-error.ts';
import { Anonymizer } from './anonymizer.ts';
import { listAgentPods, listManagerPods, type PodObject } from './cluster-pods.ts';
import { LineSample } from './line-sample.ts';
import { daemonLogFile, helperLogFile, isReadable, type LaptopLogs } from './local-logs.ts';
import { type LogCluster, withLogCluster } from './log-cluster.ts';
import { linesOf, podLogPath } from './pod-log.ts';
import { podYaml } from './pod-yaml.ts';
import { createRedactor } from './redact-log.ts';

export interface GatherOptions {
  readonly laptop: LaptopLogs;
  readonly connections: Pick<Connections, 'target' | 'isEmpty'>;
  readonly connectionNames: readonly string[];
  readonly stage: (stage: string) => void;
  readonly signal: AbortSignal;
}

/** Of one pod: more than anybody reads, and what a slow API server still sends. */
const maxPodLogBytes = 32 * 1024 * 1024;
const podLogTimeoutMs = 60_000;

const ownLogs = /^(daemon|daemon-output|connection-.+|app|handler-.+)\.log(\.\d+)?$/;

type Choice = CallInput<'previewLogs'>;
type Entry = CallOutput<'previewLogs'>['entries'][number];

/** What the text of an entry goes to. @returns how many bytes that were. */
type AddEntry = (name: string, pieces: AsyncIterable<string>) => Promise<number>;

interface Archive {
  readonly add: AddEntry;
  readonly anonymizer: Anonymizer | undefined;
  readonly entries: Entry[];
  readonly problems: string[];
}

/** Writes logs into a zip file. One that cannot be read is told of in its place, and does not keep the others out. */
export async function gatherLogs(input: CallInput<'gatherLogs'>, options: GatherOptions): Promise<CallOutput<'gatherLogs'>> {
  const { outputFile: file, ...choice } = input;
  const zip = await openZip(file);
  try {
    const { entries, problems } = await collect(choice, options, (name, pieces) => zip.add(name, pieces));
    await zip.finish();
    return { file, entries: entries.map(({ name, bytes }) => ({ name, bytes })), problems };
  } catch (error) {
    await zip.giveUp();
    throw error;
  }
}

/** What `gatherLogs` would write. Each log is read to its end, which is the only way to know. */
export async function previewLogs(choice: Choice, options: GatherOptions): Promise<CallOutput<'previewLogs'>> {
  const { entries, problems } = await collect(choice, options, async (_name, pieces) => {
    let bytes = 0;
    for await (const piece of pieces) bytes += Buffer.byteLength(piece);
    return bytes;
  });
  return { entries, problems };
}

async function collect(input: Choice, options: GatherOptions, add: AddEntry): Promise<Pick<Archive, 'entries' | 'problems'>> {
  const anonymizer = input.anonymize ? new Anonymizer() : undefined;
  const archive: Archive = { add, anonymizer, entries: [], problems: [] };
  try {
    const wantsCluster = input.trafficManager || input.trafficAgents !== 'none';
    for (const name of options.connectionNames) anonymizer?.add('connection', name);
    if (wantsCluster && input.use === undefined && options.connections.isEmpty) {
      archive.problems.push('Not connected to a cluster: only logs of the laptop');
      await addLaptopLogs(archive, input, options);
    } else if (wantsCluster) {
      // Names of the cluster are known before anything is written that they may be in.
      await withLogCluster(options.connections, input.use, 'read logs', async (cluster) => {
        const pods = await choosePods(cluster, input, archive, options.signal);
        await addLaptopLogs(archive, input, options);
        for (const { pod, container } of pods) {
          options.stage(`Reading the log of ${pod.metadata.name}`);
          await addPod(archive, cluster, pod, container, input.podYaml, options.signal);
        }
      });
    } else await addLaptopLogs(archive, input, options);
  } catch (error) {
    if (options.signal.aborted) throw new AppError({ code: 'cancelled', message: 'Gathering logs was cancelled' }, error);
    throw error;
  }
  return archive;
}

async function openZip(file: string): Promise<ZipFile> {
  if (!isAbsolute(file)) throw new AppError({ code: 'usage', message: `${file} is not a whole path` });
  try {
    return await ZipFile.create(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? `There is no folder ${dirname(file)}` : message;
    throw new AppError(
      {
        code: 'usage',
        message: `${file} cannot be written`,
        reason,
        remedies: [{ label: 'Name another file', command: '--output-file' }],
      },
      error,
    );
  }
}

async function addLaptopLogs(archive: Archive, { daemons }: Choice, { laptop, stage, signal }: GatherOptions): Promise<void> {
  stage('Reading the logs of the laptop');
  const files: string[] = [];
  if (daemons.includes('user')) {
    const { logDirectory } = laptop.paths;
    const names = await readdir(logDirectory).catch(() => []);
    files.push(...names.filter((name) => ownLogs.test(name)).map((name) => join(logDirectory, name)));
    const daemonLog = daemonLogFile(logDirectory, laptop.env);
    if (dirname(daemonLog) !== logDirectory) files.push(daemonLog);
  }
  if (daemons.includes('root')) {
    const helperLog = helperLogFile(laptop.paths);
    if (await isReadable(helperLog)) files.push(helperLog);
    else archive.problems.push("The helper's log is not there, or not for this user to read");
  }
  const renames = new Anonymizer();
  for (const path of files.sort()) {
    signal.throwIfAborted();
    const name = archive.anonymizer === undefined ? basename(path) : anonymousFileName(basename(path), renames);
    await addText(archive, name, createReadStream(path));
  }
}

/** Their names are made of names of contexts, namespaces and workloads. */
function anonymousFileName(name: string, renames: Anonymizer): string {
  const match = /^(connection|handler)-(.+)(\.log(?:\.\d+)?)$/.exec(name);
  if (match === null) return name;
  const [, kind = '', own = '', end = ''] = match;
  renames.add(kind, `${kind}-${own}`);
  return renames.text(`${kind}-${own}`) + end;
}

async function choosePods(
  cluster: LogCluster,
  input: Choice,
  { anonymizer, problems }: Archive,
  signal: AbortSignal,
): Promise<{ readonly pod: PodObject; readonly container: string }[]> {
  const { client, server, namespace, managerNamespace, mappedNamespaces } = cluster;
  for (const name of [namespace, managerNamespace, ...mappedNamespaces]) anonymizer?.add('namespace', name);
  const tried = async (what: string, list: () => Promise<PodObject[]>): Promise<PodObject[]> => {
    try {
      return await list();
    } catch (error) {
      if (signal.aborted) throw error;
      const text = problemText(clusterError(error, { server, action: `list the pods of ${what}` }));
      problems.push(anonymizer?.text(text) ?? text);
      return [];
    }
  };
  const managers = input.trafficManager
    ? await tried('the traffic-manager', () => listManagerPods(client, managerNamespace, signal))
    : [];
  const { trafficAgents } = input;
  const agents =
    trafficAgents === 'none'
      ? []
      : await tried('agents', async () => {
          const all = await listAgentPods(client, mappedNamespaces, namespace, signal);
          return trafficAgents === 'all' ? all : all.filter(({ metadata }) => metadata.name.includes(trafficAgents));
        });
  for (const { metadata } of managers) anonymizer?.add('traffic-manager', metadata.name);
  for (const { metadata } of agents) anonymizer?.add('pod', metadata.name);
  for (const { metadata } of agents) anonymizer?.add('namespace', metadata.namespace);
  return [
    ...managers.map((pod) => ({ pod, container: pod.spec.containers[0]?.name ?? 'traffic-manager' })),
    ...agents.map((pod) => ({ pod, container: agentContainerName })),
  ];
}

async function addPod(
  archive: Archive,
  cluster: LogCluster,
  { metadata: { name: pod, namespace } }: PodObject,
  container: string,
  withYaml: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { client, server } = cluster;
  const entry = `${pod}.${namespace}`;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(podLogTimeoutMs)]);
  const attempt = async (what: string, name: string, read: () => AsyncIterable<Buffer>) => {
    // The first piece tells whether there is anything: an entry that was begun has to be finished.
    const pieces = read()[Symbol.asyncIterator]();
    try {
      const first = await pieces.next();
      await addText(archive, name, resumed(first, pieces));
      if (deadline.aborted) throw deadline.reason;
    } catch (error) {
      if (signal.aborted) throw error;
      const action = `read the ${what} of pod ${pod} in namespace ${namespace}`;
      const text = problemText(clusterError(error, { server, action }));
      archive.problems.push(archive.anonymizer?.text(text) ?? text);
      await addText(archive, `${entry}.${what}-error.txt`, [Buffer.from(`${text}\n`)]);
    }
  };
  await attempt('log', `${entry}.log`, () =>
    client.stream(podLogPath({ namespace, pod, container }), { container, limitBytes: maxPodLogBytes }, deadline),
  );
  if (!withYaml) return;
  await attempt('yaml', `${entry}.yaml`, async function* () {
    yield Buffer.from(await podYaml(client, namespace, pod, deadline));
  });
}

/** On one line: what is missing, why, and what an administrator can do about it. */
function problemText({ message, reason, remedies }: AppError): string {
  const grants = remedies.flatMap(({ label, command }) => (command === undefined ? [] : [`${label}: ${command}`]));
  return [message, ...(reason === undefined ? [] : [reason]), ...grants].join('; ');
}

/** A stream that breaks off leaves what it has brought so far. */
async function* resumed(first: IteratorResult<Buffer>, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  for (let piece = first; piece.done !== true; piece = await rest.next()) yield piece.value;
}

/** Line by line, without secrets and, where asked for, without names. */
async function addText(archive: Archive, name: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  const { add, anonymizer, entries } = archive;
  const redact = createRedactor();
  const anonymous = (text: string) => anonymizer?.text(text) ?? text;
  const sample = new LineSample();
  const pieces = async function* () {
    let piece = '';
    for await (const line of linesOf(asyncPieces(content))) {
      const shown = anonymous(redact(line));
      sample.take(shown, shown !== line);
      piece += `${shown}\n`;
      if (piece.length < 64 * 1024) continue;
      yield piece;
      piece = '';
    }
    if (piece !== '') yield piece;
  };
  const entryName = anonymous(name);
  const bytes = await add(entryName, pieces());
  entries.push({ name: entryName, bytes, ...sample.result() });
}

async function* asyncPieces(content: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* content;
}
