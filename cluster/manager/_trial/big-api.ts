import { FakeApiServer } from '#net/kube/fake-api-server.ts';
const api = new FakeApiServer();
const kube = await api.start();
console.log(kube.credentials.server.href);
api.addCollections('/api/v1/nodes', '/api/v1/pods', '/api/v1/namespaces/ambassador/configmaps', '/apis/networking.k8s.io/v1/servicecidrs', '/apis/apps/v1/namespaces/shop/statefulsets');
const filler = { managedFields: Array.from({ length: 20 }, (_, i) => ({ manager: 'm' + i, fieldsV1: { a: 'x'.repeat(200) } })) };
for (let i = 0; i < 1000; i++) {
  api.put('/apis/apps/v1/namespaces/shop/deployments', { metadata: { name: `web-${i}`, namespace: 'shop', ...filler }, spec: { replicas: 1 }, status: {} } as never);
  for (let j = 0; j < 3; j++) api.put('/apis/apps/v1/namespaces/shop/replicasets', { metadata: { name: `web-${i}-${j}`, namespace: 'shop', ownerReferences: [{ controller: true }], ...filler }, spec: { replicas: 1 }, status: {} } as never);
}
for (let i = 0; i < 3000; i++) api.put('/api/v1/pods', { metadata: { name: `p-${i}`, namespace: 'shop', ...filler }, status: { podIP: `10.${i >> 8}.${i & 255}.5` } } as never);
