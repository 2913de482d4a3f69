import { expect, test } from 'vitest';
import {
  disconnectCommand,
  doctorCommand,
  gatherLogsCommand,
  leaveCommand,
  pauseCommand,
  podShellCommand,
  resumeCommand,
  shellCommand,
} from './command-line.ts';

test('actions on the only connection are short lines', () => {
  expect(leaveCommand('cart', undefined)).toBe('telepresence leave cart');
  expect(pauseCommand(15, undefined)).toBe('telepresence pause --for 15m');
  expect(pauseCommand(60, undefined)).toBe('telepresence pause --for 1h');
  expect(resumeCommand(undefined)).toBe('telepresence resume');
  expect(disconnectCommand(undefined)).toBe('telepresence quit');
  expect(shellCommand(undefined)).toBe('telepresence shell');
  expect(doctorCommand(undefined)).toBe('telepresence doctor');
});

test('one of several connections is named, so that a shell hands it on as it is', () => {
  expect(leaveCommand('cart', '^a.b$')).toBe("telepresence --use '^a.b$' leave cart");
  expect(doctorCommand('^a$', ['dns', 'routes'])).toBe("telepresence --use '^a$' doctor dns routes");
});

test('an export says what differs from the defaults of the command', () => {
  const all = {
    outputFile: '/tmp/logs.zip',
    daemons: ['user', 'root'] as ('user' | 'root')[],
    trafficManager: true,
    trafficAgents: 'all',
    anonymize: false,
    podYaml: false,
  };
  expect(gatherLogsCommand(all)).toBe('telepresence gather-logs --output-file /tmp/logs.zip');
  expect(
    gatherLogsCommand({
      ...all,
      outputFile: '/tmp/my logs.zip',
      daemons: [],
      trafficManager: false,
      trafficAgents: 'cart',
      anonymize: true,
      podYaml: true,
    }),
  ).toBe(
    "telepresence gather-logs --output-file '/tmp/my logs.zip' --daemons none --traffic-manager=false --traffic-agents cart --anonymize --get-pod-yaml",
  );
  expect(gatherLogsCommand({ ...all, daemons: ['root'], trafficAgents: 'none' })).toBe(
    'telepresence gather-logs --output-file /tmp/logs.zip --daemons root --traffic-agents none',
  );
});

test('a shell in a workload is in the given pod and container, else in what kubectl picks', () => {
  const place = { kind: 'Deployment', name: 'cart', namespace: 'shop' };
  expect(podShellCommand(place, undefined, undefined).join(' ')).toBe(
    'kubectl exec --stdin --tty --namespace shop deployment/cart -- sh',
  );
  expect(podShellCommand(place, 'cart-1', 'app').join(' ')).toBe(
    'kubectl exec --stdin --tty --namespace shop --container app cart-1 -- sh',
  );
});
