import { createInterface } from 'node:readline';
import { InterceptDispositionType } from '#protocol/cluster/generated/manager_pb.js';
import { FakeManager } from './fake-manager.ts';

/** For tests: a traffic-manager in a namespace of its own, told in lines: the container port to intercept, or `none`. No laptop watches. */
const [host = '', port = ''] = process.argv.slice(2);
const manager = new FakeManager();
await manager.start(Number(port), host);
process.stdout.write('listening\n');
let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'none') {
    manager.setIntercepts();
    process.stdout.write('none\n');
    continue;
  }
  count += 1;
  const id = `intercept-${count}`;
  const spec = { name: id, agent: 'shop', namespace: 'prod', mechanism: 'tcp', containerPort: Number(line), protocol: 'TCP' };
  manager.setIntercepts({ id, clientSession: { sessionId: 'laptop' }, spec });
  await manager.until(() => manager.dispositionOf(id) === InterceptDispositionType.ACTIVE);
  process.stdout.write('active\n');
}
