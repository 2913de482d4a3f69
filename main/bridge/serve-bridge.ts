import type { Logger } from '#base/common/log.ts';
import {
  type AppCallInput,
  type AppCallName,
  type AppCallOutput,
  type AppEvent,
  type AppMessage,
  appBridge,
  appRequest,
} from '#protocol/app-bridge/app-bridge.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { MainPort } from '../daemon/relay.ts';

/** One handler for each call of the bridge. */
export type BridgeHandlers = {
  readonly [Name in AppCallName]: (input: AppCallInput<Name>) => Promise<AppCallOutput<Name>>;
};

/** Main's end of one page's bridge. */
export interface ServedBridge {
  push(event: AppEvent): void;
  close(): void;
}

/** Serves the bridge on a port until that closes; `onClosed` tells. A page that breaks the protocol loses its port. */
export function serveBridge(port: MainPort, handlers: BridgeHandlers, logger: Logger, onClosed: () => void): ServedBridge {
  let isOpen = true;
  const send = (message: AppMessage) => {
    if (isOpen) port.postMessage(message);
  };
  const end = () => {
    if (!isOpen) return;
    isOpen = false;
    port.close();
    onClosed();
  };
  port.on('message', ({ data }) => {
    if (!isOpen) return;
    const request = appRequest.safeParse(data);
    if (!request.success) {
      logger.warn('A page broke the protocol of the bridge');
      end();
      return;
    }
    const { id, call, input } = request.data;
    answer(handlers, call, input).then(
      (output) => send({ id, output }),
      (thrown: unknown) => {
        const error = AppError.from(thrown);
        logger.info('A call of the page failed', { call, code: error.code, message: error.message });
        send({ id, error: error.toData() });
      },
    );
  });
  port.on('close', end);
  port.start();
  return { push: (event) => send({ push: event }), close: end };
}

async function answer(handlers: BridgeHandlers, call: AppCallName, input: unknown): Promise<unknown> {
  const parsed = appBridge[call].input.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError({
      code: 'usage',
      message: `The input of ${call} is not valid`,
      reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    });
  }
  return await (handlers[call] as (input: unknown) => Promise<unknown>)(parsed.data);
}
