import { quotedForShell } from '#base/common/shell-quote.ts';
import type { InterceptRequest } from '#protocol/local-api/model.ts';

/** The command that does the same, ready for a POSIX shell. */
export function interceptCommand(request: InterceptRequest, use: string | undefined): string {
  const { name, workload, namespace, service, container, ports, address, toPod, envFile, envJson, handler } = request;
  const option = (flag: string, value: string | undefined) => (value === undefined ? [] : [flag, value]);
  const words = [
    'telepresence',
    ...option('--use', use),
    'intercept',
    name,
    ...option('--workload', workload),
    ...option('--namespace', namespace),
    ...option('--service', service),
    ...option('--container', container),
    ...ports.flatMap(({ laptopPort, identifier }) => ['--port', [laptopPort, identifier].filter(isThere).join(':')]),
    ...option('--address', address),
    ...toPod.flatMap((port) => ['--to-pod', String(port)]),
    ...option('--env-file', envFile?.path),
    ...(envFile === undefined || envFile.syntax === 'docker' ? [] : ['--env-syntax', envFile.syntax]),
    ...option('--env-json', envJson),
  ];
  const line = words.map(quotedForShell).join(' ');
  if (handler === undefined) return line;
  const environment = Object.entries(handler.environment).map(([key, value]) => `${key}=${quotedForShell(value)}`);
  const command = [
    'cd',
    quotedForShell(handler.directory),
    '&&',
    ...environment,
    line,
    '--',
    'sh',
    '-c',
    quotedForShell(handler.command),
  ];
  return command.join(' ');
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}
