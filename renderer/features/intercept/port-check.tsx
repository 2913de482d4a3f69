import { useEffect } from 'react';
import { useAnswer } from '../../api/use-call.ts';
import { texts } from '../../texts/en.ts';
import { State } from '../../ui/shape.tsx';

const words = texts.intercept;
/** Who starts a program beside the window sees it here soon after. */
const againMs = 2_000;
const settleMs = 200;

/** Whether something listens on the port, looked at again while one looks at it. The line keeps its place whatever it says. */
export function PortCheck({
  port,
  address,
  isForCommand,
}: {
  readonly port: number | undefined;
  readonly address: string;
  /** What listens is to be started yet. */
  readonly isForCommand: boolean;
}) {
  const isValid = port !== undefined && port >= 1 && port <= 65_535;
  const check = useAnswer('checkLaptopPort', isValid ? { port, ...(address === '' ? {} : { address }) } : undefined, settleMs);
  const { isLoading, again, output, error } = check;
  useEffect(() => {
    if (isLoading || !isValid) return;
    const timer = setTimeout(again, againMs);
    return () => clearTimeout(timer);
  });
  return (
    <p className="intercept-port-check" role="status">
      {!isValid ? null : error !== undefined ? (
        <State shape="hollow" tone="dim">
          {error.message}
        </State>
      ) : output === undefined ? (
        <State shape="dots" tone="accent">
          {words.portChecking}
        </State>
      ) : output.engagement !== undefined ? (
        <State shape="triangle" tone="warn">
          {words.portEngaged(output.engagement)}
        </State>
      ) : output.listening ? (
        <State shape={isForCommand ? 'triangle' : 'solid'} tone={isForCommand ? 'warn' : 'good'}>
          {isForCommand
            ? words.portBusyCommand
            : output.process === undefined
              ? words.portListeningUnknown
              : words.portListening(`${output.process.name} (${output.process.pid})`)}
        </State>
      ) : (
        <State shape="hollow" tone={isForCommand ? 'good' : 'warn'}>
          {isForCommand ? words.portSilentCommand : words.portSilent}
        </State>
      )}
    </p>
  );
}
