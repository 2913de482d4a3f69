import { expect, it } from 'vitest';
import { remedyPlan } from './remedy-plan.ts';

it.each([
  ['telepresence connect', { kind: 'connect', change: {}, isAgain: false }],
  ['telepresence connect --vnat 10.0.0.0/8,10.1.0.0/16', { change: { vnat: ['10.0.0.0/8', '10.1.0.0/16'] } }],
  ['telepresence connect --vnat all', { change: { vnat: ['all'] } }],
  ['telepresence connect --allow-conflicting-subnets 10.0.0.0/8', { change: { allowConflictingSubnets: ['10.0.0.0/8'] } }],
  ['telepresence connect --never-proxy 10.0.0.0/8', { change: { neverProxy: ['10.0.0.0/8'] } }],
  ['telepresence connect --rootless', { change: { mode: 'rootless' } }],
  ['telepresence connect --manager-namespace tools', { change: { managerNamespace: 'tools' } }],
  // To be filled in.
  ['telepresence connect --namespace NAME', { kind: 'connect', change: {} }],
  ['telepresence quit && telepresence connect --namespace shop', { change: { namespace: 'shop' }, isAgain: true }],
  ['telepresence helm install --manager-namespace tools', { kind: 'connect', change: { managerNamespace: 'tools' } }],
  ['telepresence helm upgrade', { kind: 'upgrade', values: [], isReused: false }],
  ['telepresence helm upgrade --set clientRbac.create=true', { kind: 'upgrade', values: ['clientRbac.create=true'] }],
  ['telepresence quit', { kind: 'disconnect' }],
  ['telepresence quit -s', { kind: 'stop-daemon' }],
  ['telepresence resume', { kind: 'resume' }],
  ['telepresence leave cart', { kind: 'leave', engagement: 'cart' }],
  ['telepresence list --intercepts', { kind: 'open', place: { page: 'engagements' } }],
  ['telepresence doctor --output json', { kind: 'open', place: { page: 'diagnose' } }],
  ['telepresence config view', { kind: 'open', place: { page: 'settings' } }],
  ['telepresence intercept NAME --workload WORKLOAD', { kind: 'open', place: { page: 'intercept' } }],
])('knows what the window does instead of %s', (command, plan) => {
  expect(remedyPlan(command)).toMatchObject(plan);
});

it.each([
  'kubectl get namespaces',
  'sudo modprobe tun',
  '--port 8080:http',
  'telepresence ui',
  'telepresence constructor',
  'telepresence connect -- command args',
  'telepresence connect --unknown x',
  'telepresence pause --for 15m',
  'telepresence helm install --set image.registry=REGISTRY,image.tag=VERSION',
  'telepresence helm install --set namespaces={first,second}',
  'telepresence helm upgrade --reuse-values --set namespaces=…',
  'telepresence helm install --set rbac.only=true --dry-run | kubectl apply -f -',
  'telepresence quit -s && rm -r x',
])('leaves to a shell: %s', (command) => {
  expect(remedyPlan(command)).toBeUndefined();
});
