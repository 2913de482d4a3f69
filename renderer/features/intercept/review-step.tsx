import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { Answer } from '../../api/use-call.ts';
import { laptopEndpoint } from '../../domain/engagement-view.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Facts, Loading, Section } from '../../ui/page.tsx';
import { State } from '../../ui/shape.tsx';
import { Conflicts } from './conflicts.tsx';
import { useInterceptDraft } from './intercept-draft.ts';
import { isInTheWay, Rights } from './rights.tsx';

const words = texts.intercept;
type Plan = CallOutput<'planIntercept'>;

/** What Start would do, as the cluster sees it now. */
export function ReviewStep({ plan }: { readonly plan: Answer<'planIntercept'> }) {
  if (plan.error !== undefined) {
    return <ErrorNotice title={words.planFailed} error={plan.error} onRetry={plan.again} />;
  }
  if (plan.output === undefined || plan.isLoading) return <Loading label={words.planLoading} rows={6} />;
  return <PlanView plan={plan.output} />;
}

function PlanView({ plan }: { readonly plan: Plan }) {
  const { workload, workloadKind, namespace, container, ports, restarts, conflicts, rights, warnings, commandLine, yaml, error } =
    plan;
  const draft = useInterceptDraft();
  const address = draft.address === '' ? '127.0.0.1' : draft.address;
  const command = draft.handler === 'command' ? draft.command : draft.handler === 'folder' ? draft.launcher?.command : undefined;
  return (
    <>
      {error !== undefined && <ErrorNotice title={words.planError} error={error} />}
      <div className="ui-card">
        <Facts
          facts={[
            [words.workload, `${workloadKind}/${workload}, ${namespace}`],
            ...(container === undefined ? [] : [[words.container, container] as const]),
            [
              words.route,
              <span className="intercept-routes">
                {ports.map(({ laptopPort, containerPort, protocol, service }) => (
                  <code key={`${containerPort}/${protocol}`}>
                    {service === undefined ? `${workload}:${containerPort}` : `${service.name}:${service.port}`} →{' '}
                    {laptopEndpoint(address, laptopPort)}
                  </code>
                ))}
              </span>,
            ],
            [words.steps.who, words.everyone],
            ...(command === undefined ? [] : [[words.command, <code>{command}</code>] as const]),
          ]}
        />
      </div>
      <Section title={words.restarts}>
        {restarts.length === 0 ? (
          <State shape="check" tone="good">
            {words.restartsNone}
          </State>
        ) : (
          <>
            <State shape="half" tone="warn">
              {words.restartsSome(restarts.length)}
            </State>
            <ul className="intercept-pods">
              {restarts.map((pod) => (
                <li key={pod}>
                  <code>{pod}</code>
                </li>
              ))}
            </ul>
          </>
        )}
      </Section>
      <Section title={words.conflicts}>
        <Conflicts conflicts={conflicts} />
      </Section>
      <Section title={words.rights}>
        <Rights rights={rights} />
      </Section>
      {warnings.length > 0 && (
        <Section title={words.warnings}>
          {warnings.map((warning) => (
            <State key={warning} shape="triangle" tone="warn">
              {warning}
            </State>
          ))}
        </Section>
      )}
      <Section title={words.commandLine} actions={<CopyButton text={commandLine} label={words.copyCommandLine} />}>
        <pre className="intercept-command" tabIndex={0} aria-label={words.commandLine}>
          {commandLine}
        </pre>
      </Section>
      <Section title={words.yaml} actions={<CopyButton text={yaml} label={words.copyYaml} />}>
        <pre className="intercept-command" tabIndex={0} aria-label={words.yaml}>
          {yaml}
        </pre>
      </Section>
    </>
  );
}

/** Whether Start can be offered. Rights that only make it better, or that the next connect takes, do not hold it back. */
export function canStart({ isLoading, output }: Answer<'planIntercept'>): boolean {
  if (isLoading || output === undefined) return false;
  return output.error === undefined && output.conflicts.length === 0 && !output.rights.some(isInTheWay);
}
