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
  const { workload, workloadKind, namespace, container, ports, restarts, conflicts, rights, warnings, commandLine, error } = plan;
  const draft = useInterceptDraft();
  const missing = rights.filter(({ allowed }) => !allowed);
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
        {missing.length > 0 ? (
          <>
            <State shape="cross" tone="bad">
              {words.rightsMissing}
            </State>
            <ul className="intercept-pods">
              {missing.map(({ verb, resource, namespace: where }) => (
                <li key={`${verb} ${resource} ${where}`}>
                  <code>{words.right(verb, resource, where)}</code>
                </li>
              ))}
            </ul>
          </>
        ) : (
          <State shape={rights.length === 0 ? 'hollow' : 'check'} tone={rights.length === 0 ? 'dim' : 'good'}>
            {rights.length === 0 ? words.rightsUnknown : words.rightsAll(rights.length)}
          </State>
        )}
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
    </>
  );
}

/**
 * Whether Start can be offered. Rights that are lacking do not hold it back: they are those of connecting, which is done, and what an intercept
 * takes in the cluster the traffic-manager does. What that refuses is the plan's error.
 */
export function canStart(plan: Answer<'planIntercept'>): boolean {
  return !plan.isLoading && plan.output !== undefined && plan.output.error === undefined && plan.output.conflicts.length === 0;
}
