import { connectionMethod, type TrafficFilter } from '#protocol/local-api/traffic-filter.ts';

/** The flags, beside the engagement, of the command that shows the same. */
export function filterFlags({ text, methods, statuses }: TrafficFilter): readonly string[] {
  const shown = methods.filter((method) => method !== connectionMethod);
  const classes = statuses.map((status) => (/^\d$/.test(status) ? `${status}xx` : status));
  return [
    ...(shown.length === 0 ? [] : ['--method', shown.join(',')]),
    ...(classes.length === 0 ? [] : ['--status', classes.join(',')]),
    ...(text.trim() === '' ? [] : ['--grep', text.trim()]),
  ];
}
