import { AppError } from '#protocol/errors/app-error.ts';
import { shopReport } from '#protocol/sandbox/sandbox-control.ts';
import { callControl, failureOf, readReports, socketOf } from './control-client.ts';
import type { SandboxPlace } from './launch-sandbox.ts';

/** What happens while the shop is deployed, for people. */
const stages = {
  objects: 'Deploying the demo shop: web → cart → catalogue → stock',
  pods: 'Waiting for the pods of the demo shop',
} as const;

/**
 * Has the sandbox that runs deploy its demo shop, four services in a namespace of their own, and waits until it serves. What is there of it
 * already stays as it is. Resolves to the namespace.
 *
 * @throws AppError `cancelled`, or where no sandbox runs, or the shop does not get ready
 */
export async function deployShop({ paths, signal, onStage }: SandboxPlace): Promise<string> {
  if (signal.aborted) throw AppError.from(signal.reason);
  const answer = await callControl(socketOf(paths), 'POST', '/shop');
  if (answer === undefined) throw ended();
  if (answer.statusCode === 404) {
    answer.destroy();
    throw new AppError({
      code: 'sandbox.unsupported',
      message: 'The sandbox that runs is of another version, which has no demo shop',
      remedies: [{ label: 'End it, and start it anew', command: 'telepresence sandbox down' }],
    });
  }
  const last = await readReports(answer, shopReport, signal, (report) => {
    if (report.state === 'deploying') onStage(stages[report.stage]);
  });
  if (signal.aborted) throw AppError.from(signal.reason);
  switch (last?.state) {
    case 'deployed':
      return last.namespace;
    case 'failed':
      throw failureOf(last);
    case 'deploying':
    case undefined:
      throw ended();
  }
}

function ended(): AppError {
  return new AppError({
    code: 'sandbox.unsupported',
    message: 'The sandbox ended before its demo shop was there',
    remedies: [{ label: 'Start it', command: 'telepresence sandbox up --shop' }],
  });
}
