import type { DoctorCheck } from '#protocol/local-api/model.ts';
import { openDaemon, withApi } from '../daemon/open-daemon.ts';
import { type KubeFlagOptions, kubeInput } from '../flags/kube-flags.ts';
import type { CliIo, Command } from '../invocation.ts';
import { remedyText } from '../output/error-text.ts';

/** What the checks compare with the daemon's own; nothing else of the environment leaves this process. */
const comparedVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'];

const words: Readonly<Record<DoctorCheck['status'], string>> = {
  pass: 'ok   ',
  warn: 'warn ',
  fail: 'FAIL ',
  'not-applicable': '-    ',
};

/** Runs the doctor's checks. The exit code is 1 where one of them fails. */
export const doctor: Command<KubeFlagOptions & { readonly managerNamespace?: string }> = (invocation, options, only) =>
  withApi(openDaemon(invocation), async (api) => {
    const { globals, io, output, progress, signal } = invocation;
    const managerNamespace = options.managerNamespace ?? (io.env['TELEPRESENCE_MANAGER_NAMESPACE'] || undefined);
    const input = {
      ...kubeInput(options, io),
      ...(globals.use === undefined ? {} : { use: globals.use }),
      ...(managerNamespace === undefined ? {} : { managerNamespace }),
      environment: comparedEnvironment(io.env),
      only: [...only],
    };
    const { checks } = await api.call('runDoctor', input, {
      onEvent: ({ title }) => progress.stage(`Checked: ${title}`),
      signal,
    });
    progress.clear();
    output.result({ checks }, () => checks.flatMap(checkLines).join('\n'));
    return checks.some(({ status }) => status === 'fail') ? 1 : 0;
  });

function checkLines({ id, title, status, reason, remedies }: DoctorCheck): string[] {
  const shown = status === 'pass' || status === 'not-applicable' ? [] : remedies;
  return [
    `${words[status]} ${title} (${id}): ${reason}`,
    ...shown.map((remedy) => `        do: ${remedyText(textOnly(remedy))}`),
  ];
}

function textOnly({ label, command, link }: DoctorCheck['remedies'][number]): Parameters<typeof remedyText>[0] {
  return { label, ...(command === undefined ? {} : { command }), ...(link === undefined ? {} : { link }) };
}

function comparedEnvironment(env: CliIo['env']): Record<string, string> {
  const names = [...comparedVariables, ...comparedVariables.map((name) => name.toLowerCase()), 'PATH'];
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
