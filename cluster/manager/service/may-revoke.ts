import { timingSafeEqual } from 'node:crypto';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { managerName } from '#protocol/chart/manager-environment.ts';
import { revocationAnnotation } from '#protocol/cluster/desktop-wire.ts';

/** 16 bytes in hexadecimal. */
const minNonceCharacters = 32;

interface ConfigMap {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

/** Whether whoever asks has written into the ConfigMap what they ask for: it is the API server that finds out whether they may. */
export async function mayRevoke(
  { kube, namespace }: { readonly kube: KubeClient; readonly namespace: string },
  { id, nonce }: { readonly id: string; readonly nonce: string },
  signal: AbortSignal,
): Promise<boolean> {
  if (nonce.length < minNonceCharacters) return false;
  const found = await kube.find<ConfigMap>(`/api/v1/namespaces/${namespace}/configmaps/${managerName}`, signal);
  const written = Buffer.from(found?.metadata?.annotations?.[revocationAnnotation] ?? '');
  const expected = Buffer.from(`${id} ${nonce}`);
  return written.length === expected.length && timingSafeEqual(written, expected);
}
