import { expect, test } from 'vitest';
import { reportText } from './doctor-run.ts';

test('writes a report with the words of the page, reasons and remedies', () => {
  const words = { pass: 'Pass', warn: 'Warning', fail: 'Fail', 'not-applicable': 'Not applicable' };
  const text = reportText(
    [
      {
        id: 'helper',
        title: 'Privileged helper',
        status: 'fail',
        reason: 'It does not run',
        remedies: [{ label: 'Start it', command: 'telepresence connect' }],
      },
      { id: 'tun', title: 'Interface', status: 'pass', reason: 'It can be made', remedies: [] },
    ],
    words,
  );
  expect(text).toBe(
    'Fail: Privileged helper\n  It does not run\n  Start it: telepresence connect\nPass: Interface\n  It can be made',
  );
});
