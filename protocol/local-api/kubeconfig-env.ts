import { type CallName, localApi } from './local-api.ts';

const calls: ReadonlySet<string> = new Set(
  Object.entries(localApi)
    .filter(([, { input }]) => 'kubeconfigEnv' in input.shape)
    .map(([name]) => name),
);

/**
 * The input of a call with the KUBECONFIG of the page's host, for a page has no environment of its own: where the call takes one, and names
 * neither that nor a file. Otherwise the input as it is.
 */
export function withKubeconfigEnv<Input>(call: CallName, input: Input, kubeconfigEnv: string | undefined): Input {
  if (kubeconfigEnv === undefined || kubeconfigEnv === '' || !calls.has(call)) return input;
  if (typeof input !== 'object' || input === null || 'kubeconfigEnv' in input) return input;
  const { kubeFlags } = input as { readonly kubeFlags?: { readonly kubeconfig?: string } };
  return kubeFlags?.kubeconfig === undefined ? { ...input, kubeconfigEnv } : input;
}
