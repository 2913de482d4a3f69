import * as z from 'zod/mini';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import { withKubeconfigEnv } from '#protocol/local-api/kubeconfig-env.ts';
import { type CallName, localApi } from '#protocol/local-api/local-api.ts';
import type { ClientMessage } from '#protocol/local-api/messages.ts';

const id = z.int().check(z.minimum(1));

const clientMessage = z.union([
  z.strictObject({ hello: z.string().check(z.maxLength(64)) }),
  z.strictObject({ id, cancel: z.literal(true) }),
  z.strictObject({ id, call: z.string().check(z.maxLength(64)), input: z.unknown() }),
]);

/**
 * What a page sent, as a message of the local API. `violation`: nothing of that protocol, which ends its port. `refused`: a call that
 * there is none of or with input that does not fit, which is answered without asking the daemon.
 */
export type CheckedMessage =
  | { readonly kind: 'message'; readonly message: ClientMessage }
  | { readonly kind: 'refused'; readonly id: number; readonly error: ErrorData }
  | { readonly kind: 'violation'; readonly reason: string };

/** `kubeconfigEnv`: what a call gets that names no kubeconfig. */
export function checkClientMessage(value: unknown, isGreeted: boolean, kubeconfigEnv?: string): CheckedMessage {
  const parsed = clientMessage.safeParse(value);
  if (!parsed.success) return { kind: 'violation', reason: 'not a message of the local API' };
  const message = parsed.data;
  if ('hello' in message !== !isGreeted) return { kind: 'violation', reason: 'a greeting comes first, and once' };
  if (!('call' in message)) return { kind: 'message', message };
  const { call } = message;
  if (!isCallName(call)) return refusal(message.id, `There is no call ${call}`);
  const input = localApi[call].input.safeParse(message.input);
  if (input.success)
    return { kind: 'message', message: { id: message.id, call, input: withKubeconfigEnv(call, message.input, kubeconfigEnv) } };
  const [issue] = input.error.issues;
  return refusal(message.id, `The input of ${call} is not valid`, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function isCallName(name: string): name is CallName {
  return Object.hasOwn(localApi, name);
}

function refusal(callId: number, message: string, reason?: string): CheckedMessage {
  return { kind: 'refused', id: callId, error: { code: 'usage', message, ...(reason === undefined ? {} : { reason }) } };
}
