import { KubeClient } from '#net/kube/kube-client.ts';
import { readEnvironment } from '../environment.ts';
import { ManagerLog } from '../manager-log.ts';
import { TrafficManager } from '../traffic-manager.ts';
const log = new ManagerLog('info');
const m = new TrafficManager({ settings: readEnvironment(process.env), kube: new KubeClient({ server: new URL(process.env['API'] ?? ''), requestOptions: async () => ({}) }), log, kubernetesServiceIp: '10.96.0.1', resolvConfFile: '/tmp/mgr-trial/resolv.conf' });
await m.start();
