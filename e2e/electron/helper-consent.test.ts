import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { productPaths } from '#base/node/paths.ts';
import { exampleConnection, exampleSince as since } from '#protocol/local-api/testing/example-state.ts';
import { eventually } from '../support/eventually.ts';
import { useAppRuns } from './testing/app-runs.ts';
import { menuLabels } from './testing/app-under-test.ts';
import { makeDeskWithPrompt, missingForDesk, type PromptAnswer } from './testing/desk-with-prompt.ts';
import { type ScriptedDaemon, startScriptedDaemon } from './testing/scripted-daemon.ts';
import { connected, connectionIn } from './testing/states.ts';

/**
 * The app of an ordinary user, who is asked before anything runs with root's rights. The helper, `sudo-prompt` and everything between are
 * the product's; the person's answers to the dialog and to the system's prompt are the test's.
 */
const runs = useAppRuns();

const missing = missingForDesk;
const note = missing === undefined ? '' : ` (skipped: ${missing})`;

const description = {
  state: 'not-running' as const,
  command: ['what', 'another', 'installation', 'would', 'run'],
  paths: [{ path: '/run/telepresence', purpose: 'its socket and its journal' }],
  changes: ['Routes to the cluster', 'The name server of the laptop'],
};

async function startAsOrdinaryUser() {
  const directory = runs.newDirectory();
  const scripted: { daemon?: ScriptedDaemon } = {};
  const daemon = await startScriptedDaemon(directory.daemonSocket, {
    describeHelper: async () => description,
    connect: async () => {
      scripted.daemon?.set({ connections: connected });
      return { connection: exampleConnection(), alreadyConnected: false, warnings: [] };
    },
    disconnect: async () => {
      scripted.daemon?.set({ connections: {} });
      return { disconnected: ['staging'] };
    },
  });
  scripted.daemon = daemon;
  runs.atEnd(() => daemon.close());
  const desk = await makeDeskWithPrompt(directory);
  runs.atEnd(() => desk.close());
  for (const path of [dirname(directory.daemonSocket), directory.daemonSocket]) desk.own(path);
  const app = runs.start(directory, [], {}, desk.inFrontOf);
  desk.attach(app.pid);
  await app.tray(({ image, items }) => image === 'off-dark.png' && menuLabels(items).includes('Connect to staging'));
  const { helperInstance } = productPaths({ ...directory.env }, 12_345);
  const command = [
    `${directory.appPath}/node_modules/node/bin/node`,
    `${directory.appPath}/dist/helper.js`,
    `--instance ${helperInstance} --uid 12345 --detach`,
  ].join(' ');
  const click = (label: string) => app.request({ kind: 'click-menu', labels: [label] });
  const callsOf = (name: string) => daemon.calls.filter((call) => call.name === name).length;
  return { app, daemon, desk, directory, command, click, callsOf };
}

test.skipIf(missing !== undefined)(
  `shows the very command and what it touches, and does nothing when that is declined${note}`,
  async () => {
    const { app, daemon, desk, command, click, callsOf } = await startAsOrdinaryUser();
    await click('Connect to staging');
    const question = await app.dialog();
    expect(question.message).toContain('small helper');
    expect(question.detail.split('\n')).toEqual([
      'It needs root, and runs this command:',
      command,
      '',
      'It reads or writes:',
      '• /run/telepresence: its socket and its journal',
      '',
      'While connected, it changes:',
      '• Routes to the cluster',
      '• The name server of the laptop',
    ]);
    expect(question.buttons).toEqual(['Start', 'Cancel']);
    // Who clicks again while it is shown gets no second one.
    await click('Connect to staging');
    await app.request({ kind: 'answer-dialog', id: question.id, button: 'Cancel' });
    // What the tray shows next has nothing to do with it, and brings no question either.
    daemon.set({ connections: connectionIn({ kind: 'paused', since }) });
    await app.tray(({ image }) => image === 'paused-dark.png');
    expect(app.reportsOf('dialog')).toHaveLength(1);
    expect(callsOf('connect')).toBe(0);
    expect([...desk.asked('sudo'), ...desk.asked('pkexec')]).toEqual([]);
    expect(app.reportsOf('notification')).toEqual([]);
  },
);

test.skipIf(missing !== undefined)(
  `starts the helper through the system’s prompt, then connects, and asks no more while it runs${note}`,
  async () => {
    const { app, desk, command, click, callsOf } = await startAsOrdinaryUser();
    desk.answer('granted');
    await click('Connect to staging');
    await app.request({ kind: 'answer-dialog', id: (await app.dialog()).id, button: 'Start' });
    await app.tray(({ image }) => image === 'on-dark.png');
    expect(callsOf('connect')).toBe(1);
    // First the way that asks nobody, then the prompt; both are handed what was shown.
    expect(desk.asked('sudo')).toEqual([`--non-interactive -- ${command}`]);
    expect(desk.asked('pkexec')).toHaveLength(1);
    expect(desk.asked('pkexec')[0]).toContain(command);

    await click('Disconnect');
    await app.tray(({ image }) => image === 'off-dark.png');
    await click('Connect to staging');
    await eventually('the second connect', () => expect(callsOf('connect')).toBe(2));
    expect(app.reportsOf('dialog')).toHaveLength(1);
    expect(desk.asked('pkexec')).toHaveLength(1);
  },
);

test.skipIf(missing !== undefined)(`asks for no password where sudo asks for none${note}`, async () => {
  const { app, daemon, desk, command, click, callsOf } = await startAsOrdinaryUser();
  desk.allowSudo(true);
  const error = { code: 'helper.not-running', message: 'The privileged helper is not running' } as const;
  daemon.set({ connections: connectionIn({ kind: 'off', error }) });
  await app.tray(({ image }) => image === 'key-dark.png');
  await click('Start the helper…');
  const question = await app.dialog();
  await app.request({ kind: 'answer-dialog', id: question.id, button: 'Start' });
  await eventually('sudo', () => expect(desk.asked('sudo')).toEqual([`--non-interactive -- ${command}`]));
  // The helper runs: nobody is asked any more, and nothing is connected that nobody wanted.
  daemon.set({ connections: {} });
  await app.tray(({ image }) => image === 'off-dark.png');
  expect(callsOf('connect')).toBe(0);
  await click('Connect to staging');
  await app.tray(({ image }) => image === 'on-dark.png');
  expect(app.reportsOf('dialog')).toHaveLength(1);
  expect(desk.asked('pkexec')).toEqual([]);
});

test.skipIf(missing !== undefined).each<[PromptAnswer, string | undefined]>([
  ['dismissed', undefined],
  ['absent', 'The privileged helper could not be started'],
])(`connects nowhere when the system’s prompt is %s${note}`, async (answer, told) => {
  const { app, desk, directory, click, callsOf } = await startAsOrdinaryUser();
  desk.answer(answer);
  await click('Connect to staging');
  await app.request({ kind: 'answer-dialog', id: (await app.dialog()).id, button: 'Start' });
  await eventually('the end of the click in the log', () =>
    expect(readFileSync(directory.logFile, 'utf8')).toContain('An action of the tray failed'),
  );
  expect(desk.asked('pkexec')).toHaveLength(1);
  expect(callsOf('connect')).toBe(0);
  // Who has just declined needs no telling.
  if (told === undefined) expect(app.reportsOf('notification')).toEqual([]);
  else expect((await app.until('notification', ({ title }) => title === 'Not connected')).body).toContain(told);
  expect(app.reportsOf('dialog')).toHaveLength(1);
});
