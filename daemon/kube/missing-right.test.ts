import { expect, it } from 'vitest';
import { KubeStatusError } from '#net/kube/kube-client.ts';
import { clusterError } from './cluster-error.ts';

function refused(message: string) {
  const error = new KubeStatusError(403, 'Forbidden', message);
  return clusterError(error, { server: 'https://cluster', action: 'read logs' });
}

it.each([
  [
    'pods "shop-1" is forbidden: User "dev@corp" cannot get resource "pods/log" in API group "" in the namespace "shop"',
    'You may not read logs: the right to get pods/log in namespace "shop" is missing',
    'kubectl --namespace shop create role telepresence-get-pods-log --verb=get --resource=pods/log' +
      ' && kubectl --namespace shop create rolebinding telepresence-get-pods-log --role=telepresence-get-pods-log --user=dev@corp',
  ],
  [
    'namespaces is forbidden: User "system:serviceaccount:team:dev" cannot list resource "namespaces" in API group "" at the cluster scope',
    'You may not read logs: the right to list namespaces in the cluster is missing',
    'kubectl create clusterrole telepresence-list-namespaces --verb=list --resource=namespaces' +
      ' && kubectl create clusterrolebinding telepresence-list-namespaces --clusterrole=telepresence-list-namespaces --serviceaccount=team:dev',
  ],
  [
    'replicasets.apps is forbidden: User "O\'Neil; rm" cannot list resource "replicasets" in API group "apps" in the namespace "shop"',
    'You may not read logs: the right to list replicasets.apps in namespace "shop" is missing',
    'kubectl --namespace shop create role telepresence-list-replicasets --verb=list --resource=replicasets.apps' +
      ` && kubectl --namespace shop create rolebinding telepresence-list-replicasets --role=telepresence-list-replicasets --user='O'\\''Neil; rm'`,
  ],
])('names the right that an API server misses, and the command that grants it: %s', (text, message, command) => {
  const error = refused(text);
  expect(error).toMatchObject({ code: 'cluster.forbidden', message, reason: text });
  expect(error.remedies[0]?.command).toBe(command);
});

it('hands on a refusal that is not about rights', () => {
  const text = 'pods "x" is forbidden: exceeded quota: memory';
  expect(refused(text)).toMatchObject({
    code: 'cluster.forbidden',
    message: 'You may not read logs in this cluster',
    reason: text,
  });
});
