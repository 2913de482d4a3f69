import { AppError } from '#protocol/errors/app-error.ts';
import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command } from '../invocation.ts';
import { connectionWord } from './status-model.ts';

const minuteMs = 60_000;
const maxMinutes = 7 * 24 * 60;

/** Takes interface, routes and DNS of a connection away for a while; its session and engagements stay. */
export const pause: Command<{ readonly for?: string }> = (invocation, { for: time }) => {
  const minutes = time === undefined ? undefined : minutesOf(time);
  return withApi(requireDaemon(invocation), async (api) => {
    const { globals, output, signal } = invocation;
    const input = {
      ...(globals.use === undefined ? {} : { use: globals.use }),
      ...(minutes === undefined ? {} : { minutes }),
    };
    const { connection } = await api.call('pause', input, { signal });
    const { name, state } = connection;
    const until = state.kind === 'paused' ? state.until : undefined;
    output.result({ name, state: connectionWord(state), ...(until === undefined ? {} : { until }) }, () =>
      until === undefined
        ? `Paused ${name}, until: telepresence resume`
        : `Paused ${name} until ${new Date(until).toLocaleTimeString()}`,
    );
    return 0;
  });
};

/** `15m`, `1h30m`, or minutes without a unit; part of a minute counts as a whole one. */
function minutesOf(text: string): number {
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(/^\d+$/.test(text) ? `${text}m` : text);
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = (match ?? []).slice(1).map((part) => Number(part ?? 0));
  const total = Math.ceil((((days * 24 + hours) * 60 + minutes) * minuteMs + seconds * 1_000) / minuteMs);
  if (match !== null && total >= 1 && total <= maxMinutes) return total;
  throw new AppError({
    code: 'usage',
    message: `"${text}" is no time to pause for`,
    reason: 'It has to be a duration between one minute and 7 days',
    remedies: [{ label: 'Write it like this', command: 'telepresence pause --for 15m' }],
  });
}
