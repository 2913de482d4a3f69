import { type CallName, localApi } from './local-api.ts';

/** The calls that take the KUBECONFIG of whoever asks. */
export const kubeconfigCalls: readonly CallName[] = (Object.keys(localApi) as CallName[]).filter(
  (name) => 'kubeconfigEnv' in localApi[name].input.shape,
);

/**
 * The input of a call with the KUBECONFIG of the page's host, for a page has no environment of its own: where the call takes one, and names
 * neither that nor a file. Otherwise the input as it is.
 */
export function withKubeconfigEnv<Input>(call: CallName, input: Input, kubeconfigEnv: string | undefined): Input {
  if (kubeconfigEnv === undefined || kubeconfigEnv === '' || !kubeconfigCalls.includes(call)) return input;
  if (typeof input !== 'object' || input === null || 'kubeconfigEnv' in input) return input;
  const { kubeFlags } = input as { readonly kubeFlags?: { readonly kubeconfig?: string } };
  return kubeFlags?.kubeconfig === undefined ? { ...input, kubeconfigEnv } : input;
}
