import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Manager } from '#protocol/cluster/generated/manager_pb.js';
const c = createClient(Manager, createGrpcTransport({ baseUrl: 'http://127.0.0.1:18081' }));
const session = await c.arriveAsClient({ name: 'me@x', namespace: 'shop', product: 'telepresence' });
const t0 = performance.now();
for await (const d of c.watchWorkloads({ sessionInfo: session })) { console.log('events', d.events.length, Math.round(performance.now() - t0), 'ms'); break; }
for await (const d of c.watchClusterInfo(session)) { console.log('pods', d.podSubnets.length); break; }
process.exit(0);
